"""Writes presences, as the only component that does: only differences to what the PBX acknowledged, and paced."""

import asyncio
import itertools
import logging
from collections.abc import Collection, Iterable, KeysView
from contextlib import suppress
from datetime import datetime, timedelta

from engine.broadcast import Broadcast
from engine.core.backoff import Backoffs, doubling
from engine.core.claims import Claim, LeaseEnded, WrittenTooLate
from engine.core.errors import EngineMistake, Failure
from engine.core.internal_errors import InternalErrorLog
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PbxFailure, PresenceTakenOver, PresenceUnanswered
from engine.settings.model import EngineSettings, PbxSettings
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceRecord, PresenceStore, PresenceTarget
from engine.sync.events import ServiceChanged, SyncContext, UserChanged, UserTrouble
from engine.sync.link import PresenceLink
from engine.sync.pace import Pace
from engine.sync.participants import Participant, Participants
from engine.sync.readback import WriteGate
from engine.sync.records import PresenceRecords
from engine.sync.scheduling import Schedule, WakeableTimer
from engine.sync.sender import PresenceSender
from engine.sync.share import Share, Sighting
from engine.sync.withheld import WithheldWrites

logger = logging.getLogger(__name__)

UNANSWERED = doubling(timedelta(seconds=5), timedelta(minutes=5))
"""Pauses before an unanswered write is retried, unless the connection is renewed before."""

KEEP_AGAIN = timedelta(seconds=10)
"""Pause before another attempt to store what could not be written to disk."""

LOOKED_AT_IN_A_ROW = 20
"""After this many the event loop gets a turn: users who may not be written cost no waiting, and may be all of them."""

LEAVE_WITHIN = 4.0
"""Seconds available at the end for clearing presences that could not be stored."""


