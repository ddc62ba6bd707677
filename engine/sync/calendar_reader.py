"""Reads every participant's calendar: when the user arrives, after changes, and regularly in case one was missed."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from engine.core.appointments import Oddity
from engine.core.backoff import asked_for
from engine.core.errors import EngineMistake, Failure
from engine.core.internal_errors import InternalErrorLog
from engine.exchange.errors import ExchangeFailure, MailboxNotFound, ManyMailboxesMissing
from engine.exchange.retry import PASSING, WITH_LESS, Concerns, Forgets, pause_after, policy_of
from engine.exchange.source import CalendarSource, Mailbox, Priority
from engine.settings.model import SiteSettings
from engine.sync.absences import Absences
from engine.sync.availability import ServiceAvailability
from engine.sync.events import (
    AccountPaused,
    Side,
    SyncContext,
    UserChanged,
    UserRecovered,
    UserTrouble,
)
from engine.sync.participants import MailboxIndex, Participant, Participants, Reading
from engine.sync.polling import PollInterval, PollSchedule
from engine.sync.reading import candidates_after, cover_of, read_calendar, read_first
from engine.sync.scheduling import Schedule, WakeableTimer
from engine.sync.search import OtherHalf
from engine.sync.slow_mailboxes import LOOK_SECONDS, SlowMailboxLimiter

logger = logging.getLogger(__name__)

SWEEP = timedelta(hours=12)
"""A watched mailbox is read again after half of this time to all of it, in case a notification was missed."""

BEGINNING = timedelta(seconds=10)
"""Delay before checking whether the connection for a mailbox's notifications works, before it is read again."""

LOOK = timedelta(seconds=LOOK_SECONDS)
"""How often to check whether a visit takes long."""

LOOKED_AT_IN_A_ROW = 20
"""After this many that need not be read, the event loop gets a turn."""

OVERTAKING = timedelta(hours=1)
"""A changed, new or requested mailbox is treated as if it had been due for this long, so it is read before others."""

SOON = timedelta(seconds=10)
"""Mailboxes that are no longer watched are visited within this time."""


