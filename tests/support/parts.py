"""A running engine with everything that `calendar-engine run` adds, and internal errors to inject."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.api.paths import read_only_twin
from engine.api.schema import Actor
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.daemon.build import make_check_factory
from engine.daemon.daemon import Daemon, build_daemon, open_installation, serve
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import ENVIRONMENT
from engine.sync.clocks import SteadyClock
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.support.ports import free_port
from tests.support.served_engine import NINE, PASSWORDS, SETTINGS, InstantLink, InstantSource, Workshop, people

USERS = people(5)
OPERATOR = Actor(uid=0, pid=1)


@dataclass
class Place:
    """A running engine with everything else that `calendar-engine run` starts."""

    site: Daemon
    workshop: Workshop
    clock: ManualClock
    file: Path
    socket: Path
    metrics_port: int
    newcomers: Iterator[User] = field(default_factory=lambda: iter(USERS[2:]))
    languages: Iterator[str] = field(default_factory=lambda: itertools.cycle(["de", "en"]))

    @property
    def link(self) -> InstantLink:
        return self.workshop.links[-1]

    @property
    def language(self) -> str:
        """The language of the settings in force, "" if there are none."""
        settings = self.site.service.settings
        return settings.presence.language if settings else ""

    async def ask(self, path: str, socket: Path | None = None) -> str:
        """Return the answer, repeating the request if necessary."""
        connector = aiohttp.UnixConnector(str(socket)) if socket else aiohttp.TCPConnector()
        base = "http://localhost" if socket else f"http://127.0.0.1:{self.metrics_port}"
        async with aiohttp.ClientSession(base, connector=connector) as session:

            async def answer() -> str:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(path) as response:
                        assert response.status == 200, await response.text()
                        return await response.text()
                return ""

            return await eventually(answer)

    async def until_status_has(self, words: str) -> None:
        async def it_has() -> bool:
            return words in await self.ask("/v1/status", self.socket)

        await eventually(it_has)

    def edit_the_file(self) -> str:
        language = next(self.languages)
        self.file.write_text(self.file.read_text().partition("language =")[0] + f'language = "{language}"\n')
        return language

    def begin_operation(self) -> Callable[[], object]:
        """Start an operation, and return a function that returns whether it is done."""

        async def work(progress: Callable[[int, int], None]) -> None:
            progress(1, 0)

        operations = self.site.api_state.operations
        key = operations.start_job("probe", 1, work, OPERATOR).id
        return lambda: any(each.id == key and each.state == "done" for each in operations.all())

    async def everything_works(self) -> None:
        """Check that everything works: presences, the API on both sockets, metrics, operations, and the settings
        file."""
        await eventually(lambda: self.site.service.current.engine in self.workshop.engines[-1:])
        await eventually(lambda: self.link.has_told_users)
        newcomer = next(self.newcomers)
        self.link.tell(newcomer)
        await eventually(lambda: self.link.shown.get(newcomer.guid, Presence()).activity == "busy")
        for socket in (self.socket, read_only_twin(self.socket)):
            assert newcomer.name in await self.ask(f"/v1/users?filter={newcomer.name}", socket)
        assert "calendar_engine_" in await self.ask("/metrics")
        await eventually(self.begin_operation())
        language = self.edit_the_file()
        await eventually(lambda: self.language == language)


@asynccontextmanager
async def running(tmp_path: Path, make: Callable[[ManualClock], Workshop] | None = None) -> AsyncIterator[Place]:
    clock, port = ManualClock(NINE), free_port()
    await clock.advance(300)
    workshop = make(clock) if make else Workshop(InstantSource(), USERS[:2], clock, pauses=pauses_pass_quickly())
    file, socket = tmp_path / "settings.toml", tmp_path / "engine.sock"
    file.write_text(f'[engine]\nsocket = "{socket}"\nmetrics_port = {port}\n{SETTINGS}\nlanguage = "en"\n')
    given = {ENVIRONMENT[f"{side}.password"]: password for side, password in PASSWORDS.items()}
    async with open_installation(file, None, given, clock, tmp_path / "state") as installation:
        store = AcknowledgedPresences(installation.database)
        site = await build_daemon(
            installation,
            lambda settings, _: workshop.assemble(settings, store),
            make_check_factory(clock, SteadyClock()),
            clock=clock,
            network_clock=pauses_pass_quickly(),
        )
        async with asyncio.TaskGroup() as group:
            work = group.create_task(serve(site))
            yield Place(site, workshop, clock, file, socket, port)
            work.cancel()
        assert work.cancelled()


class Plant:
    """Makes `name` of `owner` raise at the first call that `when` is true of, and count the calls after that."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        owner: type[Any],
        name: str,
        when: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        self.broke = False
        self.again = 0
        working = getattr(owner, name)

        def breaking(this: Any, *arguments: Any, **more: Any) -> Any:
            if when(this):
                if not self.broke:
                    self.broke = True
                    raise RuntimeError("planted")
                self.again += 1
            return working(this, *arguments, **more)

        patch.setattr(owner, name, breaking)
