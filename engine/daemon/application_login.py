"""How the engine logs in as an application at Microsoft Entra: by which secret or certificate, and what replaces it."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from functools import partial
from typing import Protocol

from engine.core.errors import Failure
from engine.core.expiry import Expiries, Expiring
from engine.core.secret import Secret
from engine.exchange.ews.online import AUTHORITY
from engine.exchange.oauth.msal_client import Application, ClientCertificate, Proof, Registration, StoredCertificate
from engine.exchange.oauth.tokens import Successor
from engine.logins.breaker import Breaker, LogIns
from engine.logins.rules import Account
from engine.settings.model import ApplicationProof, ExchangeSettings
from engine.store.own_certificates import NEXT_CERTIFICATE, certificate_in
from engine.store.secrets import Secrets, application_proof

logger = logging.getLogger(__name__)

AcceptCertificate = Callable[[Secret], Awaitable[None]]
"""Puts the next certificate of the application in force, durably. May raise a failure of the secret store."""


class MakeApplication(Protocol):
    """Makes the client of a registration, which calls `on_certificate` with the end of its certificate."""

    def __call__(
        self, registration: Registration, /, *, on_certificate: Callable[[datetime], None] = ...
    ) -> Application:
        """Return the client, not connected yet."""
        ...


@dataclass(frozen=True, slots=True)
class ApplicationLogIn:
    """The source of tokens of an application, the breaker for its log-ins, and what is to replace both, if anything."""

    source: Application
    user: str
    breaker: Breaker
    successor: Successor | None


def application_log_in(
    exchange: ExchangeSettings,
    secrets: Secrets,
    make: MakeApplication,
    log_ins: LogIns,
    expiries: Expiries,
    accept: AcceptCertificate | None = None,
) -> ApplicationLogIn:
    """Return how the application of the settings logs in.

    Its next certificate is tried only with `accept`. The log-ins of the trial count as those of an account of its own,
    so that their refusal pauses nothing else.
    """
    registration = _registration(exchange, secrets)
    place = "" if exchange.certificate is None else str(exchange.certificate)

    def note(ends: datetime) -> None:
        expiries.note(Expiring.APPLICATION_CERTIFICATE, ends, place)

    source = make(registration, on_certificate=note)
    if isinstance(registration.proof, Secret) and exchange.client_secret_expires is not None:
        ends = datetime.combine(exchange.client_secret_expires, time(), UTC)
        expiries.note(Expiring.CLIENT_SECRET, ends)
    following, successor = secrets.certificates.next, None
    if accept is not None and following and exchange.certificate is None:
        later = replace(registration, proof=StoredCertificate(following))
        account = Account(NEXT_CERTIFICATE, registration.account.name)
        successor = Successor(
            make(later),
            trial=log_ins.breaker(account, later.identity),
            breaker=log_ins.breaker(registration.account, later.identity),
            accepted=partial(_accepted, following, accept, expiries),
        )
    breaker = log_ins.breaker(registration.account, registration.identity)
    return ApplicationLogIn(source, f"application {registration.client_id}", breaker, successor)


async def _accepted(certificate: Secret, accept: AcceptCertificate, expiries: Expiries) -> None:
    expiries.forget(Expiring.CLIENT_SECRET)
    expiries.note(Expiring.APPLICATION_CERTIFICATE, certificate_in(certificate).not_valid_after_utc)
    try:
        await accept(certificate)
    except Failure as failure:
        logger.warning("%s. The accepted certificate is used, but tried again after the next start.", failure)


def _registration(exchange: ExchangeSettings, secrets: Secrets) -> Registration:
    return Registration(
        authority=exchange.authority or AUTHORITY,
        tenant_id=exchange.tenant_id or "",
        client_id=exchange.client_id or "",
        proof=_proof(exchange, secrets),
    )


def _proof(exchange: ExchangeSettings, secrets: Secrets) -> Proof:
    match application_proof(exchange, secrets.certificates, secrets.exchange_client_secret):
        case ApplicationProof.CERTIFICATE_FILE if exchange.certificate and exchange.certificate_key:
            return ClientCertificate(exchange.certificate, exchange.certificate_key)
        case ApplicationProof.OWN_CERTIFICATE:
            return StoredCertificate(secrets.certificates.current)
    return secrets.exchange_client_secret
