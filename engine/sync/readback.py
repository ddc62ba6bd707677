"""Reads presences back from the PBX in the background, and decides which users may be written yet."""

from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from engine.core.presence.model import Presence
from engine.pbx.errors import PbxFailure, PresenceUnanswered
from engine.store.presence import PresenceRecord
from engine.sync.events import SyncContext
from engine.sync.participants import Participant, Participants
from engine.sync.scheduling import WakeableTimer

BEGUN_AFTER = timedelta(seconds=10)
"""Delay after a connect before reading begins, because changed presences are written first."""

READS_PER_SECOND = 20.0
"""Rate of sequential reads: ten thousand users take about eight minutes."""

GIVEN_UP_AFTER = 2
"""After this many consecutive unanswered reads, nothing more is read over this connection."""


class PresenceComparer(Protocol):
    """The part of the writer that is needed here."""

    @property
    def is_writing(self) -> bool:
        """Whether a presence is being written or waits to be written."""
        ...

    def known(self, guid: str) -> PresenceRecord | None:
        """Return what the PBX confirmed, None if that is in doubt or just being changed."""
        ...

    async def ask(self, participant: Participant) -> Presence | None:
        """Return what the PBX shows, None if it does not say."""
        ...

    def found(self, guid: str, known: PresenceRecord, shown: Presence) -> None:
        """Process what the PBX shows for a user for whom it had confirmed `known`."""
        ...


class ReadBack:
    """Reads everybody's presence once after each connect, while there is nothing to write; those left over first."""

    def __init__(self, participants: Participants, writer: PresenceComparer, context: SyncContext) -> None:
        self._participants = participants
        self._writer = writer
        self._clock = context.network_clock
        self._alarm = WakeableTimer(context.network_clock)
        self._waiting: deque[str] = deque()
        self._is_on = False
        self._begins_at = self._clock.now()
        self._unanswered = 0
        self._engines = 1

    def share_with(self, engines: int) -> None:
        """Read at one part of the pace, as one of this number of engines."""
        self._engines = engines

    def begin(self) -> None:
        """Start reading: all users are known over a new connection."""
        left = [guid for guid in self._waiting if guid in self._participants]
        others = self._participants.keys() - set(left)
        self._waiting = deque([*left, *sorted(others)])
        self._is_on = True
        self._begins_at = self._clock.now() + BEGUN_AFTER
        self._unanswered = 0
        self._alarm.wake()

    def add(self, guids: Iterable[str]) -> None:
        """Read these as well: other engines wrote for them."""
        waiting = set(self._waiting)
        self._waiting.extend(guid for guid in guids if guid not in waiting)
        self._alarm.wake()

    def stop(self) -> None:
        """Stop reading: the connection has ended."""
        self._is_on = False

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if not self._is_anybody_waiting():
                await self._alarm.wait(None)
                continue
            pause = self._clock.now() + timedelta(seconds=self._engines / READS_PER_SECOND)
            await self._clock.sleep_until(max(pause, self._begins_at))
            if self._is_anybody_waiting() and not self._writer.is_writing:
                await self._read(self._waiting[0])

    def _is_anybody_waiting(self) -> bool:
        return self._is_on and bool(self._waiting)

    async def _read(self, guid: str) -> None:
        participant, known = self._participants.get(guid), self._writer.known(guid)
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


class WriteGate:
    """Which users may be written over the present connection.

    A PBX that gives its name is certain at once, and its users one by one as they are copied, so a long copy delays
    no user whose row has arrived. One that does not give its name is certain when all users are known.
    """

    def __init__(self) -> None:
        self.all_known = False
        self._is_master = False
        self._known = set[str]()

    def reset(self) -> None:
        """Allow nobody: the connection has ended."""
        self.all_known = self._is_master = False
        self._known.clear()

    def master_is_proved(self) -> frozenset[str]:
        """Note that the PBX gave its name and is the right one. Return the users who may be written now."""
        self._is_master = True
        return frozenset(self._known)

    def user_is_known(self, guid: str) -> None:
        """Note that the user's row has arrived."""
        self._known.add(guid)

    def all_are_known(self) -> None:
        """Allow everybody: all users are known, and the PBX is proved to be the master."""
        self.all_known = True
        self._known.clear()

    def allows(self, guid: str) -> bool:
        """Return whether this user's presence may be written."""
        return self.all_known or (self._is_master and guid in self._known)
