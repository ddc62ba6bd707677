"""The query option $filter of users, as far as look-ups of addresses need it (OData URL Conventions, 5.1.1)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from engine.simulator.graph.errors import Refusal, bad_request
from engine.simulator.graph.tenant import Account

MOST_CLAUSES = 15
Predicate: TypeAlias = Callable[[Account], bool]
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z][\w/]*)|(?P<sign>[(),:]))")
TEXTS: dict[str, Callable[[Account], str | None]] = {
    "id": lambda account: account.id,
    "mail": lambda account: account.mail,
    "userPrincipalName": lambda account: account.user_principal_name,
    "displayName": lambda account: account.display_name,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What an expression is true for; `values` are texts of which every such account has at least one, None if unknown.

    See `Account.values`.
    """

    matches: Predicate
    values: frozenset[str] | None


def parse_filter(text: str) -> Filter:
    """Return what the expression is true for. Raises Refusal.

    Known are `eq`, `in`, `and`, `or`, parentheses, and `proxyAddresses/any(p:p eq '…')`. Texts are compared ignoring
    case, but for the prefix of a proxy address.
    """
    parser = _Parser(_tokens(text))
    matches = parser.either()
    parser.end()
    return Filter(matches, frozenset(parser.values) if parser.compares_texts_only else None)


def _wrong(text: str) -> Refusal:
    return bad_request(f"Invalid filter clause: {text}", "Request_UnsupportedQuery")


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _wrong(f"unexpected character at position {position}.")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.values: set[str] = set()
        self.compares_texts_only = True
        self._tokens = tokens
        self._clauses = 0

    def end(self) -> None:
        if self._tokens:
            raise _wrong(f"'{self._tokens[0]}' is not expected.")
        if self._clauses > MOST_CLAUSES:
            raise bad_request(
                "Too many child clauses specified in search filter expression containing 'OR' operators: "
                f"{self._clauses}. Max allowed: {MOST_CLAUSES}.",
                "Request_UnsupportedQuery",
            )

    def either(self) -> Predicate:
        found = [self._all()]
        while self._takes("or"):
            found.append(self._all())
        return found[0] if len(found) == 1 else lambda account: any(each(account) for each in found)

    def _all(self) -> Predicate:
        found = [self._one()]
        while self._takes("and"):
            found.append(self._one())
        return found[0] if len(found) == 1 else lambda account: all(each(account) for each in found)

    def _one(self) -> Predicate:
        if self._takes("("):
            inner = self.either()
            self._expect(")")
            return inner
        name = self._next()
        if name == "proxyAddresses/any":
            return self._any_proxy()
        if name == "accountEnabled":
            self._expect("eq")
            wanted = self._next() == "true"
            self._clauses += 1
            self.compares_texts_only = False
            return lambda account: account.enabled is wanted
        if name not in TEXTS:
            raise _wrong(f"users cannot be filtered by '{name}'.")
        values = frozenset(value.casefold() for value in self._compared_values())
        self._clauses += len(values)
        self.values |= values
        read = TEXTS[name]
        return lambda account: (read(account) or "").casefold() in values

    def _compared_values(self) -> list[str]:
        """Read `eq 'value'` or `in ('value', …)`."""
        if self._takes("eq"):
            return [self._text()]
        self._expect("in")
        self._expect("(")
        values = [self._text()]
        while self._takes(","):
            values.append(self._text())
        self._expect(")")
        return values

    def _any_proxy(self) -> Predicate:
        self._expect("(")
        variable = self._next()
        self._expect(":")
        self._expect(variable)
        self._expect("eq")
        prefix, _, address = self._text().partition(":")
        self._expect(")")
        self._clauses += 1
        wanted = f"{prefix}:{address.casefold()}"
        self.values.add(wanted)
        return lambda account: wanted in account.folded_proxies

    def _text(self) -> str:
        token = self._next()
        if not token.startswith("'"):
            raise _wrong(f"'{token}' is no text in apostrophes.")
        return token[1:-1].replace("''", "'")

    def _next(self) -> str:
        if not self._tokens:
            raise _wrong("it ends too early.")
        return self._tokens.pop(0)

    def _takes(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise _wrong(f"'{token}' is expected.")
