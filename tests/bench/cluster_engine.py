"""One of several engines over a PostgreSQL, whose calendars and PBX answer at once, as a process for a benchmark.

    python -m tests.bench.cluster_engine SETTINGS BOARD USERS HOUR

The PBX is a file that all of them have in memory. A line "nine" on standard input lets it be nine o'clock, "leave"
hands everything over and ends the process; "figures" is answered by a line of JSON.
"""

import asyncio
import json
import mmap
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from engine.core.claims import UNLIMITED, Claim, LeaseEnded
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.daemon.build import make_check_factory
from engine.daemon.daemon import Daemon, build_daemon, open_installation, serve
from engine.pbx.entries import PresenceEntry
from engine.pbx.events import LinkUp, PbxEvent, UsersComplete, UserSeen
from engine.settings.model import ClearWith, SiteSettings
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock
from engine.sync.reconciler import Engine
from tests.bench.test_engine_bench import NINE, InstantSource
from tests.support.clock import ManualClock

SLOT = 128
"""Bytes for what the PBX shows for one user."""


class Board:
    """What the PBX shows, for so many users, in a file."""

    def __init__(self, file: Path, users: int) -> None:
        if not file.exists():
            file.write_bytes(bytes(SLOT * users))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), SLOT * users)
        self._users = users

    def put(self, user: int, presence: Presence) -> None:
        text = "" if presence == CLEARED else f"{presence.activity}\0{presence.note}"
        self._memory[user * SLOT : (user + 1) * SLOT] = text.encode().ljust(SLOT, b"\0")

    def get(self, user: int) -> Presence:
        activity, _, note = self._memory[user * SLOT : (user + 1) * SLOT].rstrip(b"\0").decode().partition("\0")
        return Presence(activity, note)

    def shown(self) -> int:
        """Return for how many users something is shown."""
        return self._users - bytes(self._memory[::SLOT]).count(0)


class BoardLink:
    """So many users; every presence is confirmed, if the claim holds."""

    def __init__(self, on_event: Callable[[PbxEvent], None], users: int, board: Board) -> None:
        self._on_event = on_event
        self._users = users
        self._board = board
        self.writes = 0

    async def run(self) -> None:
        self._on_event(LinkUp("m", "corp.example"))
        guids = [f"{n:032x}" for n in range(self._users)]
        for n, guid in enumerate(guids):
            self._on_event(UserSeen(User(guid=guid, name=f"user{n:05}", display_name=f"User Number {n}")))
        self._on_event(UsersComplete(frozenset(guids)))
        await asyncio.Event().wait()

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        if not claim.holds():
            raise LeaseEnded("nothing was sent")
        self.writes += 1
        self._board.put(int(guid, 16), presence)

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        return (PresenceEntry("calendar:", await self.read_presence(user_name)),)

    async def read_presence(self, user_name: str) -> Presence:
        return self._board.get(int(user_name.removeprefix("user")))


@dataclass
class Bench:
    """The engine in force, with its clock and its links."""

    clock: ManualClock
    board: Board
    users: int
    engine: Engine | None = None
    link: BoardLink | None = None

    def make_link(self, on_event: Callable[[PbxEvent], None]) -> BoardLink:
        self.link = BoardLink(on_event, self.users, self.board)
        return self.link

    def figures(self) -> str:
        status = None if self.engine is None else self.engine.status()
        users, waiting = (0, 0) if status is None else (status.users, status.waiting)
        writes = 0 if self.link is None else self.link.writes
        return json.dumps({"users": users, "waiting": waiting, "writes": writes})


async def obey(bench: Bench, daemon: Daemon) -> None:
    """Do what the lines of standard input say, until the last."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().strip():
        if line == "nine":
            await bench.clock.advance_to(NINE)
        elif line == "leave" and daemon.installation.node is not None:
            await daemon.installation.node.hand_over()
            return
        print(bench.figures(), flush=True)


async def run(settings_file: Path, board: Path, users: int, hour: float) -> None:
    clock, network_clock = ManualClock(NINE - timedelta(hours=9 - hour)), SteadyClock()
    bench = Bench(clock, Board(board, users), users)
    async with open_installation(settings_file, None, {}, clock, None, network_clock) as installation:

        def assemble(settings: SiteSettings, _: Secrets) -> Engine:
            assert installation.node is not None
            bench.engine = Engine(
                settings,
                source=InstantSource(),
                make_link=bench.make_link,
                store=installation.stores.presences,
                clock=clock,
                network_clock=network_clock,
                random=Random(1),
                observe=lambda _: None,
                sharing=installation.node.sharing,
            )
            return bench.engine

        factory = make_check_factory(clock, network_clock)
        daemon = await build_daemon(installation, assemble, factory, clock=clock, network_clock=network_clock)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(serve(daemon))
            await obey(bench, daemon)
            serving.cancel()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
