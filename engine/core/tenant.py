"""What a check has found out about one tenant of Microsoft 365 that the documentation leaves open."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

LONGEST = 200
"""Characters of a text from Graph that are kept."""


class MissingMailbox(msgspec.Struct, frozen=True):
    """How Graph answers for an address that nobody has: HTTP status and the most exact error code, "" without one."""

    status: int
    code: str


class TenantFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a tenant and one application in it.

    A fact is None that is not known. By the name of a fact, `learned` is when it was found out (calendar time), and
    `unknown` why it could not be.

    `read_basic_suffices`: calendarView works with Calendars.ReadBasic.All. `removable_roles` are in the token, but not
    needed. `primary_address_works`: a path may have the primary address where that is not the user principal name.
    `answers_zipped`: answers are compressed by gzip. `batches_at_once` ran without being throttled (HTTP 429).
    """

    learned: Mapping[str, datetime] = {}
    read_basic_suffices: bool | None = None
    removable_roles: tuple[str, ...] | None = None
    primary_address_works: bool | None = None
    answers_zipped: bool | None = None
    missing_mailbox: MissingMailbox | None = None
    batches_at_once: int | None = None
    unknown: Mapping[str, str] = {}

    def with_fact(self, name: str, value: object, at: datetime) -> "TenantFacts":
        """Return these facts with one that was found out at `at`."""
        unknown = {each: why for each, why in self.unknown.items() if each != name}
        return msgspec.structs.replace(self, learned={**self.learned, name: at}, unknown=unknown, **{name: value})

    def without_fact(self, name: str, why: str) -> "TenantFacts":
        """Return these facts where one could not be found out; what was known of it before is kept."""
        if getattr(self, name) is not None:
            return self
        return msgspec.structs.replace(self, unknown={**self.unknown, name: why[:LONGEST]})


NOTHING_LEARNED = TenantFacts()


def nothing_learned() -> TenantFacts:
    """Return that nothing is known."""
    return NOTHING_LEARNED


def in_words(facts: TenantFacts) -> tuple[str, ...]:
    """Return every fact in a sentence with the day when it was found out, or why it is not known."""
    missing, roles = facts.missing_mailbox, facts.removable_roles
    needed = (
        f"Calendars.Read{'' if facts.read_basic_suffices is False else 'Basic.All'} and, for look-ups, User.Read.All"
    )
    sentences = (
        (
            "read_basic_suffices",
            "Calendars.ReadBasic.All",
            _either(facts.read_basic_suffices, "enough to read calendars", "not enough to read calendars"),
        ),
        (
            "removable_roles",
            "permissions that may be taken away",
            None if roles is None else f"{', '.join(roles)}; needed is {needed}" if roles else "none",
        ),
        (
            "primary_address_works",
            "an address that is not the user principal name",
            _either(facts.primary_address_works, "works", "does not work; the directory is asked instead"),
        ),
        ("answers_zipped", "answers come compressed", _either(facts.answers_zipped, "yes", "no")),
        (
            "missing_mailbox",
            "an address that nobody has is answered with",
            None if missing is None else f"HTTP {missing.status} {missing.code}".rstrip(),
        ),
        (
            "batches_at_once",
            "batches at once without being throttled",
            None if facts.batches_at_once is None else str(facts.batches_at_once),
        ),
    )
    return tuple(f"{label}: {_told(facts, name, text)}" for name, label, text in sentences)


def _told(facts: TenantFacts, name: str, text: str | None) -> str:
    if text is None:
        return f"not known: {facts.unknown.get(name, 'it was not tried')}"
    return f"{text} ({facts.learned[name]:%Y-%m-%d})" if name in facts.learned else text


def _either(value: bool | None, if_true: str, if_false: str) -> str | None:
    return None if value is None else if_true if value else if_false