class CalendarScheduler:
    """Reads mailboxes when they are due, as many at a time as there are connections.

    A failure of one mailbox affects that user only, and slow ones never occupy all connections. A failure of the whole
    service pauses all visits, longer each time, and then a single visit tries whether it is over; if a permission is
    missing, which only a person can grant, it does so every 15 to 60 minutes. `shows_something` returns whether the
    PBX shows a presence of ours for a user. `side` is what `source` reads; with an `other_half`, `participants` are
    those who are looked for or read here.
    """

    def __init__(
        self,
        participants: Participants,
        source: CalendarSource,
        settings: SiteSettings,
        context: SyncContext,
        *,
        changed: Callable[[str], None],
        shows_something: Callable[[str], bool],
        side: Side = Side.EXCHANGE,
        other_half: OtherHalf | None = None,
    ) -> None:
        self._side = side
        self._other_half = other_half
        self._participants = participants
        self._source = source
        self._clock = context.clock
        self._network_clock = context.network_clock
        self._random = context.random
        self._polling = PollSchedule.of(settings, source)
        self._cover = cover_of(settings.presence)
        self._changed = changed
        self._shows_something = shows_something
        self._observe = context.observe
        self._finished = context.finished
        self._timetable = Schedule()
        self._alarm = WakeableTimer(self._clock)
        self._watchlist = MailboxIndex(source.unwatch)
        self._visiting: set[str] = set()
        self._again: set[str] = set()
        self._polled: dict[str, datetime] = {}
        self._to_reresolve: set[str] = set()
        self._everybody_is_known = False
        self._visits: dict[str, asyncio.Task[None]] = {}
        self._giving_way: set[str] = set()
        self._reading: set[str] = set()
        self._lanes = self._lanes_of_all = settings.exchange.connections
        self._slow = SlowMailboxLimiter(share=max(1, source.reads_at_once // 4))
        self._absences = Absences()
        self._service = ServiceAvailability(
            participants,
            source,
            self._timetable,
            context,
            side=side,
            is_half=other_half is not None,
            connections=settings.exchange.connections,
            make_due=self._make_due,
            read_again=self._read_again,
        )
        self._account_paused_until = datetime.min.replace(tzinfo=UTC)
        self._internal_errors = InternalErrorLog(logger, self._network_clock)

    def everybody_is_known(self) -> None:
        """Note that all participants are known: from now on, a failure of all of them is one of the service."""
        self._everybody_is_known = True
        self._service.everybody_is_known()

    def arrived(self, guid: str) -> None:
        """Schedule the lookup of the mailbox of a participant who is new or has other addresses now."""
        self._absences.forget(guid)
        self._service.arrived(guid)
        # Someone who is new is read before calendars that were read before, but nobody overtakes while all are new.
        self._bring_forward(guid, self._clock.now() - (OVERTAKING if self._everybody_is_known else timedelta()))

    def resync(self, guid: str) -> None:
        """Schedule a reading of this participant's calendar as soon as possible, before all that are merely due."""
        self._bring_forward(guid, self._clock.now() - OVERTAKING)

    def reresolve(self, guid: str) -> None:
        """Forget where this participant's mailbox is, and schedule its lookup and reading as soon as possible."""
        self._to_reresolve.add(guid)
        self.resync(guid)

    def next_visit(self, guid: str) -> datetime | None:
        """Return when this participant's calendar is due, in the past if it is waiting for its turn; None while it is
        being read."""
        return self._timetable.instant(guid)

    def is_asked_for_again(self, guid: str) -> bool:
        """Return whether another visit was requested while this participant is being visited."""
        return guid in self._again

    def forget(self, guid: str) -> None:
        """Discard everything about this participant's mailbox."""
        self._absences.forget(guid)
        self._timetable.discard(guid)
        self._again.discard(guid)
        self._let_alone(guid)

    def take(self, guid: str, participant: Participant) -> None:
        """Begin to look after a participant of the other half, whose calendar is due now."""
        self._participants[guid] = participant
        self._bring_forward(guid, self._clock.now())

    def leave(self, guid: str) -> None:
        """Leave a participant to the other half, but not what is known of a missing mailbox."""
        self._participants.pop(guid, None)
        self._timetable.discard(guid)
        self._again.discard(guid)
        self._let_alone(guid)

    @property
    def is_open(self) -> bool:
        """Whether the service is not paused."""
        return self._service.closed_until is None

    def looked_for(self) -> list[str]:
        """Return the participants whose mailbox is not known, and who are not being visited."""
        known = self._participants.items()
        return [guid for guid, each in known if each.mailbox is None and guid not in self._visiting]

    def _let_alone(self, guid: str) -> None:
        self._watchlist.remove(guid)
        self._to_reresolve.discard(guid)
        self._service.forget(guid)
        self._polled.pop(guid, None)

    def on_notification(self, address: str, urgency: Priority) -> tuple[str, ...]:
        """Schedule another reading of this mailbox by its urgency; return the participants whose calendar is in it."""
        now, guids = self._clock.now(), self._watchlist.guids(address)
        if not guids:
            return ()
        match urgency:
            case Priority.NOW:
                due = now - OVERTAKING
                self._service.shows_signs_of_life()
            case Priority.SOON:
                due = now + SOON * self._random.random()
            case Priority.LATER:
                due = now + self._polling.interval * self._random.random()
        for guid in guids:
            self._bring_forward(guid, due)
        return guids

    def share_with(self, engines: int) -> None:
        """Read with one part of the connections, as one of this number of engines; `source` has its part already."""
        self._lanes = max(1, self._lanes_of_all // engines)
        self._slow.adjust(max(1, self._source.reads_at_once // 4))
        self._alarm.wake()

    def poll_interval(self) -> PollInterval | None:
        """Return how often calendars are read now, None if most of them are watched."""
        return self._polling.present(self._clock.now()) if self._source.heeds_quiet_hours else None

    def is_idle(self) -> bool:
        """Return whether nothing is being read and nobody is due."""
        earliest = self._timetable.earliest()
        return not self._visiting and (earliest is None or earliest > self._clock.now())

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._break_off_long_visits())
            for turn in itertools.count(1):
                if turn % LOOKED_AT_IN_A_ROW == 0:
                    await asyncio.sleep(0)
                await self._wait_for_service()
                if len(self._visiting) >= self._source.reads_at_once:
                    await self._alarm.wait(None)
                    continue
                guid = self._timetable.pop_due(self._clock.now())
                if guid is None:
                    await self._alarm.wait(self._timetable.earliest())
                elif guid in self._visiting:
                    self._again.add(guid)
                elif self._need_not_be_read(guid) or self._is_held_back(guid) or not self._slow.admits(guid):
                    # Nobody may be due any more.
                    self._finished()
                else:
                    self._visiting.add(guid)
                    self._slow.begun(guid, self._network_clock.now().timestamp())
                    self._visits[guid] = group.create_task(self._visit(guid))

    async def _wait_for_service(self) -> None:
        while (closed_until := self._service.closed_until) is not None:
            if closed_until > self._network_clock.now():
                await self._service.wait(closed_until)
            elif self._visiting:
                await self._alarm.wait(None)
            else:
                return

    def _need_not_be_read(self, guid: str) -> bool:
        """Skip a reading that was planned only for lack of notifications, if the mailbox is watched by now."""
        participant, poll = self._participants.get(guid), self._polled.get(guid)
        if poll is None or participant is None or participant.reading is None:
            return False
        if self._is_told_everything(participant):
            self._plan(guid, participant, participant.reading)
            self._observe(UserChanged(guid))
        elif poll > self._clock.now():
            self._due(guid, poll)
            self._polled[guid] = poll
        else:
            return False
        return True

    def _is_held_back(self, guid: str) -> bool:
        """Postpone a mailbox that was read too often, so that it waits without occupying a connection."""
        participant = self._participants.get(guid)
        if participant is None or participant.mailbox is None:
            return False
        until, now = self._source.following(participant.mailbox).held_back_until, self._network_clock.now()
        if until is None or until <= now:
            return False
        self._due(guid, self._clock.now() + (until - now))
        self._observe(UserChanged(guid))
        return True

    def _is_told_everything(self, participant: Participant) -> bool:
        """Return whether notifications suffice: not if details are missing, whose arrival is not notified."""
        appointments = participant.reading.appointments if participant.reading else ()
        is_whole = not any(Oddity.ORGANIZER_UNKNOWN in each.oddities for each in appointments)
        return is_whole and participant.mailbox is not None and self._source.is_watched(participant.mailbox)

    def _is_told_less(self, participant: Participant) -> bool:
        mailbox = participant.mailbox
        return mailbox is not None and (self._source.restriction or self._source.limitation(mailbox)) is not None

    def _due(self, guid: str, instant: datetime) -> None:
        self._polled.pop(guid, None)
        self._timetable.set(guid, instant)
        self._alarm.wake()

    def _bring_forward(self, guid: str, instant: datetime) -> None:
        """Make a calendar due earlier; one that is being read now may miss the change, so it is read once more."""
        self._polled.pop(guid, None)
        if guid in self._visiting:
            self._again.add(guid)
        else:
            self._timetable.bring_forward(guid, instant)
            self._alarm.wake()

    async def _visit(self, guid: str) -> None:
        begun = self._network_clock.now()
        try:
            participant = self._participants.get(guid)
            if participant is not None and not participant.departing:
                await self._read(guid, participant)
            if self._participants.get(guid) is not participant:
                self._watchlist.remove(guid)
        except asyncio.CancelledError:
            if guid not in self._giving_way:
                raise
        except Exception as internal_error:
            self._internal_errors.write("reading a calendar", internal_error)
            self._due(guid, self._clock.now() + PASSING.steps[-1])
        finally:
            self._visiting.discard(guid)
            self._visits.pop(guid, None)
            next_slow = self._next_slow(guid, (self._network_clock.now() - begun).total_seconds())
            if next_slow is not None:
                self._due(next_slow, self._clock.now())
            if guid in self._again:
                self._again.discard(guid)
                self._due(guid, self._clock.now())
            if self._other_half is not None:
                self._other_half.visited(self._side)
            self._alarm.wake()
            self._finished()

    def _next_slow(self, guid: str, seconds: float) -> str | None:
        if guid not in self._giving_way:
            return self._slow.ended(guid, seconds)
        self._giving_way.discard(guid)
        return self._slow.gave_way(guid)

    async def _break_off_long_visits(self) -> None:
        """Abort visits that take long, so that they wait for one another and no others wait for them.

        Only a reading is aborted: after an aborted subscription it would be unknown whether there is one. If one
        request covers many mailboxes, aborting is of no use either.
        """
        while True:
            now = self._network_clock.now()
            if self._source.reads_at_once <= self._lanes:
                for guid in self._slow.overdue(now.timestamp(), self._lanes):
                    if guid in self._reading and self._visits[guid].cancel():
                        self._giving_way.add(guid)
            await self._network_clock.sleep_until(now + LOOK)

    async def _read(self, guid: str, participant: Participant) -> None:
        if guid in self._to_reresolve:
            self._to_reresolve.discard(guid)
            self._watchlist.remove(guid)
            participant.mailbox = None
        found: Mailbox | None = participant.mailbox
        known = candidates = participant.candidates
        if self._other_half is not None and found is None:
            here = self._other_half.addresses(self._side, guid)
            if here is None:
                return
            candidates = here
        try:
            if found is None:
                found = await self._source.resolve(candidates)
                following = () if participant.reading else candidates_after(found, candidates)
                found, reading = await read_first(
                    self._source, found, following, lambda mailbox: self._read_window(guid, mailbox)
                )
            else:
                found, reading = await self._read_window(guid, found)
        except ExchangeFailure as failure:
            if policy_of(type(failure)).concerns is Concerns.ACCOUNT:
                self._postpone(guid, failure)
            elif self._service.is_one_of_the_service(guid, failure):
                self._service.close(failure)
                self._due(guid, self._clock.now())
            elif self._other_half is not None and policy_of(type(failure)).elsewhere:
                if participant.candidates == known:
                    self._other_half.absent(self._side, guid, failure, was_found=found is not None)
            else:
                self.failed(guid, participant, failure, was_found=found is not None)
            return
        except Exception as internal_error:
            self._internal_errors.write("reading a calendar", internal_error)
            self.failed(guid, participant, EngineMistake(type(internal_error).__name__), was_found=True)
            return
        self._service.answered(guid)
        self._service.compare()
        if participant.candidates == known:
            participant.mailbox = found
            if self._other_half is not None:
                self._other_half.found(self._side, guid)
            self._succeeded(guid, participant, reading)

    async def _read_window(self, guid: str, mailbox: Mailbox) -> tuple[Mailbox, Reading]:
        mailbox = await self._source.watch(mailbox)
        self._watchlist.put(guid, mailbox)
        self._reading.add(guid)
        try:
            return mailbox, await read_calendar(self._source, mailbox, self._clock.now(), self._cover)
        finally:
            self._reading.discard(guid)

    def _make_due(self, guid: str) -> None:
        self._bring_forward(guid, self._clock.now())

    def _read_again(self) -> None:
        """Schedule full readings of what was read with less; watched mailboxes would otherwise wait for hours."""
        for guid in self._participants:
            self._bring_forward(guid, self._clock.now() + self._polling.interval * self._random.random())

    def _postpone(self, guid: str, failure: ExchangeFailure) -> None:
        """Delay requests in the service account's own name; those by impersonation continue."""
        pause = pause_after(failure, 1, self._random)
        until = self._network_clock.now() + pause
        if self._network_clock.now() >= self._account_paused_until:
            self._account_paused_until = until
            self._observe(AccountPaused(failure, until))
        self._due(guid, self._clock.now() + pause)

    def _succeeded(self, guid: str, participant: Participant, reading: Reading) -> None:
        self._absences.found(guid)
        self._service.was_read(guid)
        participant.reading = reading
        participant.has_no_mailbox = False
        limitation = None if participant.mailbox is None else self._source.limitation(participant.mailbox)
        if limitation is not None and type(limitation) is not type(participant.problem):
            self._observe(UserTrouble(participant.user, limitation))
        elif limitation is None and participant.problem is not None:
            self._observe(UserRecovered(participant.user))
        participant.problem = limitation
        participant.failed_visits = 0
        self._plan(guid, participant, reading)
        self._changed(guid)

    def _plan(self, guid: str, participant: Participant, reading: Reading) -> None:
        """Plan the next visit after a success: in the sweep, sooner without notifications, or once all may be read."""
        now = self._clock.now()
        is_watched = self._is_told_everything(participant)
        due = now + SWEEP * self._random.uniform(0.5, 1.0) if is_watched else self._polling.next(guid, now)
        if self._is_told_less(participant):
            due = min(due, now + asked_for(WITH_LESS, self._random))
        due = max(now, min(due, reading.window.end - self._cover))
        is_about_to_be = participant.mailbox is not None and self._source.following(participant.mailbox).connection
        self._due(guid, min(due, now + BEGINNING) if is_about_to_be and not is_watched else due)
        if not is_watched:
            self._polled[guid] = due

    def failed(self, guid: str, participant: Participant, failure: Failure, *, was_found: bool) -> None:
        """Note a failed visit. `was_found`: the directory knows the mailbox, but it cannot be read."""
        if policy_of(type(failure)).needs_a_person and not _needs_a_person(participant.problem):
            participant.failed_visits = 0
        participant.failed_visits += 1
        if isinstance(failure, MailboxNotFound):
            failure = self._missing(guid, participant, failure, was_found=was_found)
        policy = policy_of(type(failure))
        if policy.forgets is Forgets.MAILBOX:
            participant.mailbox = None
        self._service.was_not_read(guid, participant, failure)
        # With its traceback it would keep alive whatever was at hand, as the answers of a whole batch.
        participant.problem = failure.with_traceback(None)
        pause = pause_after(failure, participant.failed_visits, self._random)
        if participant.reading is not None and policy.while_known is not None:
            pause = min(pause, policy.while_known)
        self._due(guid, self._clock.now() + pause)
        self._changed(guid)
        self._service.judge()

    def _missing(
        self, guid: str, participant: Participant, failure: MailboxNotFound, *, was_found: bool
    ) -> MailboxNotFound:
        """Keep what was read until it is certain that the mailbox is gone.

        A mailbox that the directory knows and its server does not usually comes back within the hour.
        """
        if was_found:
            self._let_go(participant, failure)
            return failure
        was_known = participant.reading is not None or self._shows_something(guid)
        self._absences.missing(guid, self._clock.now(), was_known=was_known)
        if not self._absences.is_confirmed(guid):
            return failure
        if self._absences.is_one_of_many(guid):
            return ManyMailboxesMissing(failure.detail, confidential=failure.confidential)
        participant.reading = None
        participant.has_no_mailbox = True
        return failure

    def _let_go(self, participant: Participant, failure: MailboxNotFound) -> None:
        """Discard what was read once its last decision has expired and all short retries have failed."""
        if participant.reading is None:
            return
        now = self._clock.now()
        if participant.failed_visits == 1 or participant.lasts_until is None:
            participant.lasts_until = min(participant.expires or now, participant.reading.window.end)
        if now >= participant.lasts_until and policy_of(type(failure)).pauses.are_through(participant.failed_visits):
            participant.reading = None


def _needs_a_person(failure: Failure | None) -> bool:
    return failure is not None and policy_of(type(failure)).needs_a_person
