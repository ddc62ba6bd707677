"""Composition root: builds the engine, the PBX connection and the calendar source from the settings."""

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from random import Random, SystemRandom

import platformdirs

from engine.checks.access import ExchangeAccess
from engine.checks.factory import CheckFactory
from engine.checks.network import look_up, looking_up_by
from engine.core.clock import Clock
from engine.core.expiry import Expiries, Expiring
from engine.core.resolver import Resolver
from engine.core.secret import Secret
from engine.daemon.application_login import AcceptCertificate, ApplicationLogIn, application_log_in
from engine.exchange.ews.online import ExchangeOnlineTokens, for_exchange_online, scope_of
from engine.exchange.ews.source import EwsSource
from engine.exchange.fallback import FallbackSource
from engine.exchange.graph.source import GraphSource
from engine.exchange.graph.tokens import GraphTokens
from engine.exchange.http.auth import Credential
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.connection import verified_context
from engine.exchange.http.proxy import proxy_of
from engine.exchange.http.trace import Trace
from engine.exchange.http.wire import Network, network_of
from engine.exchange.hybrid import HybridSource
from engine.exchange.oauth.msal_client import Application
from engine.exchange.oauth.tokens import BearerTokens
from engine.logins.breaker import LogIns
from engine.pbx import websocket
from engine.pbx.addresses import KnownAddresses
from engine.pbx.certificate import GivenCertificate, ListenCertificate, OwnCertificate, listen_names
from engine.pbx.client import PbxLink
from engine.pbx.events import PbxEvent
from engine.pbx.server import PbxListener
from engine.pbx.trace import PbxTrace
from engine.settings.clouds import graph_root
from engine.settings.model import (
    CLOUD_EWS_END,
    ApplicationProof,
    EngineSettings,
    ExchangeSettings,
    ExchangeType,
    PbxLinkKind,
    SiteSettings,
    halves_of,
)
from engine.store.presence import PresenceStore
from engine.store.secrets import Secrets, application_proof
from engine.store.tenants import KnownTenants
from engine.sync.events import Observer
from engine.sync.link import Link
from engine.sync.reconciler import Engine
from engine.sync.share import Sharing
from engine.tls.pin import pin_of

USER_AGENT = f"calendar-engine/{version('calendar-tui')}"
"""User agent; constant, since Exchange administrators allow or block clients by it."""


def exchange_access(
    settings: SiteSettings,
    secrets: Secrets,
    *,
    clock: Clock,
    network_clock: Clock,
    random: Random,
    resolver: Resolver | None,
    trace: Trace | None = None,
    log_ins: LogIns | None = None,
    expiries: Expiries | None = None,
    accept: AcceptCertificate | None = None,
    tenants: KnownTenants | None = None,
) -> ExchangeAccess:
    """Return the calendar source, not connected yet, together with its components.

    `resolver` looks up Exchange's servers, `trace` records traffic; `log_ins` approve each log-in; `expiries` note the
    ends of certificates and secrets. Only with `accept`, the next certificate of the application is tried. `tenants`
    are what is known of them.
    """
    log_ins = log_ins or LogIns(network_clock)
    expiries = expiries or Expiries(clock)
    access = functools.partial(
        _access,
        secrets=secrets,
        clock=clock,
        network_clock=network_clock,
        random=random,
        resolver=resolver,
        trace=trace,
        log_ins=log_ins,
        accept=accept,
        tenants=tenants,
    )
    if settings.exchange.type is ExchangeType.CLOUD_EWS and _graph_root(settings.exchange):
        by_ews = access(settings, expiries=expiries)
        successor = replace(settings, exchange=replace(settings.exchange, type=ExchangeType.CLOUD_GRAPH))
        by_graph = access(successor, expiries=expiries, accept=None).source
        url = _graph_root(settings.exchange)
        return replace(by_ews, source=FallbackSource(by_ews.source, by_graph, graph_url=url, clock=network_clock))
    if settings.exchange.type is not ExchangeType.HYBRID:
        return access(settings, expiries=expiries)
    own_servers, cloud = halves_of(settings)
    on_premises = access(own_servers, expiries=expiries)
    online = access(cloud, expiries=expiries.besides(Expiring.EXCHANGE_CERTIFICATE))
    source = HybridSource(on_premises.source, online.source, online_url=_graph_root(settings.exchange))
    return replace(online, settings=settings.exchange, source=source)


