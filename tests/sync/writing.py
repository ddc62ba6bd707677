"""The writer alone: participants, a store on disk, and any link."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.core.claims import UNLIMITED, Claim, LeaseEnded
from engine.core.clock import Clock
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PbxFailure
from engine.settings.model import EngineSettings, PbxSettings
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.sync.events import Event, SyncContext
from engine.sync.link import PresenceLink
from engine.sync.participants import Participant, Participants
from engine.sync.share import Share, Sharing
from engine.sync.writer import Writer


class RecordingLink:
    """A link that confirms everything at once; it raises `failures` first, and never answers `silent` users."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, Presence]] = []
        self.reads: list[str] = []
        self.failures: list[PbxFailure] = []
        self.shown: dict[str, Presence] = {}
        self.silent = False
        self.at_once = 0
        self.most_at_once = 0

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED) -> None:
        if not claim.holds():
            raise LeaseEnded
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.writes.append((guid, presence))
            if self.silent:
                await asyncio.Event().wait()
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.at_once -= 1

    async def read_presence(self, user_name: str) -> Presence:
        self.reads.append(user_name)
        return self.shown.get(user_name, CLEARED)


@dataclass
class WriterHarness:
    """A running writer with its participants, its share of them, and events."""

    writer: Writer
    participants: Participants
    share: Share = field(default_factory=Share)
    events: list[Event] = field(default_factory=list)

    def desire(self, guid: str, presence: Presence) -> None:
        self.participants[guid].desired = presence
        self.writer.want(guid)


@asynccontextmanager
async def running_writer(
    link: PresenceLink,
    guids: Iterable[str],
    directory: Path,
    clock: Clock,
    *,
    per_second: float = 50.0,
    in_flight: int = 10,
    sharing: Sharing | None = None,
) -> AsyncIterator[WriterHarness]:
    share = Share(sharing)
    events: list[Event] = []
    participants: Participants = {guid: Participant(User(guid=guid, name=f"user {guid}")) for guid in guids}
    database = Database(directory / "state")
    await database.open()
    try:
        writer = Writer(
            participants,
            link,
            AcknowledgedPresences(database) if sharing is None else sharing.store,
            PbxSettings(master="m", writes_per_second=per_second, writes_in_flight=in_flight),
            SyncContext(
                clock=clock,
                network_clock=clock,
                random=Random(1),
                observe=events.append,
                finished=lambda: None,
            ),
            engine=EngineSettings(),
            share=share,
        )
        await writer.load()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(writer.run())
            yield WriterHarness(writer, participants, share, events)
            running.cancel()
    finally:
        await database.close()
