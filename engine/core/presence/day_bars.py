"""One user's day as bars: kinds of appointments and activities by their times, without anything else about them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from engine.core.appointments import Appointment
from engine.core.presence.candidates import KIND_ORDER, Candidate, candidate
from engine.core.presence.model import AppointmentKind, PresenceSettings, Target
from engine.core.presence.reasons import AppointmentOutcome

NOT_DRAWN = frozenset({AppointmentOutcome.LEFT_OUT, AppointmentOutcome.CANCELLED, AppointmentOutcome.WITHOUT_DURATION})
"""Appointments that are at no time at all."""


class KindBar(msgspec.Struct, frozen=True):
    """From `start` until `end` (UTC) the most important appointment is of this kind, None if it leaves one free."""

    start: datetime
    end: datetime
    kind: AppointmentKind | None


class ActivityBar(msgspec.Struct, frozen=True):
    """From `start` until `end` (UTC) the PBX is to show this activity."""

    start: datetime
    end: datetime
    activity: Target


class DayBars(NamedTuple):
    """What is in a calendar, and the activities that follow from it, except available; each in order of time."""

    kinds: tuple[KindBar, ...]
    activities: tuple[ActivityBar, ...]


NOTHING = DayBars((), ())


def day_bars(
    appointments: Iterable[Appointment], settings: PresenceSettings, start: datetime, end: datetime
) -> DayBars:
    """Return what lies between two instants as bars that do not overlap."""
    candidates = (candidate(each, settings) for each in appointments)
    there = [each for each in candidates if each.dropped not in NOT_DRAWN and each.start < end and each.end > start]
    pieces = tuple(_pieces(there, start, end))
    activities = _bars(pieces, _activity)
    return DayBars(
        tuple(KindBar(*bar) for bar in _bars(pieces, _kind)),
        tuple(ActivityBar(begin, until, shown) for begin, until, shown in activities if shown is not None),
    )


_Piece = tuple[datetime, datetime, Sequence[Candidate]]
V = TypeVar("V")
_Bar = tuple[datetime, datetime, V]


def _pieces(candidates: Iterable[Candidate], start: datetime, end: datetime) -> Iterator[_Piece]:
    """Yield which appointments lie between each two bounds of any."""
    steps: list[tuple[datetime, Candidate]] = []
    for each in candidates:
        steps += [(max(each.start, start), each), (min(each.end, end), each)]
    running: dict[int, Candidate] = {}
    since = start
    for at, each in sorted(steps, key=lambda step: step[0]):
        if at > since and running:
            yield since, at, tuple(running.values())
        if running.pop(id(each), None) is None:
            running[id(each)] = each
        since = at


def _bars(pieces: Iterable[_Piece], value: Callable[[Sequence[Candidate]], V]) -> Iterator[_Bar[V]]:
    """Yield a value for each piece, those of the same value that follow each other as one."""
    last: _Bar[V] | None = None
    for start, end, running in pieces:
        this = value(running)
        if last is not None and (last[1], last[2]) == (start, this):
            last = (last[0], end, this)
            continue
        if last is not None:
            yield last
        last = (start, end, this)
    if last is not None:
        yield last


def _kind(running: Sequence[Candidate]) -> AppointmentKind | None:
    kinds = {each.kind for each in running}
    return next((kind for kind in KIND_ORDER if kind in kinds), None)


def _activity(running: Sequence[Candidate]) -> Target | None:
    """Return the activity of the appointment that decides, None if that leaves one available."""
    counting = [each for each in running if each.dropped is None]
    target = min(counting, key=lambda each: each.rank).target if counting else None
    return None if target is Target.AVAILABLE else target
