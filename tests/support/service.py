"""A service on simulators, whose settings and secrets change, with its API on the real socket."""

import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp

from engine.daemon.build import assemble, make_check_factory
from engine.daemon.daemon import build_daemon, open_installation
from engine.logins.breaker import LogIns
from engine.server.state import ApiState
from engine.settings.model import SiteSettings
from engine.simulator.company import PbxSite, RoutedResolver, Routes
from engine.store.database import Database
from engine.store.logins import LogInHistory
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.supervisor.supervisor import Supervisor
from engine.sync.clocks import SteadyClock
from engine.sync.reconciler import Engine
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.idle_time import pauses_pass_quickly
from tests.support.serving import serving
from tests.support.site import collect_cancelled_handshakes


@dataclass
class ServedService:
    service: Supervisor
    api_state: ApiState
    company: PbxSite
    clock: ManualClock
    database: Database
    file: Path
    socket: Path
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def session(self) -> aiohttp.ClientSession:
        connector = aiohttp.UnixConnector(path=str(self.socket))
        self.sessions.append(aiohttp.ClientSession("http://localhost", connector=connector))
        return self.sessions[-1]

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and body of the answer."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session().request(method, path, json=body, headers=names) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def change(self, changes: dict[str, Any], **more: Any) -> Any:
        """Change settings as they are now, and return the answer."""
        etag = (await self.get("/v1/settings"))["etag"]
        status, body = await self.ask("PATCH", "/v1/settings", {"changes": changes, **more}, If_Match=etag)
        assert status == 200, body
        return body

    async def value(self, key: str) -> Any:
        """Return the value of a key as the API shows it."""
        [setting] = [each for each in (await self.get("/v1/settings"))["settings"] if each["key"] == key]
        return setting["value"]

    async def concerns(self) -> list[str]:
        return [each["trouble"]["type"] for each in (await self.get("/v1/status"))["concerns"]]

    async def settled(self) -> None:
        """Wait until an engine runs and the PBX shows the right presences."""
        await eventually(lambda: self.service.current.engine is not None)
        assert self.service.current.engine is not None
        async with patience():
            await self.service.current.engine.settled()


def changes_of(text: str) -> dict[str, Any]:
    """Return the settings of a file as changes of an empty one."""
    return {f"{table}.{key}": value for table, keys in tomllib.loads(text).items() for key, value in keys.items()}


@asynccontextmanager
async def running_service(
    company: PbxSite,
    clock: ManualClock,
    directory: Path,
    text: str | None,
    *,
    with_secrets: bool = True,
    environment: Mapping[str, str] | None = None,
    more_routes: Routes = MappingProxyType({}),
) -> AsyncIterator[ServedService]:
    """Run a service with a settings file of `text`, or without one; secrets are stored, or in `environment`.

    `more_routes` lead to other servers than those of the company.
    """
    file = directory / "etc" / "calendar-engine.toml"
    if text is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    network_clock = pauses_pass_quickly()
    resolver = RoutedResolver({**company.routes, **more_routes})
    try:
        async with open_installation(file, None, environment or {}, clock, directory / "state") as installation:
            if with_secrets and environment is None:
                await installation.sources.put(company.secrets)
            store = AcknowledgedPresences(installation.database)
            log_ins = LogIns(network_clock, LogInHistory(installation.database))

            def make(settings: SiteSettings, secrets: Secrets) -> Engine:
                return assemble(
                    settings,
                    secrets,
                    store,
                    clock=clock,
                    network_clock=network_clock,
                    observe=lambda _: None,
                    resolver=resolver,
                    log_ins=log_ins,
                    accept=installation.sources.certificate_accepted,
                    tenants=installation.tenants,
                )

            check_factory = make_check_factory(clock, SteadyClock(), resolver, log_ins, installation.tenants)
            site = await build_daemon(
                installation, make, check_factory, clock=clock, network_clock=network_clock, log_ins=log_ins
            )
            served = ServedService(
                site.service, site.api_state, company, clock, installation.database, file, directory / "engine.sock"
            )
            async with serving(site, served.socket):
                try:
                    yield served
                finally:
                    for session in served.sessions:
                        await session.close()
    finally:
        collect_cancelled_handshakes()
