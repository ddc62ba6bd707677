"""What a running service and the commands that work without one have in common: the site's files, put together."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp.abc import AbstractResolver

from engine.cli.assembly import assemble, make_workbench
from engine.cli.narration import introduce, log
from engine.cli.premises import Site, begin_site, open_premises
from engine.core.clock import Clock
from engine.core.settings.model import Settings
from engine.logins.breaker import LogIns
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.log_ins import LogInHistory
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.engine import Engine
from engine.sync.happenings import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is another one in a demo: `clock` is calendar time, `resolver` looks up Exchange's servers."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)
    network_clock: Clock = field(default_factory=SteadyClock)
    observe: Observer = log
    resolver: AbstractResolver | None = None


@asynccontextmanager
async def open_site(
    settings_file: Path,
    secrets_file: Path | None,
    around: Surroundings | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[Site]:
    """Hold the state directory for as long as the context lasts; nothing runs yet. `state_dir` takes its place.

    Raises a `StoreFailure`, `AlreadyRunning` where an engine holds it.
    """
    around = around or Surroundings()
    clock, network_clock, resolver = around.clock, around.network_clock, around.resolver
    async with open_premises(settings_file, secrets_file, around.environment, clock, state_dir) as premises:
        presences = AcknowledgedPresences(premises.database)
        log_ins = LogIns(network_clock, LogInHistory(premises.database))

        def engine(settings: Settings, secrets: Secrets) -> Engine:
            introduce(settings)
            return assemble(
                settings,
                secrets,
                presences,
                clock=clock,
                network_clock=network_clock,
                observe=around.observe,
                resolver=resolver,
                trace=premises.exchanges.capture,
                log_ins=log_ins,
            )

        workbench = make_workbench(clock, network_clock, resolver, log_ins)
        yield await begin_site(premises, engine, workbench, clock=clock, network_clock=network_clock, log_ins=log_ins)