def _access(
    settings: SiteSettings,
    *,
    secrets: Secrets,
    clock: Clock,
    network_clock: Clock,
    random: Random,
    resolver: Resolver | None,
    trace: Trace | None,
    log_ins: LogIns,
    expiries: Expiries,
    accept: AcceptCertificate | None,
    tenants: KnownTenants | None,
) -> ExchangeAccess:
    exchange = settings.exchange
    tls = verified_context(exchange.ca_file, with_system=exchange.type.has_graph)
    proxy, pin = proxy_of(exchange.proxy, secrets.exchange_proxy_password), pin_of(exchange.fingerprint)
    if exchange.type is ExchangeType.CLOUD_EWS:
        exchange = for_exchange_online(exchange)
    tokens: BearerTokens | None = None
    if exchange.type is not ExchangeType.ON_PREMISES:
        make = functools.partial(
            Application, scope=_scope(exchange), network=Network(tls, proxy=proxy), user_agent=USER_AGENT, trace=trace
        )
        by = application_log_in(exchange, secrets, make, log_ins, expiries, accept)
        tokens = _tokens(exchange, by, clock, network_clock, expiries)
    http = ExchangeHttp(
        log_in=tokens or Credential(exchange.user, secrets.exchange_password, exchange.auth, exchange.channel_binding),
        connections=exchange.connections,
        tls=tls,
        clock=network_clock,
        user_agent=USER_AGENT,
        resolver=resolver,
        proxy=proxy,
        trace=trace,
        log_ins=log_ins,
        expiries=expiries,
        pin=pin,
    )
    make_source = EwsSource if exchange.type is not ExchangeType.CLOUD_GRAPH else _graph_source(exchange, tenants)
    source = make_source(
        exchange,
        with_subjects=settings.presence.needs_subjects,
        exception_organizer=settings.presence.tentative_exception_organizer,
        http=http,
        clock=network_clock,
        random=random,
    )
    return ExchangeAccess(exchange, network_of(tls, resolver, proxy, log_ins, pin=pin), http, tokens, source)


def _graph_source(exchange: ExchangeSettings, tenants: KnownTenants | None) -> "functools.partial[GraphSource]":
    if tenants is None:
        return functools.partial(GraphSource)
    facts = functools.partial(tenants.facts, exchange.tenant_id or "", exchange.client_id or "")
    return functools.partial(GraphSource, facts=facts)


def _tokens(
    exchange: ExchangeSettings, by: ApplicationLogIn, clock: Clock, network_clock: Clock, expiries: Expiries
) -> BearerTokens:
    """Return the tokens for Exchange Online, by the protocol of the settings."""
    if exchange.type is ExchangeType.CLOUD_GRAPH:
        return GraphTokens(by.source, by.user, network_clock, by.breaker, successor=by.successor)
    expiries.note(Expiring.CLOUD_EWS, datetime.combine(CLOUD_EWS_END, time(), UTC))
    return ExchangeOnlineTokens(by.source, by.user, network_clock, clock, by.breaker, successor=by.successor)


def _scope(exchange: ExchangeSettings) -> str:
    """Return the scope for all permissions that the application has at the server; each cloud has its own."""
    if exchange.type is ExchangeType.CLOUD_GRAPH:
        return f"{_graph_root(exchange)}/.default"
    return scope_of(exchange.ews_url or "")


def _graph_root(exchange: ExchangeSettings) -> str:
    return graph_root(exchange.authority, exchange.graph_url) or ""


def assemble(
    settings: SiteSettings,
    secrets: Secrets,
    store: PresenceStore,
    *,
    clock: Clock,
    network_clock: Clock,
    observe: Observer,
    resolver: Resolver | None = None,
    trace: Trace | None = None,
    pbx_trace: PbxTrace | None = None,
    log_ins: LogIns | None = None,
    accept: AcceptCertificate | None = None,
    tenants: KnownTenants | None = None,
    sharing: Sharing | None = None,
) -> Engine:
    """Return an engine that is ready to run. `resolver` looks up Exchange's servers, `trace` records the traffic with
    them, `pbx_trace` that with the PBX; `log_ins` approve each log-in; `accept` puts the next certificate of the
    application in force; `tenants` are what is known of them. `sharing` is given where several engines share the
    users; then `store` is theirs."""
    random = SystemRandom()
    expiries = _expiries(settings.exchange, clock)
    access = exchange_access(
        settings,
        secrets,
        clock=clock,
        network_clock=network_clock,
        random=random,
        resolver=resolver,
        trace=trace,
        log_ins=log_ins,
        expiries=expiries,
        accept=accept,
        tenants=tenants,
    )
    late = None if sharing is None else sharing.undelivered_for
    link = functools.partial(pbx_link, settings, secrets.pbx_password, network_clock, undelivered_for=late)
    proof = application_proof(settings.exchange, secrets.certificates, secrets.exchange_client_secret)

    def present_proof() -> ApplicationProof | None:
        has_changed = isinstance(access.token, BearerTokens) and access.token.has_changed_proof
        return ApplicationProof.OWN_CERTIFICATE if has_changed else proof

    return Engine(
        settings,
        source=access.source,
        make_link=lambda on_event: link(on_event, log_ins, expiries, pbx_trace),
        store=store,
        clock=clock,
        network_clock=network_clock,
        random=random,
        observe=observe,
        expiries=expiries,
        proof=present_proof,
        sharing=sharing,
    )


