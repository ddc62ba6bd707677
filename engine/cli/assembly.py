"""Puts a real engine together from settings and secrets: the one place that knows every concrete part."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

import platformdirs
from aiohttp.abc import AbstractResolver

from engine.cli.calendar_source import calendar_source, exchange_access
from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.core.settings.model import EngineSettings, PbxLinkKind, Settings
from engine.exchange.http.trace import Trace
from engine.logins.breaker import LogIns
from engine.pbx import tls
from engine.pbx.addresses import KnownAddresses
from engine.pbx.certificate import GivenCertificate, ListenCertificate, OwnCertificate, listen_names
from engine.pbx.events import PbxEvent
from engine.pbx.link import PbxLink
from engine.pbx.listener import PbxListener
from engine.probes.reach import look_up, looking_up_by
from engine.probes.workbench import Workbench
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.engine import Engine, Link
from engine.sync.happenings import Observer


def assemble(
    settings: Settings,
    secrets: Secrets,
    store: AcknowledgedPresences,
    *,
    clock: Clock,
    network_clock: Clock,
    observe: Observer,
    resolver: AbstractResolver | None = None,
    trace: Trace | None = None,
    log_ins: LogIns | None = None,
) -> Engine:
    """Return an engine that is ready to run. `resolver` looks up Exchange's servers, `trace` looks on at what is
    exchanged with them; `log_ins` are asked before each log-in."""
    random = SystemRandom()
    source = calendar_source(
        settings,
        secrets,
        clock=clock,
        network_clock=network_clock,
        random=random,
        resolver=resolver,
        trace=trace,
        log_ins=log_ins,
    )
    return Engine(
        settings,
        source=source,
        make_link=lambda on_event: pbx_link(settings, secrets.pbx_password, network_clock, on_event, log_ins),
        store=store,
        clock=clock,
        network_clock=network_clock,
        random=random,
        observe=observe,
    )


def make_workbench(
    clock: Clock, network_clock: Clock, resolver: AbstractResolver | None = None, log_ins: LogIns | None = None
) -> Workbench:
    """Return what probes are made with. `resolver` looks up Exchange's servers; `log_ins` are those of the engine, so
    that what a probe tries counts for both."""
    log_ins = log_ins or LogIns(network_clock)
    access = functools.partial(
        exchange_access,
        clock=clock,
        network_clock=network_clock,
        random=SystemRandom(),
        resolver=resolver,
        log_ins=log_ins,
    )
    return Workbench(
        make_link=lambda settings, password, on_event: pbx_link(settings, password, network_clock, on_event, log_ins),
        make_access=access,
        clock=clock,
        network_clock=network_clock,
        exchange_lookup=look_up if resolver is None else looking_up_by(resolver),
    )


def pbx_link(
    settings: Settings,
    password: Secret,
    clock: Clock,
    on_event: Callable[[PbxEvent], None],
    log_ins: LogIns | None = None,
) -> Link:
    """Return the link that the settings name, which has connected to nothing yet. `clock` is the network clock,
    `log_ins` are asked before each log-in of ours; who logs in with us does not count."""
    pbx = settings.pbx
    if pbx.link is PbxLinkKind.LISTEN:
        known = KnownAddresses(state_directory(settings.engine) / "pbx-addresses")
        return PbxListener(pbx, password, clock, on_event, certificate=_listen_certificate(settings), known=known)
    context = tls.verified_context(pbx.ca_file) if pbx.tls else None
    return PbxLink(pbx, password, clock, on_event, tls=context, random=SystemRandom(), log_ins=log_ins)


def _listen_certificate(settings: Settings) -> ListenCertificate:
    pbx = settings.pbx
    if pbx.certificate is not None:
        return GivenCertificate(pbx.certificate, pbx.certificate_key)
    return OwnCertificate(state_directory(settings.engine), listen_names(pbx))


def state_directory(settings: EngineSettings) -> Path:
    """Return where the engine keeps its state: as set, else as systemd says, else the platform's place for it."""
    if settings.state_dir is not None:
        return settings.state_dir
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else platformdirs.user_state_path("calendar-engine", appauthor=False)
