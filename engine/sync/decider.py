"""Keeps every participant's desired presence true: decides when something changed, and when a decision runs out."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from engine.core.errors import EngineMistake
from engine.core.presence import decide
from engine.core.presence.decide import Decision
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.store.presence import Written
from engine.sync.events import Circumstances, ServiceChanged, UserRecovered, UserTrouble
from engine.sync.hold import Held, held
from engine.sync.participants import Participant, Roster
from engine.sync.scheduling import Alarm, Timetable

logger = logging.getLogger(__name__)

DECISIONS_IN_A_ROW = 10
"""After so many, about a millisecond or two, the loop gets a turn: ten thousand meetings may begin at once, and a
request of the API takes several turns."""

AFTER_A_MISTAKE = timedelta(minutes=1)


class Decider:
    """Sleeps until the earliest decision runs out; never polls.

    `written` tells what the PBX shows as far as we know, `want` is called with the guid of everybody whose desired
    presence was decided. Mistakes of ours are reported, which concern one user alone, and when they are over.
    """

    def __init__(
        self,
        roster: Roster,
        settings: PresenceSettings,
        around: Circumstances,
        *,
        written: Callable[[str], Written],
        want: Callable[[str], None],
        meant: Callable[[], None] = lambda: None,
    ) -> None:
        self._roster = roster
        self._settings = settings
        self._clock = around.clock
        self._written = written
        self._want = want
        self._meant = meant
        self._observe = around.observe
        self._finished = around.finished
        self._timetable = Timetable()
        self._alarm = Alarm(self._clock)
        self._before: PresenceSettings | None = None
        self._unweighed: set[str] = set()
        self._aside: set[str] = set()
        self._is_beginning = False
        self.held: Held | None = None

    def mark(self, guid: str) -> None:
        """Have this participant decided anew."""
        self.mark_all((guid,))

    def mark_all(self, guids: Iterable[str]) -> None:
        """Have all these participants decided anew."""
        now = self._clock.now()
        for guid in guids:
            self._timetable.set(guid, now)
        self._alarm.wake()

    @property
    def settings(self) -> PresenceSettings:
        """The settings in force."""
        return self._settings

    @property
    def let_through(self) -> PresenceSettings:
        """The settings whose effect was weighed last, or is meant."""
        return self._before or self._settings

    def begin(self, before: PresenceSettings | None) -> None:
        """Weigh what became of the settings `before`, that an earlier run let through, when everybody is read."""
        if before is not None and before != self._settings:
            self._before = before
            self._is_beginning = True
        else:
            self._meant()

    def everybody_is_known(self) -> None:
        """Begin to weigh: who is to be waited for is certain."""
        if not self._is_beginning:
            return
        self._is_beginning = False
        self._unweighed |= {guid for guid, each in self._roster.items() if not _is_read(each)}
        if not self._unweighed:
            self._weigh()

    def adjust(self, settings: PresenceSettings) -> None:
        """Go on with other settings: everybody is decided anew, from what was read.

        Whose presence only they would clear keeps the one of before until everybody is decided, and is weighed.
        """
        if settings == self._settings:
            return
        self._before, self._settings = self._before or self._settings, settings
        self.held = None
        self._aside.clear()
        self._unweighed |= {guid for guid, each in self._roster.items() if not each.departing and each.reading}
        self.mark_all(self._roster)
        if not self._unweighed and not self._is_beginning:
            self._weigh()

    def confirm(self) -> None:
        """Let the settings in force clear what they clear."""
        aside, self._aside = self._aside, set()
        self._before = self.held = None
        self._is_beginning = False
        self._unweighed.clear()
        self._meant()
        self.mark_all(aside)

    def _weigh(self) -> None:
        """Hold what is set aside if that is more than half of all presences, else let it be cleared."""
        showing = {guid for guid, each in self._roster.items() if each.desired not in (None, CLEARED)}
        self.held = held(self._aside, showing, showing)
        if self.held is None:
            self.confirm()
        self._observe(ServiceChanged())

    def _unless_held(self, guid: str, participant: Participant, decision: Decision, now: datetime) -> Decision:
        """Return what was decided, or the decision of before where the change alone would clear a presence."""
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
        """Tell whether every decision is true at this instant."""
        earliest = self._timetable.earliest()
        return earliest is None or earliest > self._clock.now()

    async def run(self) -> None:
        """Decide for ever."""
        decided = 0
        while True:
            guid = self._timetable.pop_due(self._clock.now())
            if guid is None:
                self._finished()
                await self._alarm.wait(self._timetable.earliest())
                continue
            participant = self._roster.get(guid)
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
        except Exception as mistake:
            self._complain(participant, EngineMistake(type(mistake).__name__))
            participant.desired, participant.expires = self._from_before(guid, now)
            self._timetable.set(guid, now + AFTER_A_MISTAKE)
            if participant.desired is not None:
                self._want(guid)
            return
        if participant.mistake is not None:
            participant.mistake = None
            self._observe(UserRecovered(participant.user))
        if participant.expires is not None:
            self._timetable.set(guid, participant.expires)
        if participant.desired is not None:
            self._want(guid)

    def _complain(self, participant: Participant, mistake: EngineMistake) -> None:
        if participant.mistake is None:
            logger.exception("deciding for %s", participant.user.guid)
            participant.mistake = mistake
            self._observe(UserTrouble(participant.user, mistake))

    def _desired(self, guid: str, participant: Participant, now: datetime) -> tuple[Presence | None, datetime | None]:
        if participant.departing or participant.has_no_mailbox:
            return CLEARED, None
        if participant.reading is None:
            return self._from_before(guid, now)
        decision = decide(participant.reading.appointments, self._settings, now)
        decision = self._unless_held(guid, participant, decision, now)
        return decision.presence, decision.valid_until

    def _from_before(self, guid: str, now: datetime) -> tuple[Presence | None, datetime | None]:
        """Without a decision, what was written stands until it is no longer true; then nothing is better."""
        ends = self._written(guid).ends
        if ends is None or now < ends:
            return None, ends
        return CLEARED, None


def _is_read(participant: Participant) -> bool:
    """Tell whether there is something to decide by, or a reason why there is nothing."""
    return participant.reading is not None or participant.problem is not None or participant.departing
