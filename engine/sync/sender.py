"""Brings one user's presence up to date: asks, sends, and stores what follows, all under a claim to the user."""

from contextlib import suppress
from datetime import datetime, timedelta

from engine.core.backoff import Backoffs, doubling
from engine.core.claims import Claim
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PbxUnreachable, PresenceRefused, PresenceTakenOver
from engine.store.presence import PresenceRecord
from engine.sync.events import PresenceConfirmed, PresenceWithheld, SyncContext, UserChanged, UserRecovered, UserTrouble
from engine.sync.link import PresenceLink
from engine.sync.pace import Pace
from engine.sync.participants import Participant, Participants
from engine.sync.readback import WriteGate
from engine.sync.records import PresenceRecords
from engine.sync.scheduling import Schedule
from engine.sync.withheld import WithheldWrites

REFUSED = doubling(timedelta(minutes=1), timedelta(hours=1))
"""Pauses before a refused write is retried: the PBX's reason rarely goes away by itself."""


class PresenceSender:
    """Sends presences that differ from what the PBX shows, as far as the `gate` lets it, at a pace.

    Every method that writes may raise a `PbxFailure`, a `StoreFailure` or, once the claim is over, `LeaseEnded`; then
    nothing is sent, stored or forgotten any more. `refused` is when to try again what the PBX has refused.
    """

    def __init__(
        self,
        participants: Participants,
        link: PresenceLink,
        records: PresenceRecords,
        withheld: WithheldWrites,
        context: SyncContext,
        *,
        gate: WriteGate,
        pace: Pace,
        contact: str,
    ) -> None:
        self._participants = participants
        self._link = link
        self._records = records
        self._withheld = withheld
        self._clock = context.clock
        self._network_clock = context.network_clock
        self._observe = context.observe
        self._gate = gate
        self._pace = pace
        self._contact = contact
        self._refusals = Backoffs(context.random)
        self.refused = Schedule()

    def link_is_down(self) -> None:
        """Note the end of the connection: what was refused may succeed over the next one."""
        self._refusals.clear()
        for participant in self._participants.values():
            participant.refused = None

    def forget(self, guid: str) -> None:
        """Forget that anything was refused for a user."""
        self._refusals.reset(guid)
        self.refused.discard(guid)

    async def bring_up_to_date(self, guid: str, participant: Participant, claim: Claim) -> None:
        """Send what differs from what the PBX shows; of what is in doubt, it is asked first."""
        is_withheld = self._withheld.concerns(guid)
        if not is_withheld:
            self._withheld.forget(guid)
        was_elsewhere = await self._clear_stale(guid, claim)
        if participant.desired is None or participant.desired == participant.refused:
            return
        known = self._withheld.supposed(guid)
        shown = known.acknowledged
        if known.in_doubt or (shown != participant.desired and self._records.is_unverified(guid)):
            # An entry cleared under another contact takes precedence in the PBX, so ours has to be written after it.
            shown = None if was_elsewhere else await self.ask(participant)
            if shown is not None:
                self._records.verified(guid)
                if is_withheld:
                    self._withheld.saw(guid, shown)
                if self._records.agrees(shown, participant.desired):
                    shown = participant.desired
        if participant.desired != shown:
            if is_withheld:
                self._withhold(guid, participant, participant.desired)
            else:
                await self._send(guid, participant, PresenceRecord(shown, known.expires), claim)
        else:
            if not isinstance(participant.refusal, PresenceTakenOver):
                participant.refusal = None
            if known.in_doubt or (known.acknowledged, known.expires) != (shown, _expires(participant)):
                await self._acknowledge(guid, participant.desired, _expires(participant), claim)
                self._observe(UserChanged(guid))
        # The PBX refuses every write for a deleted user, and nothing is left there to be cleared.
        is_over = participant.deleted or self._withheld.supposed(guid).acknowledged == participant.desired
        if participant.departing and is_over and self._participants.get(guid) is participant:
            await self._forget(guid, claim)

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

    def found(self, guid: str, participant: Participant, known: PresenceRecord, shown: Presence) -> bool:
        """Process what the PBX shows for a user for whom it had confirmed `known`; return whether to compare again."""
        if known.acknowledged is not None and self._records.compare(shown, known.acknowledged):
            self._records.verified(guid)
            if isinstance(participant.refusal, PresenceTakenOver):
                participant.refusal = None
                self._observe(UserRecovered(participant.user))
        elif shown == CLEARED or self._records.is_unverified(guid):
            self._records.doubt(guid)
            return True
        elif not isinstance(participant.refusal, PresenceTakenOver):
            participant.refusal = PresenceTakenOver(f"{self._contact} shows {shown.activity or 'available'}")
            self._observe(UserTrouble(participant.user, participant.refusal))
        return False

    async def clear(self, guid: str, claim: Claim) -> None:
        """Clear what is written for a user, at the end of the engine."""
        await self._pace.take()
        await self._link.set_presence(guid, CLEARED, claim=claim)
        await self._records.acknowledge(guid, CLEARED, None, claim)

    async def take_out(self, user: User, claim: Claim) -> None:
        """Clear what is left of a user, unless another program has written since; nothing is cleared for a user who
        is written again."""
        await self._pace.take()
        record = self._records.of(user.guid)
        if record is None or not self._withheld.is_left(user.guid):
            return
        if not self._gate.allows(user.guid):
            raise PbxUnreachable("the connection was lost")
        shown = await self._link.read_presence(user.name) if user.name else record.acknowledged
        agrees = self._records.agrees
        if shown is None or agrees(shown, record.acknowledged) or agrees(shown, record.intended):
            await self._link.set_presence(user.guid, CLEARED, claim=claim)
        self._withheld.forget(user.guid)
        await self._records.acknowledge(user.guid, CLEARED, None, claim)

    async def _clear_stale(self, guid: str, claim: Claim) -> bool:
        """Clear presences written earlier under other contacts; return whether there were any."""
        contacts = () if self._withheld.concerns(guid) else self._records.leftovers(guid)
        for contact in contacts:
            await self._pace.take()
            if not self._gate.allows(guid):
                raise PbxUnreachable("the connection was lost")
            with suppress(PresenceRefused):
                await self._link.set_presence(guid, CLEARED, contact=contact, claim=claim)
        if contacts:
            await self._records.clean(guid, claim)
        return bool(contacts)

    async def _send(self, guid: str, participant: Participant, known: PresenceRecord, claim: Claim) -> None:
        await self._pace.take()
        if not self._gate.allows(guid):
            raise PbxUnreachable("the connection was lost")
        presence, expires = participant.desired, _expires(participant)
        if presence is None or presence == known.acknowledged:
            return
        await self._records.intend(guid, known, presence, expires, claim)
        try:
            await self._link.set_presence(guid, presence, claim=claim)
        except PresenceRefused as refusal:
            if self._gate.allows(guid):
                participant.refused = presence
                self.refused.set(guid, self._network_clock.now() + self._refusals.next(guid, REFUSED))
            participant.refusal = refusal
            await self._records.withdraw(guid, known, claim)
            if not participant.deleted:
                self._observe(UserTrouble(participant.user, refusal))
            return
        participant.refused = participant.refusal = None
        self._refusals.reset(guid)
        await self._acknowledge(guid, presence, expires, claim)
        self._observe(PresenceConfirmed(participant.user, presence, self._clock.now()))

    def _withhold(self, guid: str, participant: Participant, presence: Presence) -> None:
        self._withheld.note(guid, PresenceRecord(presence))
        self._observe(PresenceWithheld(participant.user, presence, self._clock.now()))

    async def _acknowledge(self, guid: str, presence: Presence, expires: datetime | None, claim: Claim) -> None:
        if self._withheld.concerns(guid):
            self._withheld.note(guid, PresenceRecord(presence, expires))
            return
        await self._records.acknowledge(guid, presence, expires, claim)

    async def _forget(self, guid: str, claim: Claim) -> None:
        is_withheld = self._withheld.concerns(guid)
        del self._participants[guid]
        if not is_withheld:
            self.forget(guid)
            await self._records.forget(guid, claim)


def _expires(participant: Participant) -> datetime | None:
    """Return when the desired presence expires: never if it is empty."""
    return None if participant.desired == CLEARED else participant.expires
