"""One user's day as bars: which kind of appointment lies at what time, without anything else about it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from engine.core.appointments import Appointment
from engine.core.presence.candidates import KIND_ORDER, Candidate, candidate
from engine.core.presence.model import AppointmentKind, PresenceSettings
from engine.core.presence.reasons import AppointmentOutcome

NOT_DRAWN = frozenset({AppointmentOutcome.LEFT_OUT, AppointmentOutcome.CANCELLED, AppointmentOutcome.WITHOUT_DURATION})
"""Appointments that are at no time at all."""


class KindBar(msgspec.Struct, frozen=True):
    """From `start` until `end` (UTC) the most important appointment is of this kind, None if it leaves one free."""

    start: datetime
    end: datetime
    kind: AppointmentKind | None


def day_bars(
    appointments: Iterable[Appointment], settings: PresenceSettings, start: datetime, end: datetime
) -> tuple[KindBar, ...]:
    """Return the appointments between two instants as bars that do not overlap, in order of time."""
    candidates = (candidate(each, settings) for each in appointments)
    there = [each for each in candidates if each.dropped not in NOT_DRAWN and each.start < end and each.end > start]
    return tuple(_joined(_pieces(there, start, end)))


def _pieces(candidates: Iterable[Candidate], start: datetime, end: datetime) -> Iterator[KindBar]:
    """Yield what lies between each two bounds of appointments."""
    steps: list[tuple[datetime, int, AppointmentKind | None]] = []
    for each in candidates:
        steps += [(max(each.start, start), 1, each.kind), (min(each.end, end), -1, each.kind)]
    running: Counter[AppointmentKind | None] = Counter()
    since = start
    for at, step, kind in sorted(steps, key=lambda each: each[0]):
        if at > since and running.total():
            yield KindBar(since, at, next((each for each in KIND_ORDER if running[each]), None))
        running[kind] += step
        since = at


def _joined(pieces: Iterable[KindBar]) -> Iterator[KindBar]:
    """Yield the pieces, those of the same kind that follow each other as one."""
    last: KindBar | None = None
    for piece in pieces:
        if last is not None and (last.end, last.kind) == (piece.start, piece.kind):
            last = msgspec.structs.replace(last, end=piece.end)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
