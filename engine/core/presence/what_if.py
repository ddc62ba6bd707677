"""Preview of presences under other settings, before they are applied."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

import msgspec

from engine.core.appointments import Appointment
from engine.core.presence.candidates import Candidate, candidate
from engine.core.presence.decide import decide_among
from engine.core.presence.local_days import day_of
from engine.core.presence.model import Presence, PresenceSettings
from engine.core.presence.reasons import AppointmentOutcome, Reason
from engine.core.presence.situation import reasons, situation

_DECISIVE = (AppointmentOutcome.ACTIVE, AppointmentOutcome.NEXT)


class PresenceChange(msgspec.Struct, frozen=True):
    """A change of presence: from `at` (UTC) on, the PBX shows `presence`."""

    at: datetime
    presence: Presence


class PresenceDifference(msgspec.Struct, frozen=True):
    """A difference: from `at` until `until` (UTC), the PBX would show `after` instead of `before`, because of `why`."""

    at: datetime
    until: datetime
    before: Presence
    after: Presence
    why: str


def preview_day(
    appointments: Iterable[Appointment], settings: PresenceSettings, day: date
) -> tuple[PresenceChange, ...]:
    """Return every presence of one user on `day` of the presence time zone, the first at the start of the day.

    For a single instant, `decide` under other settings is the preview.
    """
    candidates = [candidate(appointment, settings) for appointment in appointments]
    start, end = day_of(day, settings.timezone)
    return tuple(_changes(candidates, settings, start, end))


def differences(
    appointments: Iterable[Appointment],
    before: PresenceSettings,
    after: PresenceSettings,
    start: datetime,
    end: datetime,
    *,
    calendar_after: Iterable[Appointment] | None = None,
) -> tuple[PresenceDifference, ...]:
    """Return the periods between `start` and `end` (aware, UTC) in which a user's presence differs under `after`.

    `calendar_after` are the appointments then, None if they stay the same.
    """
    calendar = tuple(appointments)
    old = [candidate(appointment, before) for appointment in calendar]
    new = [candidate(appointment, after) for appointment in (calendar if calendar_after is None else calendar_after)]
    shown, planned = (list(_changes(*side, start, end)) for side in ((old, before), (new, after)))
    found: list[PresenceDifference] = []
    bounds = sorted({change.at for change in (*shown, *planned)})
    for at, until in zip(bounds, [*bounds[1:], end], strict=True):
        one, other = _at(shown, at), _at(planned, at)
        if one == other:
            continue
        if found and (found[-1].until, found[-1].before, found[-1].after) == (at, one, other):
            found[-1] = msgspec.structs.replace(found[-1], until=until)
        else:
            found.append(PresenceDifference(at, until, one, other, _why((old, before), (new, after), at)))
    return tuple(found)


def _changes(
    candidates: Sequence[Candidate], settings: PresenceSettings, start: datetime, end: datetime
) -> Iterator[PresenceChange]:
    now: datetime | None = start
    last: Presence | None = None
    while now is not None and now < end:
        presence, until = decide_among(candidates, settings, now)
        if presence != last:
            last = presence
            yield PresenceChange(now, presence)
        now = until


def _at(changes: Sequence[PresenceChange], instant: datetime) -> Presence:
    return next(change.presence for change in reversed(changes) if change.at <= instant)


_Side = tuple[Sequence[Candidate], PresenceSettings]


def _why(before: _Side, after: _Side, at: datetime) -> str:
    """Explain the appointments whose outcome differs; identified by their times, since subjects may be private."""
    old, new = ([*reasons(situation(side[0], at))] for side in (before, after))
    pairs = _paired(old, new)
    differences = [
        f"{_when(reason, after[1])}: {reason.words}{_as_what(reason)}"
        for reason, counterpart in zip(new, pairs, strict=True)
        if _decides_otherwise(counterpart, reason)
    ]
    gone = [each for each in old if each not in pairs and each.outcome in _DECISIVE]
    differences += [f"{_when(reason, before[1])}: not found" for reason in gone]
    return "; ".join(differences) or "the same appointments, worded differently"


def _paired(old: Sequence[Reason], new: Sequence[Reason]) -> list[Reason | None]:
    """Return the counterpart of each new reason: that of the same appointment, or of one at the same time that another
    source has by another id."""
    by_id = {reason.id: reason for reason in old}
    left = [reason for reason in old if reason.id not in {each.id for each in new}]
    pairs: list[Reason | None] = []
    for reason in new:
        found = by_id.get(reason.id) or next((each for each in left if _is_at(each, reason)), None)
        pairs.append(found)
        if found in left:
            left.remove(found)
    return pairs


def _is_at(one: Reason, other: Reason) -> bool:
    return (one.start, one.end, one.all_day) == (other.start, other.end, other.all_day)


def _decides_otherwise(old: Reason | None, new: Reason) -> bool:
    if old is None:
        return new.outcome in _DECISIVE
    decisive = old.outcome in _DECISIVE or new.outcome in _DECISIVE
    return decisive and (old.outcome, old.target) != (new.outcome, new.target)


def _as_what(reason: Reason) -> str:
    return f", as {reason.target}" if reason.outcome in _DECISIVE and reason.target else ""


def _when(reason: Reason, settings: PresenceSettings) -> str:
    start, end = (instant.astimezone(settings.timezone) for instant in (reason.start, reason.end))
    if reason.all_day:
        return f"all day {start:%Y-%m-%d}"
    return f"{start:%H:%M} to {end:%H:%M}"