class Writer:
    """Brings the PBX to the desired presences, user by user; a user wanted twice is written once, with the newest one.

    Before a presence is sent it is stored as intended, and as acknowledged once the PBX has confirmed it. After a crash
    or a lost connection in between it is in doubt: then the PBX is asked before anything is written.

    Where users are shared with other engines, all this happens under a claim to the user. Once the claim is over,
    nothing is sent, stored or forgotten: whoever owns the user next asks the PBX.
    """

    def __init__(
        self,
        participants: Participants,
        link: PresenceLink,
        store: PresenceStore,
        settings: PbxSettings,
        context: SyncContext,
        *,
        engine: EngineSettings,
        share: Share | None = None,
    ) -> None:
        self._participants = participants
        self._share = share or Share()
        self._store = store
        self._network_clock = context.network_clock
        self._per_second = settings.writes_per_second
        self._engines = 1
        self._pace = Pace(settings.writes_per_second, self._network_clock)
        self._slots = asyncio.Semaphore(settings.writes_in_flight)
        self._observe = context.observe
        self._finished = context.finished
        target = PresenceTarget(pbx=settings.place, contact=settings.presence_contact)
        self._records = PresenceRecords(store, target, self._share)
        self._withheld = WithheldWrites(participants, self._records.by_guid, engine)
        self._gate = WriteGate()
        self._sender = PresenceSender(
            participants,
            link,
            self._records,
            self._withheld,
            context,
            gate=self._gate,
            pace=self._pace,
            contact=settings.presence_contact,
        )
        self._wanted = Schedule()
        self._busy: set[str] = set()
        self._cut_off: set[str] = set()
        self._held_back: set[str] = set()
        self._unclaimed: set[str] = set()
        self._written_one = Broadcast()
        self._again: set[str] = set()
        self._unanswered = Backoffs(context.random)
        self._gone_meanwhile: set[str] = set()
        self._internal_errors = InternalErrorLog(logger, self._network_clock)
        self._alarm = WakeableTimer(self._network_clock)
        self._is_leaving = False
        self._told_trouble: Failure | None = None

    async def load(self) -> None:
        """Load what earlier runs wrote. Must be called before everything else."""
        await self._records.load()

    @property
    def withheld(self) -> WithheldWrites:
        """What is not written, in a dry run or for users who are no pilots."""
        return self._withheld

    def remembered(self) -> KeysView[str]:
        """Return the guids of all users whose presence was ever written and has not been forgotten."""
        return self._records.by_guid.keys()

    def adjust(self, settings: PbxSettings, engine: EngineSettings) -> None:
        """Apply another pace, or write other users than before; then all presences are compared again."""
        self._per_second = settings.writes_per_second
        self.share_with(self._engines)
        self._slots = asyncio.Semaphore(settings.writes_in_flight)
        if self._withheld.adjust(engine):
            self.want_all(self._participants)
            for guid in self._participants:
                self._observe(UserChanged(guid))

    def share_with(self, engines: int) -> None:
        """Write at one part of the pace, as one of this number of engines, but not less than once a second for that."""
        self._engines = engines
        self._pace.adjust(max(self._per_second / engines, min(1.0, self._per_second)))

    def want(self, guid: str) -> None:
        """Schedule comparing this participant's presence, and writing it if it differs."""
        self.want_all((guid,))

    def want_all(self, guids: Iterable[str]) -> None:
        """Schedule comparing the presences of all these participants."""
        now = self._network_clock.now()
        for guid in guids:
            self._wanted.bring_forward(guid, now)
        self._alarm.wake()

    def master_is_certain(self) -> None:
        """Begin writing for the users seen over this connection."""
        self.want_all(self._gate.master_is_proved())

    def user_is_certain(self, guid: str) -> None:
        """Begin writing for this user, if the PBX is certain too."""
        self._gate.user_is_known(guid)
        self.want(guid)

    def link_is_up(self) -> None:
        """Begin writing: log-in, PBX name and users are certain. Everybody is compared."""
        self._gate.all_are_known()
        self.want_all(self._participants)
        self._finished()

    def link_is_down(self) -> None:
        """Begin no more writes. What was refused or not answered may succeed over the next connection."""
        self._gate.reset()
        self._unanswered.clear()
        self._sender.link_is_down()

    @property
    def knows_everybody(self) -> bool:
        """Whether the PBX has sent all of its users over this connection."""
        return self._gate.all_known

    def user_is_gone(self, guid: str) -> None:
        """Note that the PBX deleted this user with the presence; a new user with the same guid has none."""
        if self._records.of(guid) != PresenceRecord(CLEARED):
            self._records.doubt(guid)
        if guid in self._busy:
            self._gone_meanwhile.add(guid)

    @property
    def is_writing(self) -> bool:
        """Whether a presence is being written or waits to be written."""
        earliest = self._wanted.earliest()
        return bool(self._busy) or (earliest is not None and earliest <= self._network_clock.now())

    def known(self, guid: str) -> PresenceRecord | None:
        """Return what the PBX confirmed, None if that is in doubt or just being changed."""
        known = self._records.of(guid)
        is_changing = guid in self._busy or guid in self._held_back or self._withheld.concerns(guid)
        return None if known is None or known.in_doubt or is_changing else known

    def claim(self, guid: str) -> Claim:
        """Return the claim to write a user. Raises `LeaseEnded` if this engine may not write that user now."""
        claim = self._share.claim(guid)
        if claim is None:
            raise LeaseEnded("nothing was sent")
        return claim

    async def lend(self, guid: str) -> Claim:
        """Return the claim under which somebody else writes a user, who is held back. Raises `LeaseEnded`, or a
        `StoreFailure`.

        Nothing of that is stored: if another engine owns the user before `release`, it asks the PBX.
        """
        claim = self.claim(guid)
        await self._share.suspect(guid)
        return claim

    def hold_back(self, guid: str) -> None:
        """Begin no write for this user until `release`."""
        self._held_back.add(guid)

    async def quiet(self, guid: str) -> None:
        """Return when no write for this user, who is held back, is in progress."""
        while guid in self._busy:
            await self._written_one.wait()

    def release(self, guid: str) -> None:
        """Write this user again; what the PBX shows is in doubt, because somebody else has written meanwhile."""
        self._held_back.discard(guid)
        if not self._withheld.concerns(guid):
            self._records.doubt(guid)
        self.want(guid)

    def found(self, guid: str, known: PresenceRecord, shown: Presence) -> None:
        """Process what the PBX shows for a user for whom it had confirmed `known`.

        A lost presence is sent again. One that is neither ours nor empty was written by another program: that is
        reported, and left alone until this user's presence changes next. Of a user who was another engine's, it may
        be what that one wrote last.
        """
        participant = self._participants.get(guid)
        if participant is None or known.acknowledged is None or self.known(guid) is not known:
            return
        if self._sender.found(guid, participant, known, shown):
            self.want(guid)
        elif isinstance(participant.refusal, PresenceTakenOver):
            self._share.sighted(Sighting(participant.user, shown, known.acknowledged))

    async def ask(self, participant: Participant) -> Presence | None:
        """Return what the PBX shows, None if it does not say."""
        return await self._sender.ask(participant)

    def is_idle(self) -> bool:
        """Return whether the PBX shows what is desired, as far as that is possible."""
        return self._gate.all_known and not self._busy and not len(self._wanted)

    @property
    def store_trouble(self) -> Failure | None:
        """The failure because of which presences are kept in memory only."""
        return self._store.trouble

    async def keep(self) -> None:
        """Retry storing what could not be written to disk, until cancelled."""
        while True:
            await self._network_clock.sleep_until(self._network_clock.now() + KEEP_AGAIN)
            await self._store.keep()
            self._tell_of_store()

    def _tell_of_store(self) -> None:
        if self._store.trouble is not self._told_trouble:
            self._told_trouble = self._store.trouble
            self._observe(ServiceChanged())

    async def leave(self) -> None:
        """Clear presences that cannot be stored now, because the next run would not know of them.

        Nothing else is written any more. Returns within `LEAVE_WITHIN`, done or not.
        """
        if self._store.trouble is None:
            return
        self._is_leaving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN):
                await self._store.keep()
                async with asyncio.TaskGroup() as group:
                    for guid, written in self._store.not_kept().items():
                        may_write = self._gate.allows(guid) and not self._withheld.concerns(guid)
                        if may_write and written != PresenceRecord(CLEARED):
                            group.create_task(self._clear(guid))

    async def _clear(self, guid: str) -> None:
        async with self._slots:
            with suppress(PbxFailure, LeaseEnded):
                await self._sender.clear(guid, self.claim(guid))

    async def take_out(self, user: User) -> None:
        """Clear what is left of a user, unless another program has written since.

        Raises a `PbxFailure`, or `LeaseEnded`; nothing is cleared for a user who is written again.
        """
        async with self._slots:
            await self._sender.take_out(user, self.claim(user.guid))
        self.want(user.guid)

    async def run(self) -> None:
        """Write until cancelled."""
        self._busy.clear()
        async with asyncio.TaskGroup() as group:
            for turn in itertools.count(1):
                if turn % LOOKED_AT_IN_A_ROW == 0:
                    await asyncio.sleep(0)
                now = self._network_clock.now()
                while (refused := self._sender.refused.pop_due(now)) is not None:
                    self._try_again(refused)
                guid = self._wanted.pop_due(now)
                if guid is None:
                    await self._alarm.wait(_earlier(self._wanted.earliest(), self._sender.refused.earliest()))
                elif guid in self._busy:
                    self._again.add(guid)
                elif guid in self._held_back:
                    continue
                elif self._gate.allows(guid) and not self._is_leaving and self._is_claimed(guid):
                    self._busy.add(guid)
                    slots = self._slots
                    await slots.acquire()
                    group.create_task(self._process(guid, slots))

    async def _process(self, guid: str, slots: asyncio.Semaphore) -> None:
        try:
            participant = self._participants.get(guid)
            if participant is not None:
                await self._sender.bring_up_to_date(guid, participant, self.claim(guid))
        except asyncio.CancelledError:
            self._cut_off.add(guid)
            raise
        except LeaseEnded as ended:
            self._stop_writing(guid, ended)
        except PbxFailure as failure:
            self._wanted.set(guid, self._network_clock.now() + self._unanswered.next(guid, UNANSWERED))
            self._report_failure(guid, failure)
        except StoreFailure:
            if self._share.is_everybody:
                raise
            self._unclaimed.add(guid)
        except Exception as internal_error:
            self._internal_errors.write("writing the presence of a user", internal_error)
            self._wanted.set(guid, self._network_clock.now() + self._unanswered.next(guid, UNANSWERED))
            self._report_failure(guid, EngineMistake(type(internal_error).__name__))
        else:
            self._unanswered.reset(guid)
        finally:
            slots.release()
            self._end(guid)
            self._tell_of_store()
            self._finished()

    def _end(self, guid: str) -> None:
        """Let this user be looked at again, and process what happened meanwhile."""
        self._busy.discard(guid)
        if guid in self._gone_meanwhile:
            self._gone_meanwhile.discard(guid)
            self.user_is_gone(guid)
            self.want(guid)
        if not self._share.includes(guid):
            self._records.unload(guid)
        self._written_one.notify()
        if guid in self._again:
            self._again.discard(guid)
            self.want(guid)
        self._alarm.wake()

    def _is_claimed(self, guid: str) -> bool:
        """Return whether a user may be written; if not, wait for a claim to one of our own users."""
        if self._share.claim(guid) is not None:
            return True
        self._stop_writing(guid)
        return False

    def _stop_writing(self, guid: str, ended: LeaseEnded | None = None) -> None:
        if isinstance(ended, WrittenTooLate):
            self._records.suspect(guid)
        if self._share.includes(guid):
            self._unclaimed.add(guid)
        self._finished()

    def _try_again(self, guid: str) -> None:
        participant = self._participants.get(guid)
        if participant is not None and participant.refused is not None:
            participant.refused = None
            self.want(guid)

    def _report_failure(self, guid: str, failure: PbxFailure | EngineMistake) -> None:
        """Report a failure of this user alone once it is more than temporary."""
        participant = self._participants.get(guid)
        is_own = isinstance(failure, PresenceUnanswered | EngineMistake)
        if participant and is_own and self._unanswered.failures(guid) == 2:
            participant.refusal = failure
            self._observe(UserTrouble(participant.user, failure))

    async def take_over(self, claim: Claim) -> dict[str, PresenceRecord]:
        """Use the claim to a shard: load what is stored, and trust nothing of it before the PBX was asked.

        Return what was loaded. Raises `LeaseEnded`, or a `StoreFailure`.
        """
        loaded = await self._records.load_shard(claim)
        if not self._share.prepare(claim):  # it was lost meanwhile
            self.let_go(loaded)
        return loaded

    def claim_again(self) -> None:
        """Write those who had to wait for a claim, and may be written by now."""
        if not self._unclaimed:
            return
        shards = {claim.shard for claim in self._share.prepared_claims()}
        claimed = self._share.of_shards(tuple(self._unclaimed), shards)
        self._unclaimed.difference_update(claimed)
        self.want_all(claimed)

    def let_go(self, guids: Iterable[str]) -> None:
        """Forget users of shards that were lost: nothing is sent for them, and nothing stored."""
        for guid in guids:
            for waiting in (self._unclaimed, self._again, self._gone_meanwhile):
                waiting.discard(guid)
            self._wanted.discard(guid)
            self._unanswered.reset(guid)
            self._sender.forget(guid)
            self._withheld.forget(guid)
            self._records.unload(guid)

    async def store_again(self, claim: Claim) -> bool:
        """Store what is known of a shard's users and the database does not have any more; return whether that was
        possible for all of them, of whom none was just being written. Raises `LeaseEnded`, or a `StoreFailure`."""
        different = await self._records.not_stored(claim)
        free = [guid for guid in different if guid not in self._busy]
        for guid in free:
            if guid in self._busy:
                return False
            self._busy.add(guid)
            try:
                await self._records.store_again(guid, claim)
            finally:
                self._end(guid)
        return len(free) == len(different)

    async def answered(self, shards: Collection[int]) -> None:
        """Return when nothing is under way for these shards, which were lost; never if a write was cancelled."""
        while self._share.of_shards(self._busy | self._cut_off, shards):
            await self._written_one.wait()

    async def tell_suspects(self) -> None:
        """Store for whom something was sent too late, as soon as that is possible."""
        await self._records.tell_suspects()

    def doubt(self, guid: str) -> None:
        """Ask the PBX what it shows for a user: another engine may have written late."""
        self._records.doubt(guid)
        self.want(guid)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
