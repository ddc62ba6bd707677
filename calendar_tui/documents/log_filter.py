"""The filter of the debug log: its conditions, its errors, typed times, and predefined filters."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from engine.api.schema import Concern, UserRow
from engine.api.schema.log import FilterAnswer
from engine.documents.lines import Document, Role, Span, cut, line
from engine.documents.log_status import quoted

REMEMBERED = 50
"""Number of filters in the history."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as typed; a suspended one has no effect."""

    text: str
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class FilterConditions:
    """The conditions of a filter, which must all match. `history` are earlier filters, the newest first."""

    all: tuple[Condition, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def filter(self) -> str:
        """The filter without suspended conditions, as sent to the engine."""
        return _joined(each for each in self.all if not each.suspended)

    @property
    def text(self) -> str:
        """All conditions, as they are edited."""
        return _joined(self.all)

    def typed(self, texts: tuple[str, ...]) -> "FilterConditions":
        """Return the conditions as typed; those that were suspended stay suspended."""
        suspended = {each.text for each in self.all if each.suspended}
        return FilterConditions(tuple(Condition(text, text in suspended) for text in texts), self._remembered())

    def with_one(self, text: str) -> "FilterConditions":
        """Return the conditions with one more."""
        others = tuple(each for each in self.all if each.text != text)
        return FilterConditions((*others, Condition(text)), self._remembered())

    def none(self) -> "FilterConditions":
        """Return no conditions, with these in the history."""
        return FilterConditions((), self._remembered())

    def without(self, number: int) -> "FilterConditions":
        """Return the conditions without one of them."""
        return FilterConditions((*self.all[:number], *self.all[number + 1 :]), self._remembered())

    def toggled(self, number: int) -> "FilterConditions":
        """Return the conditions with one of them suspended or resumed."""
        if not 0 <= number < len(self.all):
            return self
        changed = replace(self.all[number], suspended=not self.all[number].suspended)
        return replace(self, all=(*self.all[:number], changed, *self.all[number + 1 :]))

    def all_toggled(self) -> "FilterConditions":
        """Return the conditions with all suspended, or with all resumed if all are suspended."""
        suspended = any(not each.suspended for each in self.all)
        return replace(self, all=tuple(replace(each, suspended=suspended) for each in self.all))

    def _remembered(self) -> tuple[str, ...]:
        if not self.text:
            return self.history
        return (self.text, *(each for each in self.history if each != self.text))[:REMEMBERED]


def narrowed(filter: str, condition: str) -> str:  # noqa: A002 - as in the API
    """Return a filter with one more condition that must match."""
    return f"({filter}) {condition}" if filter else condition


def _joined(conditions: Iterable[Condition]) -> str:
    texts = [each.text for each in conditions]
    if len(texts) == 1:
        return texts[0]
    return " ".join(f"({text})" if " or " in text else text for text in texts)


MARGIN = 1
"""Number of columns before the first typed character."""

OFFERED = 6


def mistake_document(answer: FilterAnswer | None, width: int) -> Document:
    """Return the error with a pointer to its column, and possible completions."""
    if answer is None:
        return Document()
    lines = []
    if answer.mistake is not None:
        before = min(answer.mistake.column - 1 + MARGIN, width // 2)
        said = f"▲ column {answer.mistake.column}: {answer.mistake.detail}"
        lines.append(line(" " * before, Span(cut(said, width - before), Role.PROBLEM)))
        lines.append(line(Span(cut(f" {answer.mistake.hint}", width), Role.NOTICE)))
    offered = "   ".join(f"{each.text} {each.detail}".strip() for each in answer.completions[:OFFERED])
    if offered:
        lines.append(line(Span(cut(f" Tab: {offered}", width), Role.MUTED)))
    return Document(lines)


LONGEST = 200
"""Number of characters of a name that are searched for, because the length of a request is limited."""


def conditions_of_user(row: UserRow) -> tuple[str, ...]:
    """Return the conditions for one user's log entries.

    If the mailbox is not known, there are entries about every address that was tried, each recorded with the displayed
    name of the user.
    """
    return (f"user:{quoted((row.mailbox or row.display_name or row.name)[:LONGEST])}",)


def conditions_of_problem(concern: Concern, rows: Mapping[str, UserRow]) -> tuple[str, ...]:
    """Return the conditions for the entries behind a problem: all of the PBX link, where openings and endings tell what
    happens, or the errors of a whole connection, or of the users named.
    """
    if concern.link == "PBX":
        return ("peer:pbx",)
    known = [rows[user.guid] for user in concern.users if user.guid in rows]
    users = " or ".join(text for row in known for text in conditions_of_user(row))
    return ("is:error", users) if users and concern.link is None else ("is:error",)


_AGO = re.compile(r"-?(\d{1,6})\s*(s|m|h|d)", re.IGNORECASE)
_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def typed_time(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Parse a time typed in `zone`, such as 14:05, 2026-11-22 or 10m (ago); return UTC, None if it is invalid."""
    text = text.strip()
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
    today = now.astimezone(zone).date().isoformat()
    of_day = _OF_DAY.fullmatch(text)
    if of_day:
        text = f"{today}T{int(of_day[1]):02}:{of_day[2]}:{of_day[3] or '00'}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=zone)
    found = found.astimezone(UTC)
    return found - timedelta(days=1) if of_day and found > now else found
