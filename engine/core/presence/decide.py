"""Decides a user's presence from the calendar: the presence now, how long it is valid, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from engine.core.appointments import Appointment
from engine.core.presence.candidates import Candidate, candidate
from engine.core.presence.local_days import announced_from, local_day, start_of_day
from engine.core.presence.model import CLEARED, Presence, PresenceSettings, Target
from engine.core.presence.note import Note, Until, available, bare, fitted, label, moment_of, next_change_of_words
from engine.core.presence.reasons import Reason
from engine.core.presence.situation import Situation, reasons, relevant, situation
from engine.core.presence.translations import Translations, catalogue


@dataclass(frozen=True, slots=True)
class Decision:
    """The presence for the PBX until `valid_until`, the first later instant (UTC) at which it can differ.

    None means that it never does with these appointments. Decisions are equal if presence and `valid_until` are; the
    rest is the data for the reasons.
    """

    presence: Presence
    valid_until: datetime | None
    calendar: Sequence[Appointment] = field(compare=False, repr=False)
    settings: PresenceSettings = field(compare=False, repr=False)
    now: datetime = field(compare=False, repr=False)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The outcome of each appointment, in the order of their starts.

        Computed on demand: only a few of very many decisions are ever explained.
        """
        return reasons(situation([candidate(each, self.settings) for each in self.calendar], self.now))


def decide(appointments: Iterable[Appointment], settings: PresenceSettings, now: datetime) -> Decision:
    """Return the decision for one user's appointments, in any order, under `settings` at `now` (aware, UTC).

    Settings other than those in force give a preview.
    """
    calendar = tuple(appointments)
    presence, valid_until = decide_among(relevant(calendar, settings, now), settings, now)
    return Decision(presence, valid_until, calendar, settings, now)


def decide_among(
    candidates: Sequence[Candidate], settings: PresenceSettings, now: datetime
) -> tuple[Presence, datetime | None]:
    """Return presence and end as `decide` does, for candidates that are already known."""
    here = situation(candidates, now)
    today = local_day(now, settings.timezone)
    words = catalogue(settings.language)
    note = _note(here, today, settings, words)
    valid_until = min(_turning_points(here, note, today, settings), default=None)
    return _presence(here, note, settings, words), valid_until


def _presence(here: Situation, note: Note | None, settings: PresenceSettings, words: Translations) -> Presence:
    if note is None:
        return CLEARED
    target = here.active.target if here.active else None
    activity = "" if target in (None, Target.AVAILABLE) else target.value
    return Presence(activity, fitted(note, words, settings.note_max_length))


def _note(here: Situation, today: date, settings: PresenceSettings, words: Translations) -> Note | None:
    active, following, zone = here.active, here.next, settings.timezone
    if active is None:
        if following is None:
            return None
        return Note(available(words), today, moment_of(following.start, zone), label(following, words))
    end = moment_of(active.end, zone) if active.last_day is None else Until(active.last_day, None)
    if active.target is not Target.AVAILABLE:
        return Note(label(active, words), today, end)
    if following is None or following.start > active.end:
        return Note(bare(active, words), today, end)
    until = end if following.start == active.end else moment_of(following.start, zone)
    return Note(bare(active, words), today, until, label(following, words))


def _turning_points(here: Situation, note: Note | None, today: date, settings: PresenceSettings) -> Iterable[datetime]:
    """Yield every later instant at which the basis of the decision may change.

    A running appointment ends, a coming one starts or comes within the horizon, or the wording of a time changes as
    its day approaches. All of these are later than `here.now`.
    """
    yield from (running.end for running in here.running)
    yield from (coming.start for coming in here.coming[:1])
    yield from (announced_from(beyond.start, settings) for beyond in here.beyond[:1])
    if note is not None:
        day = next_change_of_words(note.until, today)
        if day is not None:
            yield start_of_day(day, settings.timezone)
