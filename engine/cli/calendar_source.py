"""Puts the calendar source together that the settings name: which servers, which log-in, how much is read."""

from importlib.metadata import version
from random import Random

from aiohttp.abc import AbstractResolver

from engine.core.clock import Clock
from engine.core.settings.model import ExchangeSettings, ExchangeType, Settings
from engine.exchange.ews.online import AUTHORITY, ExchangeOnlineTokens, for_exchange_online, scope_of
from engine.exchange.ews.source import EwsSource
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.handshake import Credential
from engine.exchange.http.tls import verified_context
from engine.exchange.http.trace import Trace
from engine.exchange.oauth.application import Application, ClientCertificate, Registration
from engine.exchange.source import CalendarSource
from engine.logins.breaker import LogIns
from engine.probes.exchange import ExchangeAccess
from engine.store.secrets import Secrets

USER_AGENT = f"calendar-engine/{version('calendar-tui')}"
"""Constant, since Exchange administrators allow or block clients by it."""


def calendar_source(
    settings: Settings,
    secrets: Secrets,
    *,
    clock: Clock,
    network_clock: Clock,
    random: Random,
    resolver: AbstractResolver | None,
    trace: Trace | None = None,
    log_ins: LogIns | None = None,
) -> CalendarSource:
    """Return the source, not connected to anything yet. `resolver` looks up Exchange's servers, `trace` looks on;
    `log_ins` are asked before each log-in."""
    return exchange_access(
        settings,
        secrets,
        clock=clock,
        network_clock=network_clock,
        random=random,
        resolver=resolver,
        trace=trace,
        log_ins=log_ins,
    ).source


def exchange_access(
    settings: Settings,
    secrets: Secrets,
    *,
    clock: Clock,
    network_clock: Clock,
    random: Random,
    resolver: AbstractResolver | None,
    trace: Trace | None = None,
    log_ins: LogIns | None = None,
) -> ExchangeAccess:
    """Return the source together with what it is made of."""
    exchange = settings.exchange
    tls = verified_context(exchange.ca_file)
    log_ins = log_ins or LogIns(network_clock)
    token: ExchangeOnlineTokens | None = None
    if exchange.type is not ExchangeType.ON_PREMISES:
        exchange = for_exchange_online(exchange)
        registration = _registration(exchange, secrets)
        scope = scope_of(exchange.ews_url or "")
        application = Application(registration, scope, tls=tls, user_agent=USER_AGENT, trace=trace)
        token = ExchangeOnlineTokens(
            application,
            f"application {registration.client_id}",
            network_clock,
            clock,
            log_ins.breaker(registration.account, registration.identity),
        )
    http = ExchangeHttp(
        log_in=token or Credential(exchange.user, secrets.exchange_password, exchange.auth, exchange.channel_binding),
        connections=exchange.connections,
        tls=tls,
        clock=network_clock,
        user_agent=USER_AGENT,
        resolver=resolver,
        trace=trace,
        log_ins=log_ins,
    )
    source = EwsSource(
        exchange,
        with_subjects=settings.presence.needs_subjects,
        exception_organizer=settings.presence.tentative_exception_organizer,
        http=http,
        clock=network_clock,
        random=random,
    )
    return ExchangeAccess(exchange, tls, http, token, source)


def _registration(exchange: ExchangeSettings, secrets: Secrets) -> Registration:
    certificate, key = exchange.certificate, exchange.certificate_key
    return Registration(
        authority=exchange.authority or AUTHORITY,
        tenant_id=exchange.tenant_id or "",
        client_id=exchange.client_id or "",
        proof=ClientCertificate(certificate, key) if certificate and key else secrets.exchange_client_secret,
    )
