"""Puts one whole calendar-engine together: service, debug log, and the API that tells of both."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.abc import AbstractResolver

from engine.api.desk import Desk
from engine.api.handlers.settings import SettingsPart
from engine.api.schema.places import socket_path
from engine.api.server import ApiServer
from engine.api.sockets import Doors, open_doors
from engine.cli.assembly import assemble, state_directory
from engine.cli.debug_log import DebugLog
from engine.cli.narration import introduce
from engine.core.clock import Clock
from engine.core.settings.model import Settings
from engine.service.service import LoadSecrets, Service
from engine.service.settings_file import SettingsFile
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.database import Database
from engine.store.secrets import Secrets
from engine.store.settings_history import SettingsHistory
from engine.sync.engine import Engine
from engine.sync.happenings import Happening, Observer, ServiceChanged

logger = logging.getLogger(__name__)


class Site:
    """One calendar-engine, by the settings in `file`; `clock` is calendar time.

    `observe` learns of everything that happens; `resolver` looks up Exchange's servers, None as the system does.
    """

    def __init__(
        self,
        file: SettingsFile,
        load_secrets: LoadSecrets,
        *,
        clock: Clock,
        network_clock: Clock,
        observe: Observer,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._given = file.engine_settings()
        self._database = Database(state_directory(self._given))
        self._exchanges = DebugLog(state_directory(self._given), clock)
        self._presences = AcknowledgedPresences(self._database)
        self._clock = clock
        self._network_clock = network_clock
        self._resolver = resolver
        self._observe = observe
        self.service = Service(
            file,
            SettingsHistory(self._database),
            load_secrets,
            self._engine,
            clock=clock,
            network_clock=network_clock,
            started_with=self._given,
        )
        self.service.seat.observe(self._follow)

    async def run(self) -> None:
        """Keep presences in step until cancelled, as soon as settings and secrets are there and valid.

        Raises a `Failure` when not even that can be waited for, or nothing can be remembered any more.
        """
        async with self._opened() as doors:
            logger.info("local API at %s", doors.main)
            desk = Desk(self.service.seat, self._clock)
            more = (SettingsPart(self.service, desk), *self._exchanges.parts(self.service.seat, desk))
            api = ApiServer(desk, doors, more=more)
            async with asyncio.TaskGroup() as group:
                for work in (self.service.run(), self._exchanges.capture.run(), api.serve()):
                    group.create_task(work)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Doors]:
        try:
            await self._database.open()
            await self.service.begin()
            async with self._exchanges.opened():
                with open_doors(socket_path(self._given.socket), self._given.socket_group, os.environ) as doors:
                    yield doors
        finally:
            await self._database.close()

    def _engine(self, settings: Settings, secrets: Secrets) -> Engine:
        introduce(settings)
        self._exchanges.know(secrets)
        return assemble(
            settings,
            secrets,
            self._presences,
            clock=self._clock,
            network_clock=self._network_clock,
            observe=self._observe,
            resolver=self._resolver,
            trace=self._exchanges.capture,
        )

    def _follow(self, happening: Happening) -> None:
        if isinstance(happening, ServiceChanged) and self.service.settings is not None:
            self._exchanges.heed(self.service.settings)
