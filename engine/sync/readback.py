"""Reads back in the background what the PBX shows, and so finds what it lost and what another program wrote."""

from collections import deque
from datetime import timedelta
from typing import Protocol

from engine.core.presence.model import Presence
from engine.pbx.failures import PbxFailure, PresenceUnanswered
from engine.store.acknowledged import Written
from engine.sync.circumstances import Circumstances
from engine.sync.roster import Participant, Roster
from engine.sync.timetable import Alarm

BEGUN_AFTER = timedelta(seconds=10)
"""How long after a connect reading begins: first of all what has changed is written."""

READS_PER_SECOND = 20.0
"""One after the other: ten thousand users in some eight minutes."""

GIVEN_UP_AFTER = 2
"""So many reads in a row without an answer, and nothing more is read over this connection."""


class Comparing(Protocol):
    """What is needed of the writer."""

    @property
    def is_writing(self) -> bool:
        """Whether somebody is written to, or waits for it."""
        ...

    def known(self, guid: str) -> Written | None:
        """Return what the PBX confirmed, None where that is in doubt or just being changed."""
        ...

    async def ask(self, participant: Participant) -> Presence | None:
        """Return what the PBX shows, None if it cannot tell."""
        ...

    def found(self, guid: str, known: Written, shown: Presence) -> None:
        """Take in what the PBX shows for whom it had confirmed `known`."""
        ...


class ReadBack:
    """After each connect everybody is looked at once, when nothing is to be written; who was not yet comes first."""

    def __init__(self, roster: Roster, writer: Comparing, around: Circumstances) -> None:
        self._roster = roster
        self._writer = writer
        self._clock = around.network_clock
        self._alarm = Alarm(around.network_clock)
        self._waiting: deque[str] = deque()
        self._is_on = False
        self._begins_at = self._clock.now()
        self._unanswered = 0

    def begin(self) -> None:
        """All users are known over a new connection."""
        left = [guid for guid in self._waiting if guid in self._roster]
        others = self._roster.keys() - set(left)
        self._waiting = deque([*left, *sorted(others)])
        self._is_on = True
        self._begins_at = self._clock.now() + BEGUN_AFTER
        self._unanswered = 0
        self._alarm.wake()

    def stop(self) -> None:
        """The connection is gone."""
        self._is_on = False

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if not self._is_anybody_waiting():
                await self._alarm.wait(None)
                continue
            pause = self._clock.now() + timedelta(seconds=1 / READS_PER_SECOND)
            await self._clock.sleep_until(max(pause, self._begins_at))
            if self._is_anybody_waiting() and not self._writer.is_writing:
                await self._read(self._waiting[0])

    def _is_anybody_waiting(self) -> bool:
        return self._is_on and bool(self._waiting)

    async def _read(self, guid: str) -> None:
        participant, known = self._roster.get(guid), self._writer.known(guid)
        try:
            if participant is not None and known is not None:
                shown = await self._writer.ask(participant)
                if shown is not None:
                    self._writer.found(guid, known, shown)
        except PresenceUnanswered:
            self._unanswered += 1
            self._is_on = self._is_on and self._unanswered < GIVEN_UP_AFTER
            return
        except PbxFailure:
            self._is_on = False
            return
        self._unanswered = 0
        if self._waiting and self._waiting[0] == guid:
            self._waiting.popleft()
