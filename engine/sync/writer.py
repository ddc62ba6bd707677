"""Writes presences, as the only component that does: only differences to what the PBX acknowledged, and paced."""

import asyncio
import itertools
import logging
from collections.abc import Iterable, KeysView
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from engine.broadcast import Broadcast
from engine.core.backoff import Backoffs, doubling
from engine.core.errors import EngineMistake, Failure
from engine.core.internal_errors import InternalErrorLog
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PbxFailure, PbxUnreachable, PresenceRefused, PresenceTakenOver, PresenceUnanswered
from engine.settings.model import EngineSettings, PbxSettings
from engine.store.errors import StoreFailure
from engine.store.presence import AcknowledgedPresences, PresenceRecord, PresenceTarget
from engine.sync.events import (
    PresenceConfirmed,
    PresenceWithheld,
    ServiceChanged,
    SyncContext,
    UserChanged,
    UserRecovered,
    UserTrouble,
)
from engine.sync.pace import Pace
from engine.sync.participants import Participant, Participants
from engine.sync.readback import WriteGate
from engine.sync.scheduling import Schedule, WakeableTimer
from engine.sync.withheld import WithheldWrites

logger = logging.getLogger(__name__)

UNANSWERED = doubling(timedelta(seconds=5), timedelta(minutes=5))
"""Pauses before an unanswered write is retried, unless the connection is renewed before."""

REFUSED = doubling(timedelta(minutes=1), timedelta(hours=1))
"""Pauses before a refused write is retried: the PBX's reason rarely goes away by itself."""

KEEP_AGAIN = timedelta(seconds=10)
"""Pause before another attempt to store what could not be written to disk."""

LOOKED_AT_IN_A_ROW = 20
"""After this many the event loop gets a turn: users who may not be written cost no waiting, and may be all of them."""

LEAVE_WITHIN = 4.0
"""Seconds available at the end for clearing presences that could not be stored."""


class PresenceLink(Protocol):
    """The part of the PBX link that the writer needs. Both methods raise a `PbxFailure`, such as `PresenceRefused`."""

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "") -> None:
        """Return when the PBX has confirmed `presence`, under another contact than usual if one is given."""
        ...

    async def read_presence(self, user_name: str) -> Presence:
        """Return the calendar presence that the PBX shows."""
        ...


