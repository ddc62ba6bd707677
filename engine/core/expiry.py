"""Certificates and secrets that end: when each does, as far as is known, and the warnings before it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope

THRESHOLDS = (timedelta(days=30), timedelta(days=14), timedelta(days=3))
"""How long before the end a warning begins, and is repeated in the log."""

DAY = timedelta(days=1)
MOST_PLACES = 100
"""Limit on the places that are remembered: autodiscover may lead to many servers."""


class Expiring(StrEnum):
    """What ends."""

    APPLICATION_CERTIFICATE = "application certificate"
    CLIENT_SECRET = "client secret"  # noqa: S105 - what it is
    EXCHANGE_CERTIFICATE = "Exchange certificate"
    PROXY_CERTIFICATE = "proxy certificate"
    PBX_CERTIFICATE = "PBX certificate"
    LISTENING_CERTIFICATE = "listening certificate"
    CLOUD_EWS = "EWS in Exchange Online"


class ExpiryWarning(Failure):
    """Base class: something of a `kind` ends soon, or has ended. `subject` is what, in words; `threshold` is the last
    of `thresholds` that has passed, zero after the end."""

    scope = Scope.SERVICE
    kind: ClassVar[Expiring]
    subject: ClassVar[str]
    verb: ClassVar[str] = "expires"
    participle: ClassVar[str] = "expired"
    thresholds: ClassVar[tuple[timedelta, ...]] = THRESHOLDS
    threshold = timedelta()


class ApplicationCertificateExpires(ExpiryWarning):
    """The certificate that the application proves itself with ends within 30 days."""

    fault = Fault.CREDENTIALS
    kind = Expiring.APPLICATION_CERTIFICATE
    subject = "The certificate of the application"
    meaning = "The certificate of the application expires soon"
    remedy = (
        "If calendar-engine made it: calendar-engine cloud certificate renew, and upload the new one; the present one "
        "is used until that one works. If exchange.certificate names it: have another one issued, upload it to the app "
        "registration, then replace the files."
    )


class ClientSecretExpires(ExpiryWarning):
    """The client secret ends within 30 days, by exchange.client_secret_expires."""

    fault = Fault.CREDENTIALS
    kind = Expiring.CLIENT_SECRET
    subject = "The client secret"
    meaning = "The client secret expires soon"
    remedy = (
        "Use a certificate instead: calendar-engine cloud certificate. Or create another client secret in the app "
        "registration, store its value with calendar-engine secret set exchange.client_secret, and set "
        "exchange.client_secret_expires to its end."
    )


class ExchangeCertificateExpires(ExpiryWarning):
    """The certificate of an Exchange server ends within 30 days."""

    fault = Fault.SERVER
    kind = Expiring.EXCHANGE_CERTIFICATE
    subject = "The Exchange certificate"
    meaning = "The Exchange certificate expires soon"
    remedy = (
        "Renew the certificate on the Exchange server or the load balancer in front of it; no setting has to change "
        "here. The next connection shows the new one, which ends this warning."
    )


class ProxyCertificateExpires(ExpiryWarning):
    """The proxy certificate ends within 30 days."""

    fault = Fault.SERVER
    kind = Expiring.PROXY_CERTIFICATE
    subject = "The proxy certificate"
    meaning = "The proxy certificate expires soon"
    remedy = (
        "Renew the certificate on the proxy; no setting has to change here. The next connection shows the new one, "
        "which ends this warning."
    )


class PbxCertificateExpires(ExpiryWarning):
    """The certificate that the PBX presents ends within 30 days."""

    fault = Fault.SERVER
    kind = Expiring.PBX_CERTIFICATE
    subject = "The PBX certificate"
    meaning = "The PBX certificate expires soon"
    remedy = (
        "Renew the certificate on the PBX (General/Certificates), and set pbx.fingerprint to the new one if that is "
        "set. The next connection shows the new one, which ends this warning; the present one may be older."
    )


class ListeningCertificateExpires(ExpiryWarning):
    """The certificate presented to a PBX that connects ends within 30 days."""

    fault = Fault.SETTINGS
    kind = Expiring.LISTENING_CERTIFICATE
    subject = "The certificate presented to the PBX"
    meaning = "The certificate presented to the PBX expires soon"
    remedy = (
        "Replace the files of pbx.certificate and pbx.certificate_key; new ones are noticed within an hour. If "
        "calendar-engine makes the certificate itself, the log says why it could not renew it."
    )


class CloudEwsEnds(ExpiryWarning):
    """Exchange Online is read by EWS, which Microsoft ends; this is said from the first day on."""

    fault = Fault.SETTINGS
    kind = Expiring.CLOUD_EWS
    subject = "EWS in Exchange Online"
    verb = "ends"
    participle = "ended"
    thresholds = (timedelta.max, *THRESHOLDS)
    meaning = "Microsoft ends EWS in Exchange Online"
    remedy = (
        "Microsoft switches EWS off tenant by tenant now. Give the same application Calendars.ReadBasic.All of "
        'Microsoft Graph, see with "calendar-engine preview --set exchange.type=cloud-graph" what would change, and '
        'set exchange.type = "cloud-graph".'
    )


_WARNINGS: Mapping[Expiring, type[ExpiryWarning]] = MappingProxyType(
    {
        each.kind: each
        for each in (
            ApplicationCertificateExpires,
            ClientSecretExpires,
            ExchangeCertificateExpires,
            ProxyCertificateExpires,
            PbxCertificateExpires,
            ListeningCertificateExpires,
            CloudEwsEnds,
        )
    }
)


def expiry_warning(kind: Expiring, ends: datetime, now: datetime, place: str = "") -> ExpiryWarning | None:
    """Return the warning about what ends at `ends`, None before the first threshold. `place` says where it is used."""
    left = ends - now
    passed = [threshold for threshold in _WARNINGS[kind].thresholds if left <= threshold]
    if not passed:
        return None
    where = f"{place}: " if place else ""
    warning = _WARNINGS[kind](f"{where}{ends:%Y-%m-%d %H:%M} UTC")
    warning.threshold = timedelta() if left <= timedelta() else passed[-1]
    return warning.in_words(f"{warning.subject} {_when(warning, left)}", warning.remedy)


def _when(warning: ExpiryWarning, left: timedelta) -> str:
    if left <= timedelta():
        return f"has {warning.participle}"
    days = left // DAY
    when = f"in {days} day{'' if days == 1 else 's'}" if days else "within a day"
    return f"{warning.verb} {when}"


@dataclass(frozen=True, slots=True)
class Expiry:
    """When something ends; `place` says where it is used, "" if there is only one place."""

    kind: Expiring
    place: str
    ends: datetime


class Expiries:
    """The ends of all that is in use, as last seen; only `kinds` are noted. `clock` is calendar time."""

    def __init__(self, clock: Clock, kinds: Set[Expiring] = frozenset(Expiring)) -> None:
        self._clock = clock
        self._kinds = kinds
        self._known: dict[tuple[Expiring, str], Expiry] = {}

    def note(self, kind: Expiring, ends: datetime, place: str = "") -> None:
        """Note when something ends, in place of what was noted for the same place. May be called on any thread."""
        if kind in self._kinds and ((kind, place) in self._known or len(self._known) < MOST_PLACES):
            self._known[kind, place] = Expiry(kind, place, ends)

    def forget(self, kind: Expiring) -> None:
        """Forget a kind that is not used any more. May be called on any thread."""
        for key in tuple(self._known):
            if key[0] is kind:
                self._known.pop(key, None)

    def besides(self, kind: Expiring) -> "Expiries":
        """Return what notes the same but for this kind, in the same place."""
        others = Expiries(self._clock, self._kinds - {kind})
        others._known = self._known
        return others

    @property
    def first(self) -> tuple[Expiry, ...]:
        """The one of each kind that ends first."""
        known = sorted((*self._known.values(),), key=lambda each: each.ends, reverse=True)
        found = {each.kind: each for each in known}
        return tuple(found[kind] for kind in Expiring if kind in found)

    def warnings(self) -> tuple[ExpiryWarning, ...]:
        """Return the warnings as of now, at most one of each kind."""
        now = self._clock.now()
        found = (expiry_warning(each.kind, each.ends, now, each.place) for each in self.first)
        return tuple(each for each in found if each is not None)
