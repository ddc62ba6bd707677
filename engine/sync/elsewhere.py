"""The users whom other nodes work for: who they are, which node each belongs to, and what is stored for them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.core.users import User
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceRecord
from engine.sync.events import Event, UserChanged
from engine.sync.participants import Membership
from engine.sync.share import Share

LOOK = timedelta(seconds=3)
"""How often to look what the others have stored, and whose the users are."""

SWEEP = timedelta(minutes=10)
"""How often everything stored is read: what was deleted is noticed by that alone."""


@dataclass(frozen=True, slots=True)
class UserElsewhere:
    """A user of another node, "" if none has the user at the moment, and what was stored of the presence last."""

    user: User
    node: str
    written: PresenceRecord


class Elsewhere:
    """What is known of them, at most some seconds old; `report` is told of each user of whom something changes."""

    def __init__(
        self, directory: Membership, share: Share, network_clock: Clock, report: Callable[[Event], None]
    ) -> None:
        self._directory = directory
        self._share = share
        self._network_clock = network_clock
        self._report = report
        self._records: dict[str, PresenceRecord] = {}
        self._owners: Mapping[int, str] = {}
        self._selection = directory.selection
        self._read_until: datetime | None = None
        self._sweep_at = network_clock.now()

    def guids(self) -> tuple[str, ...]:
        """Return the guids of all of them."""
        return tuple(self._directory.elsewhere)

    def of(self, guid: str) -> UserElsewhere | None:
        """Return what is known of one of them, None if the user is none."""
        user = self._directory.elsewhere.get(guid)
        if user is None:
            return None
        node = self._owners.get(self._share.shard_of(guid), "")
        return UserElsewhere(user, node, self._records.get(guid, PresenceRecord()))

    def counted(self) -> Mapping[str, int]:
        """Return how many of them each node has."""
        shards = Counter(map(self._share.shard_of, self._directory.elsewhere))
        users: Counter[str] = Counter()
        for shard, number in shards.items():
            users[self._owners.get(shard, "")] += number
        return users

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._note_owners()
            self._note_selection()
            with suppress(StoreFailure):  # the cluster tells that the database is away
                await self._read()
            await self._network_clock.sleep_until(self._network_clock.now() + LOOK)

    async def _read(self) -> None:
        now = self._network_clock.now()
        self._read_until, changed = await self._share.stored_since(self._read_until)
        self._note(changed)
        if now >= self._sweep_at:
            await self._sweep()
            self._sweep_at = now + SWEEP

    async def _sweep(self) -> None:
        """Read everything, a part at a time."""
        seen, place = set[str](), ""
        while part := await self._share.stored_after(place):
            self._note(part)
            seen.update(part)
            place = next(reversed(part))
        gone = self._records.keys() - seen
        for guid in gone:
            del self._records[guid]
        self._tell(gone)

    def _note(self, stored: Mapping[str, PresenceRecord]) -> None:
        different = [guid for guid, record in stored.items() if self._records.get(guid) != record]
        self._records.update(stored)
        self._tell(different)

    def _note_owners(self) -> None:
        before, self._owners = self._owners, self._share.owners()
        moved = {shard for shard in {*before, *self._owners} if before.get(shard) != self._owners.get(shard)}
        if moved:
            self._tell(self._share.of_shards(self._directory.elsewhere, moved))

    def _note_selection(self) -> None:
        """Another selection adds and removes users, of whom nothing else may have changed."""
        if self._directory.selection is not self._selection:
            self._selection = self._directory.selection
            self._tell(self._directory.known())

    def _tell(self, guids: Collection[str]) -> None:
        for guid in guids:
            if not self._share.includes(guid):
                self._report(UserChanged(guid))
