"""Decides every participant's desired presence: when something has changed, and when a decision expires."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from engine.core.errors import EngineMistake
from engine.core.presence import decide
from engine.core.presence.decide import Decision
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.store.presence import PresenceRecord
from engine.sync.events import ServiceChanged, SyncContext, UserRecovered, UserTrouble
from engine.sync.hold import Held, held
from engine.sync.participants import Participant, Participants
from engine.sync.scheduling import Schedule, WakeableTimer

logger = logging.getLogger(__name__)

DECISIONS_IN_A_ROW = 10
"""After this many, a millisecond or two, the event loop gets a turn: ten thousand meetings may begin at once, and an
API request takes several turns."""

AFTER_A_MISTAKE = timedelta(minutes=1)


class Decider:
    """Decides presences, and sleeps until the earliest decision expires; never polls.

    `written` returns what the PBX shows as far as the engine knows; `want(guid)` is called after each decision. Bugs
    hit while deciding are reported per user, and again when resolved.
    """

    def __init__(
        self,
        participants: Participants,
        settings: PresenceSettings,
        context: SyncContext,
        *,
        written: Callable[[str], PresenceRecord],
        want: Callable[[str], None],
        meant: Callable[[], None] = lambda: None,
    ) -> None:
        self._participants = participants
        self._settings = settings
        self._clock = context.clock
        self._written = written
        self._want = want
        self._meant = meant
        self._observe = context.observe
        self._finished = context.finished
        self._timetable = Schedule()
        self._alarm = WakeableTimer(self._clock)
        self._before: PresenceSettings | None = None
        self._unweighed: set[str] = set()
        self._aside: set[str] = set()
        self._is_beginning = False
        self.held: Held | None = None

    def mark(self, guid: str) -> None:
        """Mark this participant for a new decision."""
        self.mark_all((guid,))

    def mark_all(self, guids: Iterable[str]) -> None:
        """Mark all these participants for a new decision."""
        now = self._clock.now()
        for guid in guids:
            self._timetable.set(guid, now)
        self._alarm.wake()

    def forget(self, guid: str) -> None:
        """Forget a user for whom this engine does not work any more."""
        self._aside.discard(guid)
        self.mark(guid)  # then it is not waited for any more either

    @property
    def settings(self) -> PresenceSettings:
        """The settings in force."""
        return self._settings

    @property
    def let_through(self) -> PresenceSettings:
        """The settings whose effect was accepted last."""
        return self._before or self._settings

    def begin(self, before: PresenceSettings | None) -> None:
        """Compare with the settings `before`, accepted by an earlier run, once everybody's calendar is read."""
        if before is not None and before != self._settings:
            self._before = before
            self._is_beginning = True
        else:
            self._meant()

    def everybody_is_known(self) -> None:
        """Begin the comparison: it is certain now which users to wait for."""
        if not self._is_beginning:
            return
        self._is_beginning = False
        self._unweighed |= {guid for guid, each in self._participants.items() if not _is_read(each)}
        if not self._unweighed:
            self._weigh()

    def adjust(self, settings: PresenceSettings) -> None:
        """Apply other settings: decide everybody again, from what was read.

        A user whose presence is cleared only because of them keeps the previous one until everybody is decided and the
        effect is weighed.
        """
        if settings == self._settings:
            return
        self._before, self._settings = self._before or self._settings, settings
        self.held = None
        self._aside.clear()
        self._unweighed |= {guid for guid, each in self._participants.items() if not each.departing and each.reading}
        self.mark_all(self._participants)
        if not self._unweighed and not self._is_beginning:
            self._weigh()

    def confirm(self) -> None:
        """Allow the settings in force to clear presences."""
        aside, self._aside = self._aside, set()
        self._before = self.held = None
        self._is_beginning = False
        self._unweighed.clear()
        self._meant()
        self.mark_all(aside)

    def _weigh(self) -> None:
        """Hold the changes set aside if they would clear more than half of all presences, else allow them."""
        showing = {guid for guid, each in self._participants.items() if each.desired not in (None, CLEARED)}
        self.held = held(self._aside, showing, showing)
        if self.held is None:
            self.confirm()
        self._observe(ServiceChanged())

    def _unless_held(self, guid: str, participant: Participant, decision: Decision, now: datetime) -> Decision:
        """Return the decision, or the one by the previous settings if only their change would clear a presence."""
        if self._before is None or participant.reading is None:
            return decision
        self._aside.discard(guid)
        if decision.presence == CLEARED:
            before = decide(participant.reading.appointments, self._before, now)
            if before.presence != CLEARED:
                self._aside.add(guid)
                return before
        return decision

    def is_idle(self) -> bool:
        """Return whether no decision is due at this instant."""
        earliest = self._timetable.earliest()
        return earliest is None or earliest > self._clock.now()

    async def run(self) -> None:
        """Decide until cancelled."""
        decided = 0
        while True:
            guid = self._timetable.pop_due(self._clock.now())
            if guid is None:
                self._finished()
                await self._alarm.wait(self._timetable.earliest())
                continue
            participant = self._participants.get(guid)
            if participant is not None:
                self._decide(guid, participant)
            if guid in self._unweighed and (participant is None or _is_read(participant)):
                self._unweighed.discard(guid)
                if not self._unweighed and not self._is_beginning:
                    self._weigh()
            decided += 1
            if decided % DECISIONS_IN_A_ROW == 0:
                await asyncio.sleep(0)

    def _decide(self, guid: str, participant: Participant) -> None:
        now = self._clock.now()
        try:
            participant.desired, participant.expires = self._desired(guid, participant, now)
        except Exception as internal_error:
            self._complain(participant, EngineMistake(type(internal_error).__name__))
            participant.desired, participant.expires = self._from_before(guid, now)
            self._timetable.set(guid, now + AFTER_A_MISTAKE)
            if participant.desired is not None:
                self._want(guid)
            return
        if participant.internal_error is not None:
            participant.internal_error = None
            self._observe(UserRecovered(participant.user))
        if participant.expires is not None:
            self._timetable.set(guid, participant.expires)
        if participant.desired is not None:
            self._want(guid)

    def _complain(self, participant: Participant, internal_error: EngineMistake) -> None:
        if participant.internal_error is None:
            logger.exception("deciding for %s", participant.user.guid)
            participant.internal_error = internal_error
            self._observe(UserTrouble(participant.user, internal_error))

    def _desired(self, guid: str, participant: Participant, now: datetime) -> tuple[Presence | None, datetime | None]:
        if participant.departing or participant.has_no_mailbox:
            return CLEARED, None
        if participant.reading is None:
            return self._from_before(guid, now)
        decision = decide(participant.reading.appointments, self._settings, now)
        decision = self._unless_held(guid, participant, decision, now)
        return decision.presence, decision.valid_until

    def _from_before(self, guid: str, now: datetime) -> tuple[Presence | None, datetime | None]:
        """Keep what was written until it expires; after that, no presence is better than a wrong one."""
        ends = self._written(guid).ends
        if ends is None or now < ends:
            return None, ends
        return CLEARED, None


def _is_read(participant: Participant) -> bool:
    """Return whether there is a reading to decide from, or a reason why there is none."""
    return participant.reading is not None or participant.problem is not None or participant.departing
