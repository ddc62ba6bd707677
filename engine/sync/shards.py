"""Takes up the users of shards that this engine owns from now on, and lets go those of shards that it has lost."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from engine.core.claims import LeaseEnded
from engine.core.clock import Clock
from engine.pbx.errors import PresenceTakenOver
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceRecord
from engine.sync.elsewhere import Elsewhere
from engine.sync.events import Event
from engine.sync.participants import Membership, Participants
from engine.sync.scheduling import WakeableTimer
from engine.sync.share import Share
from engine.sync.tripwire import Tripwire
from engine.sync.writer import Writer

LOOK = timedelta(seconds=1)
"""How often to look whether there are claims that are not used yet, or users who wait for one."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class ShardKeeper:
    """Works for the shards that this engine owns; an engine that works alone owns none, and needs no keeper.

    `elsewhere` are the users of the others; `report` is told when something is different of one of them. `read_again`
    has presences read back: other engines wrote them, or somebody else does.

    `prepare` is called before users are taken up, `begun` with all users of the shards that were taken, `ended` with
    those who were let go, and `shared_by` with the number of engines that share all budgets.
    """

    def __init__(
        self,
        participants: Participants,
        share: Share,
        writer: Writer,
        directory: Membership,
        network_clock: Clock,
        *,
        prepare: Callable[[], Awaitable[None]],
        begun: Callable[[Collection[str]], None],
        ended: Callable[[Collection[str]], None],
        shared_by: Callable[[int], None],
        report: Callable[[Event], None],
        read_again: Callable[[Iterable[str]], None],
    ) -> None:
        self._participants = participants
        self._share = share
        self._writer = writer
        self._directory = directory
        self._network_clock = network_clock
        self._prepare = prepare
        self._begun = begun
        self._ended = ended
        self._shared_by = shared_by
        self._to_store_again = set[int]()
        self._alarm = WakeableTimer(network_clock)
        self._read_again = read_again
        self._tripwire = Tripwire(share, network_clock, report, read_again)
        self.elsewhere = Elsewhere(directory, share, network_clock, report)

    def taken(self, shards: Collection[int]) -> None:
        """Begin to work for these shards, which this engine owns now, for the first time or again.

        Their users are taken up once what is stored for them has been loaded under the new claim.
        """
        self._share.begin(shards)
        self._alarm.wake()

    def lost(self, shards: Collection[int]) -> None:
        """Stop working for these shards: another engine owns them, or will.

        A claim that has run out is no reason: calendars are read on then, and presences wait for the next claim.
        """
        self._share.end(shards)
        self._to_store_again.difference_update(shards)
        left = self._directory.end()
        self._writer.let_go({*left, *self._share.of_shards(tuple(self._writer.remembered()), shards)})
        self._ended(left)

    async def answered(self, shards: Collection[int]) -> None:
        """Return when nothing is under way for these shards any more, which were lost."""
        await self._writer.answered(shards)

    def shared_by(self, nodes: int) -> None:
        """Use one part of all budgets from now on, which this number of engines share."""
        self._shared_by(nodes)

    def server_changed(self) -> None:
        """Store again what is known and the database does not have: it may have lost what was stored last."""
        self._to_store_again |= self._share.shards
        self._alarm.wake()

    def doubt(self, guid: str) -> None:
        """Ask the PBX what it shows for a user: another engine has said that it may have written too late."""
        self._writer.doubt(guid)

    def resume(self) -> None:
        """Write again for all shards: whoever else was writing their users is stopped. The PBX is asked about those who
        show what is not ours."""
        self._share.halts.end()
        self._tripwire.forget()
        for guid, participant in self._participants.items():
            if isinstance(participant.refusal, PresenceTakenOver):
                self._writer.doubt(guid)
        self._alarm.wake()

    def parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what is to be run, each part for itself: users are taken up also if another one fails."""
        return {
            "taking up users": self._use_claims,
            "looking at users of other engines": self.elsewhere.run,
            "looking for other writers": self._tripwire.run,
        }

    async def _use_claims(self) -> None:
        while True:
            await self._take_over()
            self._writer.claim_again()
            with suppress(StoreFailure):  # the store says itself that it cannot be reached
                await self._writer.tell_suspects()
                await self._store_again()
            await self._alarm.wait(self._network_clock.now() + LOOK)

    async def _store_again(self) -> None:
        claims = self._share.prepared_claims() if self._to_store_again else ()
        for claim in claims:
            # If a claim ends meanwhile, it may go on in a moment; or else its next owner loads the shard.
            with suppress(LeaseEnded):
                if claim.shard in self._to_store_again and await self._writer.store_again(claim):
                    self._to_store_again.discard(claim.shard)

    async def _take_over(self) -> None:
        loaded: dict[str, PresenceRecord] = {}
        shards = set[int]()
        with suppress(StoreFailure):
            for claim in self._share.unprepared():
                self._to_store_again.discard(claim.shard)
                with suppress(LeaseEnded):
                    loaded |= await self._writer.take_over(claim)
                    shards.add(claim.shard)
        if not shards:
            return
        await self._prepare()
        own = [guid for guid in loaded if self._share.includes(guid)]
        self._directory.begin(sorted(own, key=lambda guid: loaded[guid].ends or _NEVER))
        taken_up = self._share.of_shards(tuple(self._participants), shards)
        self._begun(taken_up)
        self._read_again(taken_up)
