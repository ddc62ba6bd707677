"""The parts of one log entry, and the row above them."""

from collections.abc import Mapping
from datetime import tzinfo
from enum import StrEnum
from types import MappingProxyType

from engine.api.schema.log import BodySide, LogRow
from engine.documents.lines import Role, Span
from engine.documents.log_rows import operation

TITLES: Mapping[BodySide, str] = MappingProxyType({"request": "Request", "response": "Reply"})
COMMAND = "command"


class Part(StrEnum):
    """A part of an entry."""

    SUMMARY = "summary"
    REQUEST = "request"
    REPLY = "reply"
    HEADERS = "headers"

    @property
    def side(self) -> BodySide | None:
        """The body that it shows."""
        match self:
            case Part.REQUEST:
                return "request"
            case Part.REPLY:
                return "response"
        return None

    @classmethod
    def of(cls, side: BodySide) -> "Part":
        """Return the part that shows a body."""
        return cls.REQUEST if side == "request" else cls.REPLY


PARTS = tuple(Part)


def trail(row: LogRow | None, number: int, zone: tzinfo) -> tuple[Span, ...]:
    """Return the path of an entry: its time, what it is, and whom it concerns."""
    if row is None:
        return (Span("Log › ", Role.MUTED), Span(str(number), Role.TITLE))
    whose = row.user or row.mailbox
    before = f"Log › {row.at.astimezone(zone):%H:%M:%S} "
    name = (Span(before, Role.MUTED), Span(operation(row), Role.TITLE))
    return (*name, Span(" › ", Role.MUTED), Span(whose, Role.TITLE)) if whose else name


def parts_shown(part: Part) -> tuple[Span, ...]:
    """Return the names of the parts; the one shown is in brackets."""
    return tuple(
        Span(f"[{each.capitalize()}]", Role.CHIP)
        if each is part
        else Span(f" {each.capitalize()} ", Role.MUTED, f"open_part({str(each)!r})")
        for each in PARTS
    )