class Writer:
    """Brings the PBX to the desired presences, user by user; a user wanted twice is written once, with the newest one.

    Before a presence is sent it is stored as intended, and as acknowledged once the PBX has confirmed it. After a crash
    or a lost connection in between it is in doubt: then the PBX is asked before anything is written.
    """

    def __init__(
        self,
        participants: Participants,
        link: PresenceLink,
        store: AcknowledgedPresences,
        settings: PbxSettings,
        context: SyncContext,
        *,
        engine: EngineSettings,
    ) -> None:
        self._participants = participants
        self._link = link
        self._store = store
        self._clock = context.clock
        self._network_clock = context.network_clock
        self._pace = Pace(settings.writes_per_second, self._network_clock)
        self._slots = asyncio.Semaphore(settings.writes_in_flight)
        self._observe = context.observe
        self._finished = context.finished
        self._place = PresenceTarget(
            pbx=settings.place,
            contact=settings.presence_contact,
        )
        self._written: dict[str, PresenceRecord] = {}
        self._withheld = WithheldWrites(participants, self._written, engine)
        self._leftovers: dict[str, tuple[str, ...]] = {}
        self._wanted = Schedule()
        self._busy: set[str] = set()
        self._held_back: set[str] = set()
        self._written_one = Broadcast()
        self._again: set[str] = set()
        self._unanswered = Backoffs(context.random)
        self._refusals = Backoffs(context.random)
        self._refused = Schedule()
        self._gone_meanwhile: set[str] = set()
        self._notes_cut_at: int | None = None
        self._internal_errors = InternalErrorLog(logger, self._network_clock)
        self._certainty = WriteGate()
        self._alarm = WakeableTimer(self._network_clock)
        self._is_leaving = False
        self._told_trouble: Failure | None = None

    async def load(self) -> None:
        """Load what earlier runs wrote. Must be called before everything else."""
        await self._store.set_target(self._place)
        self._written.clear()
        self._written.update(await self._store.load())
        self._leftovers = await self._store.stale_contacts()

    @property
    def withheld(self) -> WithheldWrites:
        """What is not written, in a dry run or for users who are no pilots."""
        return self._withheld

    def remembered(self) -> KeysView[str]:
        """Return the guids of all users whose presence was ever written and has not been forgotten."""
        return self._written.keys()

    def adjust(self, settings: PbxSettings, engine: EngineSettings) -> None:
        """Apply another pace, or write other users than before; then all presences are compared again."""
        self._pace.adjust(settings.writes_per_second)
        self._slots = asyncio.Semaphore(settings.writes_in_flight)
        if self._withheld.adjust(engine):
            self.want_all(self._participants)
            for guid in self._participants:
                self._observe(UserChanged(guid))

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
        self.want_all(self._certainty.master_is_proved())

    def user_is_certain(self, guid: str) -> None:
        """Begin writing for this user, if the PBX is certain too."""
        self._certainty.user_is_known(guid)
        self.want(guid)

    def link_is_up(self) -> None:
        """Begin writing: log-in, PBX name and users are certain. Everybody is compared."""
        self._certainty.all_are_known()
        self.want_all(self._participants)
        self._finished()

    def link_is_down(self) -> None:
        """Begin no more writes. What was refused or not answered may succeed over the next connection."""
        self._certainty.reset()
        self._unanswered.clear()
        self._refusals.clear()
        for participant in self._participants.values():
            participant.refused = None

    @property
    def knows_everybody(self) -> bool:
        """Whether the PBX has sent all of its users over this connection."""
        return self._certainty.all_known

    def user_is_gone(self, guid: str) -> None:
        """Note that the PBX deleted this user with the presence; a new user with the same guid has none."""
        known = self._written.get(guid)
        if known is not None and known != PresenceRecord(CLEARED):
            self._written[guid] = PresenceRecord(expires=known.ends)
        if guid in self._busy:
            self._gone_meanwhile.add(guid)

    @property
    def is_writing(self) -> bool:
        """Whether a presence is being written or waits to be written."""
        earliest = self._wanted.earliest()
        return bool(self._busy) or (earliest is not None and earliest <= self._network_clock.now())

    def known(self, guid: str) -> PresenceRecord | None:
        """Return what the PBX confirmed, None if that is in doubt or just being changed."""
        known = self._written.get(guid)
        is_changing = guid in self._busy or guid in self._held_back or self._withheld.concerns(guid)
        return None if known is None or known.in_doubt or is_changing else known

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
        known = self._written.get(guid)
        if known is not None and not self._withheld.concerns(guid):
            self._written[guid] = PresenceRecord(expires=known.ends)
        self.want(guid)

    def found(self, guid: str, known: PresenceRecord, shown: Presence) -> None:
        """Process what the PBX shows for a user for whom it had confirmed `known`.

        A lost presence is sent again. One that is neither ours nor empty was written by another program: that is
        reported, and left alone until this user's presence changes next.
        """
        participant = self._participants.get(guid)
        if participant is None or known.acknowledged is None or self.known(guid) is not known:
            return
        ours = known.acknowledged
        if shown != ours and shown.note and _is_cut(shown, ours):
            self._notes_cut_at = len(shown.note)
        if self._agree(shown, ours):
            if isinstance(participant.refusal, PresenceTakenOver):
                participant.refusal = None
                self._observe(UserRecovered(participant.user))
        elif shown == CLEARED:
            self._written[guid] = PresenceRecord(expires=known.expires)
            self.want(guid)
        elif not isinstance(participant.refusal, PresenceTakenOver):
            participant.refusal = PresenceTakenOver(f"{self._place.contact} shows {shown.activity or 'available'}")
            self._observe(UserTrouble(participant.user, participant.refusal))

    def is_idle(self) -> bool:
        """Return whether the PBX shows what is desired, as far as that is possible."""
        return self._certainty.all_known and not self._busy and not len(self._wanted)

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
                        may_write = self._certainty.allows(guid) and not self._withheld.concerns(guid)
                        if may_write and written != PresenceRecord(CLEARED):
                            group.create_task(self._clear(guid))

    async def _clear(self, guid: str) -> None:
        async with self._slots:
            await self._pace.take()
            with suppress(PbxFailure):
                await self._link.set_presence(guid, CLEARED)
                await self._store.acknowledge(guid, CLEARED, None)

    async def take_out(self, user: User) -> None:
        """Clear what is left of a user, unless another program has written since.

        Raises a `PbxFailure`; nothing is cleared for a user who is written again.
        """
        async with self._slots:
            await self._pace.take()
            record = self._written.get(user.guid)
            if record is None or not self._withheld.is_left(user.guid):
                return
            if not self._certainty.allows(user.guid):
                raise PbxUnreachable("the connection was lost")
            shown = await self._link.read_presence(user.name) if user.name else record.acknowledged
            if shown is None or self._agree(shown, record.acknowledged) or self._agree(shown, record.intended):
                await self._link.set_presence(user.guid, CLEARED)
            self._written[user.guid] = PresenceRecord(CLEARED)
            self._withheld.forget(user.guid)
            await self._store.acknowledge(user.guid, CLEARED, None)
            self.want(user.guid)

    async def run(self) -> None:
        """Write until cancelled."""
        self._busy.clear()
        async with asyncio.TaskGroup() as group:
            for turn in itertools.count(1):
                if turn % LOOKED_AT_IN_A_ROW == 0:
                    await asyncio.sleep(0)
                now = self._network_clock.now()
                while (refused := self._refused.pop_due(now)) is not None:
                    self._try_again(refused)
                guid = self._wanted.pop_due(now)
                if guid is None:
                    await self._alarm.wait(_earlier(self._wanted.earliest(), self._refused.earliest()))
                elif guid in self._busy:
                    self._again.add(guid)
                elif guid in self._held_back:
                    continue
                elif self._certainty.allows(guid) and not self._is_leaving:
                    self._busy.add(guid)
                    slots = self._slots
                    await slots.acquire()
                    group.create_task(self._process(guid, slots))

    async def _process(self, guid: str, slots: asyncio.Semaphore) -> None:
        try:
            participant = self._participants.get(guid)
            if participant is not None:
                await self._bring_up_to_date(guid, participant)
        except PbxFailure as failure:
            self._wanted.set(guid, self._network_clock.now() + self._unanswered.next(guid, UNANSWERED))
            self._report_failure(guid, failure)
        except StoreFailure:
            raise
        except Exception as internal_error:
            self._internal_errors.write("writing the presence of a user", internal_error)
            self._wanted.set(guid, self._network_clock.now() + self._unanswered.next(guid, UNANSWERED))
            self._report_failure(guid, EngineMistake(type(internal_error).__name__))
        else:
            self._unanswered.reset(guid)
        finally:
            self._busy.discard(guid)
            if guid in self._gone_meanwhile:
                self._gone_meanwhile.discard(guid)
                self.user_is_gone(guid)
                self.want(guid)
            slots.release()
            self._written_one.notify()
            if guid in self._again:
                self._again.discard(guid)
                self.want(guid)
            self._alarm.wake()
            self._tell_of_store()
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

    async def _bring_up_to_date(self, guid: str, participant: Participant) -> None:
        is_withheld = self._withheld.concerns(guid)
        if not is_withheld:
            self._withheld.forget(guid)
        was_elsewhere = await self._clear_stale(guid)
        if participant.desired is None or participant.desired == participant.refused:
            return
        known = self._withheld.supposed(guid)
        shown = known.acknowledged
        if known.in_doubt:
            # An entry cleared under another contact takes precedence in the PBX, so ours has to be written after it.
            shown = None if was_elsewhere else await self.ask(participant)
            if is_withheld and shown is not None:
                self._withheld.saw(guid, shown)
            if shown is not None and self._agree(shown, participant.desired):
                shown = participant.desired
        if participant.desired != shown:
            if is_withheld:
                self._withhold(guid, participant, participant.desired)
            else:
                await self._send(guid, participant, PresenceRecord(shown, known.expires))
        else:
            if not isinstance(participant.refusal, PresenceTakenOver):
                participant.refusal = None
            if known.in_doubt or known.expires != _expires(participant):
                await self._acknowledge(guid, participant.desired, _expires(participant))
                self._observe(UserChanged(guid))
        # The PBX refuses every write for a deleted user, and nothing is left there to be cleared.
        is_over = participant.deleted or self._withheld.supposed(guid).acknowledged == participant.desired
        if participant.departing and is_over and self._participants.get(guid) is participant:
            await self._forget(guid)

    async def _clear_stale(self, guid: str) -> bool:
        """Clear presences written earlier under other contacts; return whether there were any."""
        contacts = () if self._withheld.concerns(guid) else self._leftovers.get(guid, ())
        for contact in contacts:
            await self._pace.take()
            if not self._certainty.allows(guid):
                raise PbxUnreachable("the connection was lost")
            with suppress(PresenceRefused):
                await self._link.set_presence(guid, CLEARED, contact=contact)
        if contacts:
            await self._store.mark_cleaned(guid)
            del self._leftovers[guid]
        return bool(contacts)

    async def ask(self, participant: Participant) -> Presence | None:
        """Return what the PBX shows, None if it does not say (the user may be gone).

        The request is by name: for a user renamed in the meantime it is repeated, because the answer may be about
        another user.
        """
        while name := participant.user.name:
            try:
                shown: Presence | None = await self._link.read_presence(name)
            except PresenceRefused:
                shown = None
            if participant.user.name == name:
                return shown
        return None

    def _agree(self, shown: Presence, ours: Presence | None) -> bool:
        """Return whether `shown` is `ours`, apart from a note that the PBX cuts."""
        is_cut = ours is not None and len(shown.note) == self._notes_cut_at and _is_cut(shown, ours)
        return shown == ours or is_cut

    async def _send(self, guid: str, participant: Participant, known: PresenceRecord) -> None:
        await self._pace.take()
        if not self._certainty.allows(guid):
            raise PbxUnreachable("the connection was lost")
        presence, expires = participant.desired, _expires(participant)
        if presence is None or presence == known.acknowledged:
            return
        self._written[guid] = replace(known, intended=presence, intended_expires=expires)
        await self._store.intend(guid, presence, expires)
        try:
            await self._link.set_presence(guid, presence)
        except PresenceRefused as refusal:
            if self._certainty.allows(guid):
                participant.refused = presence
                self._refused.set(guid, self._network_clock.now() + self._refusals.next(guid, REFUSED))
            participant.refusal = refusal
            self._written[guid] = known
            await self._store.withdraw(guid)
            if not participant.deleted:
                self._observe(UserTrouble(participant.user, refusal))
            return
        participant.refused = participant.refusal = None
        self._refusals.reset(guid)
        await self._acknowledge(guid, presence, expires)
        self._observe(PresenceConfirmed(participant.user, presence, self._clock.now()))

    def _withhold(self, guid: str, participant: Participant, presence: Presence) -> None:
        self._withheld.note(guid, PresenceRecord(presence))
        self._observe(PresenceWithheld(participant.user, presence, self._clock.now()))

    async def _acknowledge(self, guid: str, presence: Presence, expires: datetime | None) -> None:
        if self._withheld.concerns(guid):
            self._withheld.note(guid, PresenceRecord(presence, expires))
            return
        self._written[guid] = PresenceRecord(presence, expires)
        await self._store.acknowledge(guid, presence, expires)

    async def _forget(self, guid: str) -> None:
        is_withheld = self._withheld.concerns(guid)
        del self._participants[guid]
        if not is_withheld:
            self._written.pop(guid, None)
            self._leftovers.pop(guid, None)
            self._refusals.reset(guid)
            self._refused.discard(guid)
            await self._store.forget(guid)


def _is_cut(shown: Presence, ours: Presence) -> bool:
    """Return whether `shown` is `ours` with a cut note."""
    return shown.activity == ours.activity and shown.note != "" and ours.note.startswith(shown.note)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _expires(participant: Participant) -> datetime | None:
    """Return when the desired presence expires: never if it is empty."""
    return None if participant.desired == CLEARED else participant.expires
