"""Puts a real engine together from settings and secrets: the one place that knows every concrete part."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom

import platformdirs

from engine.core.clock import Clock
from engine.core.presence.model import PresenceSettings
from engine.core.secret import Secret
from engine.core.settings.model import EngineSettings, PbxLinkKind, Settings
from engine.exchange.ews.source import EwsSource
from engine.exchange.http import tls as exchange_tls
from engine.exchange.http.client import ExchangeHttp, TransportFactory
from engine.pbx import tls as pbx_tls
from engine.pbx.certificate import GivenCertificate, ListenCertificate, OwnCertificate, listen_names
from engine.pbx.events import PbxEvent
from engine.pbx.link import PbxLink
from engine.pbx.listener import PbxListener
from engine.store.acknowledged import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.engine import Engine, Link
from engine.sync.happenings import Observer

USER_AGENT = f"calendar-engine/{version('calendar-tui')}"
"""Constant, since Exchange administrators allow or block clients by it."""


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
    exchange = settings.exchange
    http = ExchangeHttp(
        user=exchange.user,
        password=secrets.exchange_password,
        authentication=exchange.auth,
        channel_binding=exchange.channel_binding,
        connections=exchange.connections,
        tls=exchange_tls.verified_context(exchange.ca_file),
        clock=network_clock,
        user_agent=USER_AGENT,
        transport=transport,
    )
    source = EwsSource(
        exchange,
        with_subjects=needs_subjects(settings.presence),
        exception_organizer=settings.presence.tentative_exception_organizer,
        http=http,
        clock=network_clock,
        random=random,
    )
    return Engine(
        settings,
        source=source,
        make_link=lambda on_event: _link(settings, secrets.pbx_password, network_clock, on_event),
        store=store,
        clock=clock,
        network_clock=network_clock,
        random=random,
        observe=observe,
    )


def _link(settings: Settings, password: Secret, clock: Clock, on_event: Callable[[PbxEvent], None]) -> Link:
    pbx = settings.pbx
    if pbx.link is PbxLinkKind.LISTEN:
        return PbxListener(pbx, password, clock, on_event, certificate=_listen_certificate(settings))
    context = pbx_tls.verified_context(pbx.ca_file) if pbx.tls else None
    return PbxLink(pbx, password, clock, on_event, tls=context, random=SystemRandom())


def _listen_certificate(settings: Settings) -> ListenCertificate:
    pbx = settings.pbx
    if pbx.certificate is not None:
        return GivenCertificate(pbx.certificate, pbx.certificate_key)
    return OwnCertificate(state_directory(settings.engine), listen_names(pbx))


def needs_subjects(presence: PresenceSettings) -> bool:
    """Tell whether subjects are shown or matched; else they are not even asked for."""
    return presence.show_subject or bool(presence.priority_words or presence.no_priority_words)


def state_directory(settings: EngineSettings) -> Path:
    """Return where the engine keeps its state: as set, else as systemd says, else the platform's place for it."""
    if settings.state_dir is not None:
        return settings.state_dir
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else platformdirs.user_state_path("calendar-engine", appauthor=False)
