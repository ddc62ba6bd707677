"""Puts a real engine together from settings and secrets: the one place that knows every concrete part."""

import os
from pathlib import Path
from random import SystemRandom

import platformdirs

from engine.cli.calendar_source import calendar_source
from engine.core.clock import Clock
from engine.core.settings.model import EngineSettings, Settings
from engine.exchange.http.client import TransportFactory
from engine.exchange.http.tls import verified_context
from engine.pbx.link import PbxLink
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.engine import Engine
from engine.sync.happenings import Observer


def assemble(
    settings: Settings,
    secrets: Secrets,
    store: AcknowledgedPresences,
    *,
    clock: Clock,
    network_clock: Clock,
    observe: Observer,
    transport: TransportFactory | None = None,
) -> Engine:
    """Return an engine that is ready to run. `transport` replaces the way to Exchange's servers, not the protocol."""
    random = SystemRandom()
    pbx = settings.pbx
    pbx_tls = verified_context(pbx.ca_file) if pbx.tls else None
    return Engine(
        settings,
        source=calendar_source(settings, secrets, clock=clock, network_clock=network_clock, transport=transport),
        make_link=lambda on_event: PbxLink(
            pbx, secrets.pbx_password, network_clock, on_event, tls=pbx_tls, random=random
        ),
        store=store,
        clock=clock,
        network_clock=network_clock,
        random=random,
        observe=observe,
    )


def state_directory(settings: EngineSettings) -> Path:
    """Return where the engine keeps its state: as set, else as systemd says, else the platform's place for it."""
    if settings.state_dir is not None:
        return settings.state_dir
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else platformdirs.user_state_path("calendar-engine", appauthor=False)