def _expiries(exchange: ExchangeSettings, clock: Clock) -> Expiries:
    """Return what notes the ends of certificates and secrets; those of Microsoft's own servers concern nobody here."""
    own = exchange.type.has_own_servers
    return Expiries(clock, frozenset(Expiring) if own else frozenset(Expiring) - {Expiring.EXCHANGE_CERTIFICATE})


def make_check_factory(
    clock: Clock,
    network_clock: Clock,
    resolver: Resolver | None = None,
    log_ins: LogIns | None = None,
    tenants: KnownTenants | None = None,
) -> CheckFactory:
    """Return the factory of checks. `resolver` looks up Exchange's servers; `log_ins` are those of the engine, so that
    attempts of a check count for both; what is found out about a tenant is kept in `tenants`."""
    log_ins = log_ins or LogIns(network_clock)
    access = functools.partial(
        exchange_access,
        clock=clock,
        network_clock=network_clock,
        random=SystemRandom(),
        resolver=resolver,
        log_ins=log_ins,
        tenants=tenants,
    )
    return CheckFactory(
        make_link=lambda settings, password, on_event: pbx_link(settings, password, network_clock, on_event, log_ins),
        make_access=access,
        make_network=functools.partial(_network_without_password, resolver=resolver, network_clock=network_clock),
        clock=clock,
        network_clock=network_clock,
        user_agent=USER_AGENT,
        exchange_lookup=look_up if resolver is None else looking_up_by(resolver),
        tenants=tenants,
    )


def _network_without_password(
    exchange: ExchangeSettings, *, resolver: Resolver | None, network_clock: Clock
) -> Network:
    """Return how Exchange is reached, where no log-in takes place, at the proxy neither."""
    tls = verified_context(exchange.ca_file, with_system=exchange.type.has_graph)
    proxy = proxy_of(exchange.proxy, Secret(""))
    return network_of(tls, resolver, proxy, LogIns(network_clock), pin=pin_of(exchange.fingerprint))


def pbx_link(
    settings: SiteSettings,
    password: Secret,
    clock: Clock,
    on_event: Callable[[PbxEvent], None],
    log_ins: LogIns | None = None,
    expiries: Expiries | None = None,
    trace: PbxTrace | None = None,
    *,
    undelivered_for: timedelta | None = None,
) -> Link:
    """Return the PBX link of the settings, not connected yet. `clock` is the network clock; `log_ins` approve each
    log-in of the engine, but not those of a PBX that connects; `expiries` note the ends of certificates; `trace`
    records what is said; `undelivered_for` is given where users are shared (`PbxConnection`)."""
    pbx = settings.pbx
    if pbx.link is PbxLinkKind.LISTEN:
        known = KnownAddresses(state_directory(settings.engine) / "pbx-addresses")
        certificate = _listen_certificate(settings)
        return PbxListener(
            pbx,
            password,
            clock,
            on_event,
            certificate=certificate,
            known=known,
            expiries=expiries,
            trace=trace,
            undelivered_for=undelivered_for,
        )
    context = websocket.verified_context(pbx.ca_file) if pbx.tls else None
    return PbxLink(
        pbx,
        password,
        clock,
        on_event,
        tls=context,
        random=SystemRandom(),
        log_ins=log_ins,
        expiries=expiries,
        trace=trace,
        undelivered_for=undelivered_for,
    )


def _listen_certificate(settings: SiteSettings) -> ListenCertificate:
    pbx = settings.pbx
    if pbx.certificate is not None:
        return GivenCertificate(pbx.certificate, pbx.certificate_key)
    return OwnCertificate(state_directory(settings.engine), listen_names(pbx))


def state_directory(settings: EngineSettings) -> Path:
    """Return the state directory: as set, else as given by systemd, else the platform's default."""
    if settings.state_dir is not None:
        return settings.state_dir
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else platformdirs.user_state_path("calendar-engine", appauthor=False)
