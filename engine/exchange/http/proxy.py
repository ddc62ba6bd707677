"""The proxy between this machine and Exchange, Exchange Online or Microsoft Entra, and how it is asked. No I/O."""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import h11

from engine.core.secret import Secret
from engine.exchange.http.proxy_errors import ProxyLogInRefused, ProxyRefuses
from engine.logins.rules import Account

PROXY_AUTHENTICATION_REQUIRED = 407
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for HTTP, reached over TLS if `tls`; `user` is empty if it wants no log-in."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: Secret = field(default=Secret(""), repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL of the proxy, without user and password."""
        return f"{'https' if self.tls else 'http'}://{self}"

    @property
    def account(self) -> Account:
        """The account whose log-ins the proxy, or the directory behind it, counts."""
        return Account("exchange.proxy_password", f"{self.user} at {self}".casefold())

    @property
    def authorization(self) -> str:
        """The Proxy-Authorization header (HTTP Basic, RFC 7617), empty without a user."""
        if not self.user:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()


def proxy_of(url: str | None, password: Secret) -> Proxy | None:
    """Return the proxy of the setting `exchange.proxy`, which is valid and holds no password."""
    if not url:
        return None
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return Proxy(parts.hostname or "", port, parts.scheme == "https", unquote(parts.username or ""), password)


class Tunnel:
    """Asks a proxy for a tunnel to `place`, a host with its port (RFC 9110, section 9.3.6)."""

    def __init__(self, proxy: Proxy, place: str) -> None:
        self._proxy = proxy
        self._place = place
        self._http = h11.Connection(h11.CLIENT)

    def request(self) -> bytes:
        """Return what is sent to the proxy."""
        headers = [("Host", self._place)]
        if self._proxy.authorization:
            headers.append(("Proxy-Authorization", self._proxy.authorization))
        start = self._http.send(h11.Request(method="CONNECT", target=self._place, headers=headers))
        return (start or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def stands(self, received: bytes) -> bool:
        """Take what the proxy answers, nothing if it hangs up; return whether the tunnel stands.

        Raises `ProxyLogInRefused` or `ProxyRefuses`.
        """
        if not received:
            raise ProxyRefuses(f"{self._proxy} closes the connection, asked for CONNECT {self._place}")
        try:
            self._http.receive_data(received)
            event = self._http.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise ProxyRefuses(f"{self._proxy} does not answer as a proxy does: {error}") from error
        if not isinstance(event, h11.Response):
            return False
        if event.status_code == PROXY_AUTHENTICATION_REQUIRED:
            raise log_in_refused(self._proxy, [value for name, value in event.headers if name == b"proxy-authenticate"])
        if event.status_code // 100 != 2 or self._http.trailing_data[0]:
            failure = ProxyRefuses(f"{self._proxy} answers HTTP {event.status_code} to CONNECT {self._place}")
            failure.has_answered = True
            raise failure
        return True


def log_in_refused(proxy: Proxy, offers: list[bytes]) -> ProxyLogInRefused:
    """Return the failure for a 407 with these Proxy-Authenticate headers."""
    schemes = sorted({offer.decode("ascii", "replace").partition(" ")[0][:40] for offer in offers if offer})
    offer = ", ".join("".join(letter for letter in each if letter.isprintable()) for each in schemes) or "nothing"
    who = f"user {proxy.user}" if proxy.user else "no user"
    return ProxyLogInRefused(f"{proxy} answers HTTP 407 to {who}; it offers {offer}")
