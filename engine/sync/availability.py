"""Availability of Exchange as a whole, derived from single mailboxes; pauses all visits during an outage."""

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.core.backoff import Backoffs
from engine.core.errors import Failure
from engine.exchange.errors import ExchangeFailure, NoCalendarReadable
from engine.exchange.retry import Concerns, policy_of
from engine.exchange.source import CalendarSource, DegradableSource, ReplaceableSource
from engine.sync.events import (
    ConcernArose,
    ConcernOver,
    ConnectionLost,
    ConnectionRestored,
    ReadingRestricted,
    ReadingUnrestricted,
    Side,
    SyncContext,
    UserTrouble,
)
from engine.sync.outages import OutageDetector, Readability
from engine.sync.participants import Participant, Participants
from engine.sync.scheduling import Schedule, WakeableTimer


class ServiceAvailability:
    """State of Exchange as a whole, reported as events when it changes.

    A failure of the service closes it: no visits until `closed_until`, longer each time, and then a single visit checks
    whether it works again. The retry policy decides whether a failure is one of the service; a silent server counts
    once
    a second mailbox has it, and denials once every mailbox is denied. `connections` is the number of concurrent visits.
    `make_due` makes a participant due now, `read_again` makes everybody due within a polling interval. `is_half`: it
    is one half of a hybrid organisation, which works without a single mailbox, too.
    """

    def __init__(
        self,
        participants: Participants,
        source: CalendarSource,
        timetable: Schedule,
        context: SyncContext,
        *,
        side: Side,
        is_half: bool,
        connections: int,
        make_due: Callable[[str], None],
        read_again: Callable[[], None],
    ) -> None:
        self._side = side
        self._is_half = is_half
        self._participants = participants
        self._source = source
        self._timetable = timetable
        self._clock = context.clock
        self._network_clock = context.network_clock
        self._observe = context.observe
        self._make_due = make_due
        self._read_again = read_again
        self._reopened = WakeableTimer(self._network_clock)
        self._outbreak = OutageDetector(most=connections)
        self._silence = OutageDetector(most=1)
        self._backoffs = Backoffs(context.random)
        self._readability = Readability()
        self._everybody_is_known = False
        self._withheld: dict[str, UserTrouble] = {}
        self._said: ExchangeFailure | None = None
        self._closed_until: datetime | None = None
        self._closed_by: ExchangeFailure | None = None
        self._restriction: Failure | None = None
        self._concerns: dict[type[Failure], Failure] = {}
        self._answers = False
        self._works = False

    @property
    def closed_until(self) -> datetime | None:
        """The end of the pause, in the past if a single visit may try again; None while it is open."""
        return self._closed_until

    async def wait(self, until: datetime) -> None:
        """Wait until `until`, or until Exchange shows signs of life."""
        await self._reopened.wait(until)

    def everybody_is_known(self) -> None:
        """Note that all participants are known: from now on, a failure of all of them is one of the service."""
        self._everybody_is_known = True
        self.judge()

    def arrived(self, guid: str) -> None:
        """Note that this participant is new, or may have another mailbox."""
        self._readability.forget(guid)

    def forget(self, guid: str) -> None:
        """Discard everything about this participant."""
        self._readability.forget(guid)
        self._withheld.pop(guid, None)

    def answered(self, guid: str) -> None:
        """Note that the service answered a visit: it is open, and its pauses start from the first one again."""
        self._closed_until = None
        self._reopened.wake()
        self._silence.succeeded(guid)
        self._outbreak.succeeded(guid)
        self._backoffs.clear()
        self._answers = True
        self._compare_works()

    def compare(self) -> None:
        """Report new and resolved conditions that the source reports about the service."""
        self._compare_restriction()
        concerns = {type(each): each for each in self._source.concerns}
        for kind in self._concerns.keys() - concerns.keys():
            self._observe(ConcernOver(self._side, self._concerns.pop(kind)))
        for kind in concerns.keys() - self._concerns.keys():
            self._concerns[kind] = concerns[kind]
            self._observe(ConcernArose(self._side, concerns[kind]))

    def was_read(self, guid: str) -> None:
        """Note that this calendar was read."""
        self._readability.succeeded(guid)
        self._tell_withheld()
        self._compare_works()

    def was_not_read(self, guid: str, participant: Participant, failure: Failure) -> None:
        """Note that this calendar was not read, and report it unless that kind of failure was reported already.

        A denial is reported once it is clear that not all mailboxes are denied.
        """
        self._readability.failed(guid, failure)
        if type(participant.problem) is type(failure):
            return
        trouble = UserTrouble(participant.user, failure)
        if policy_of(type(failure)).for_everybody is not None and not self._readability.anybody_read:
            self._withheld[guid] = trouble
        else:
            self._withheld.pop(guid, None)
            self._observe(trouble)

    def is_one_of_the_service(self, guid: str, failure: ExchangeFailure) -> bool:
        """Return whether a failure of this visit is one of the service, and count it as such if it may become one."""
        policy = policy_of(type(failure))
        match policy.concerns:
            case Concerns.MAILBOX_UNLESS_MANY:
                return self._outbreak.failed(guid) or (policy.before_an_answer and not self._answers)
            case Concerns.MAILBOX:
                if policy.for_everybody is not None and isinstance(self._closed_by, policy.for_everybody):
                    return not self._answers
                self.answered(guid)
                return False
            case Concerns.SERVER | Concerns.ADDRESS:
                if policy.concerns is Concerns.ADDRESS and self._is_alone(guid):
                    return True
                return self._silence.failed(guid) or not self._answers
            case _:
                return True

    def close(self, failure: ExchangeFailure) -> None:
        """Pause all visits because of a failure of the service, unless they are paused already, or the source goes on
        in another way."""
        failure = _of_the_service(failure)
        if self._goes_on_after(failure):
            return
        now = self._network_clock.now()
        if self._closed_until is not None and self._closed_until > now:
            return
        pauses = policy_of(type(failure)).pauses_of_all
        pause = self._backoffs.next(pauses, pauses)
        if failure.retry_after is not None:
            pause = max(pause, timedelta(seconds=failure.retry_after))
        self._closed_until = now + pause
        self._closed_by = self._said = failure
        self._answers = self._works = False
        self._observe(ConnectionLost(self._side, failure, self._closed_until))

    def shows_signs_of_life(self) -> None:
        """End a pause for a silent server, because a notification has just come from one."""
        is_of_a_server = self._closed_by is not None and policy_of(type(self._closed_by)).is_of_a_server
        if self._closed_until is not None and is_of_a_server:
            self._closed_until = min(self._closed_until, self._network_clock.now())
            self._reopened.wake()

    def judge(self) -> None:
        """Report what is wrong with the service once everybody was tried and no calendar could be read."""
        if not self._everybody_is_known or self._readability.works:
            return
        denial = self._readability.denial(len(self._participants))
        if denial is not None and self._source.restriction is None:
            self._all_denied(denial)
            return
        verdict = self._readability.verdict(len(self._participants))
        if verdict is None or (self._is_half and not self._readability.is_ill):
            return
        cause = self._readability.only_cause
        if cause is not None and self._goes_on_after(cause):
            return
        self._tell_withheld()
        self._works = False
        if not isinstance(self._said, NoCalendarReadable):
            self._said = verdict
            pause = (self._timetable.earliest() or self._clock.now()) - self._clock.now()
            self._observe(ConnectionLost(self._side, verdict, self._network_clock.now() + max(timedelta(), pause)))

    def _all_denied(self, denial: ExchangeFailure) -> None:
        """Read with fewer rights if the source can, else close the service."""
        self._withheld.clear()
        if not (isinstance(self._source, DegradableSource) and self._source.read_less(denial)):
            self.close(denial)
            return
        self._compare_restriction()
        self._read_after(denial)

    def _goes_on_after(self, failure: ExchangeFailure) -> bool:
        """Return whether the source goes on in another way, and have everybody read by it who has that failure."""
        if not (isinstance(self._source, ReplaceableSource) and self._source.goes_on_after(failure)):
            return False
        self.compare()
        self._read_after(failure)
        return True

    def _read_after(self, failure: ExchangeFailure) -> None:
        for guid, participant in self._participants.items():
            if type(participant.problem) is type(failure):
                participant.problem = None
                self._make_due(guid)

    def _is_alone(self, guid: str) -> bool:
        """Return whether nobody else has a mailbox, which might be on another server."""
        return not any(each.mailbox is not None for key, each in self._participants.items() if key != guid)

    def _compare_restriction(self) -> None:
        restriction = self._source.restriction
        if restriction is not self._restriction:
            self._restriction = restriction
            self._observe(ReadingUnrestricted() if restriction is None else ReadingRestricted(restriction))
            if restriction is None:
                self._read_again()

    def _tell_withheld(self) -> None:
        for trouble in self._withheld.values():
            self._observe(trouble)
        self._withheld.clear()

    def _compare_works(self) -> None:
        """Report Exchange as working: as soon as it answers if a calendar was read before, else once one is read."""
        is_well = self._readability.works or (self._is_half and not self._readability.is_ill)
        if not self._works and self._answers and is_well:
            self._works, self._said = True, None
            self._observe(ConnectionRestored(self._side))


def _of_the_service(failure: ExchangeFailure) -> ExchangeFailure:
    """Return the failure of the whole service that a denial for every mailbox amounts to."""
    kind = policy_of(type(failure)).for_everybody
    return failure if kind is None else kind(failure.detail)
