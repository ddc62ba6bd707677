"""The steps of a check from the name of a server to its answer without a log-in, directly or through a proxy."""

import ssl
from typing import Protocol

import httpx

from engine.checks.certificates import note_flaw, usable_names
from engine.checks.check import CheckRun, StepLog
from engine.checks.clock import MachineTime, compare, machine_time
from engine.checks.errors import NameNotFound, NoWebServices
from engine.checks.fixes import Fix, use
from engine.checks.network import TLS_SECONDS, Address, Lookup, first_that_answers, in_words, shown_certificate, verify
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure, ExchangeUnreachable, TlsImpossible
from engine.exchange.http import connection
from engine.exchange.http.auth import not_offered, offered
from engine.exchange.http.login_page import what_answers
from engine.exchange.http.messages import HttpResponse, parse_url
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.proxy_errors import ProxyUnreachable
from engine.exchange.http.wire import Network, ProxyCertificateUnverified, connected, port_of
from engine.settings.model import Authentication
from engine.tls.certificate import Certificate
from engine.tls.contexts import speaks_tls
from engine.tls.pin import same
from engine.tls.verdict import Flaw, flaw_of

UNAUTHORIZED = 401


class Ask(Protocol):
    """Asks a server without any credentials."""

    async def __call__(self, url: str, opening: str = "") -> HttpResponse:
        """GET a URL. `opening` is an Authorization header to send although it holds no credentials, "" for none.

        Raises an `ExchangeFailure`.
        """
        ...


class ConnectionSteps:
    """Looks the host of `url` up, connects to it, verifies its certificate and asks it for its time, one after the
    other.

    `server` is what it is called in failures, `key` the setting that its URL is from. The certificate of one of our
    `own` servers may be trusted by its fingerprint.
    """

    def __init__(
        self,
        url: str,
        server: str,
        key: str,
        network: Network,
        lookup: Lookup,
        ask: Ask,
        *,
        own: bool = False,
        now: MachineTime = machine_time,
    ) -> None:
        self._text = url
        self._server = server
        self._key = key
        self._network = network
        self._lookup = lookup
        self._ask = ask
        self._own = own
        self._now = now
        self._addresses: tuple[Address, ...] = ()
        self._date: str | None = None

    async def run(self, check_run: CheckRun) -> None:
        """Run the steps up to a trusted connection."""
        await check_run.run("name lookup", self.look_up)
        await check_run.run("connection", self.connect)
        await check_run.run("TLS", self.shake_hands)

    @property
    def _url(self) -> httpx.URL:
        return parse_url(self._text)

    async def look_up(self, step_log: StepLog) -> None:
        """Look up the host, or that of the proxy."""
        host, port, proxy = self._url.host, port_of(self._url), self._network.proxy
        step_log.field = self._key if proxy is None else "exchange.proxy"
        if proxy is not None:
            step_log.evidence.append(f"the proxy {proxy} looks {host} up")
            host, port = proxy.host, proxy.port
        self._addresses = await self._lookup(host, port)
        step_log.evidence.append(in_words(host, self._addresses))

    async def connect(self, step_log: StepLog) -> None:
        """Find the first address that accepts a connection."""
        try:
            answering = await first_that_answers(self._addresses)
        except OSError as error:
            if (proxy := self._network.proxy) is not None:
                raise ProxyUnreachable(f"{proxy}: {error.strerror or error}") from error
            step_log.field = self._key
            raise ExchangeUnreachable(f"{self._url}: {error.strerror or error}") from error
        self._addresses = (answering,)
        step_log.evidence.append(f"{answering} answers")

    async def shake_hands(self, step_log: StepLog) -> None:
        """Agree on TLS, and verify the certificate."""
        step_log.field = self._key
        if self._network.proxy is not None:
            await self._shake_hands_behind(self._network.proxy, step_log)
            return
        host, [address] = self._url.host, self._addresses
        shown = await shown_certificate(address, host)
        if shown is not None:
            step_log.evidence += shown.lines
        if self._is_pinned(shown):
            step_log.evidence.append("it is the certificate of exchange.fingerprint")
            return
        try:
            step_log.evidence.append(await verify(address, host, self._network.tls))
        except ssl.SSLCertVerificationError as error:
            await self._note(error, shown, step_log)
            raise connection.not_trusted(self._server, host, host, error, shown) from error
        except OSError as error:
            if isinstance(error, ssl.SSLError) and speaks_tls(error):
                raise TlsImpossible(f"{address}: {error}") from error
            step_log.remedy = f"Check {self._key}: this port does not speak TLS as {self._server} does."
            raise ExchangeUnreachable(f"{address}: no TLS ({error})") from error

    async def _shake_hands_behind(self, proxy: Proxy, step_log: StepLog) -> None:
        network, url = self._network, self._url
        shown = await connection.shown_certificate(network, url)
        if shown is not None:
            step_log.evidence += shown.lines
        try:
            async with connected(network, url, TLS_SECONDS) as wire:
                step_log.evidence.append(f"{wire.get_extra_info('ssl_object').version()}, behind the proxy {proxy}")
        except ProxyCertificateUnverified as untrusted:
            step_log.field = "exchange.ca_file"
            raise await connection.explained(network, untrusted) from untrusted
        except ssl.SSLCertVerificationError as error:
            await self._note(error, shown, step_log)
            found = connection.not_trusted(self._server, url.host, url.host, error, shown)
            raise connection.inspected(proxy, found) from error
        except OSError as error:
            raise ExchangeUnreachable(f"{url.host}: no TLS behind the proxy {proxy} ({error})") from error

    def _is_pinned(self, shown: Certificate | None) -> bool:
        pin = self._network.pin
        return pin is not None and shown is not None and same(pin.fingerprint, shown.fingerprint)

    async def _note(self, error: ssl.SSLCertVerificationError, shown: Certificate | None, step_log: StepLog) -> None:
        flaw = flaw_of(error.verify_code, shown, self._now())
        if self._own:
            note_flaw(step_log, "exchange", flaw, shown, await self._other_names(shown), self._key)
            return
        step_log.field = "exchange.ca_file" if flaw is Flaw.ISSUER_UNKNOWN else ""
        if flaw is Flaw.ISSUER_UNKNOWN and shown is not None and shown.authority:
            label = f"trust its issuer {shown.authority_name}"
            step_log.fixes.append(Fix(label, certificates={"exchange.ca_file": shown.authority}))

    async def _other_names(self, shown: Certificate | None) -> tuple[Fix, ...]:
        """Return the fixes that use a name of the certificate under which the server can be found."""
        found: list[Fix] = []
        for name in usable_names(shown):
            url = self._url.copy_with(host=name)
            try:
                await self._lookup(name, port_of(url))
            except NameNotFound:
                continue
            found.append(use(self._key, str(url)))
        return tuple(found)

    async def find_web_services(self, step_log: StepLog, login: Authentication | None) -> None:
        """Ask without a log-in, which Exchange answers with 401. `login` is the method for a password, if one is used.

        Raises `NoWebServices`, `LoginMethodNotOffered` and what shows that something else answers.
        """
        step_log.field = self._key
        answer = await self._ask(self._text)
        self._date = answer.headers.get("date", "")
        offers = offered(answer.headers)
        instead = what_answers(answer.status, answer.headers, answer.body) if login is not None else None
        if instead is not None:
            raise instead
        if answer.status != UNAUTHORIZED:
            raise NoWebServices(f"{self._text}: HTTP {answer.status}")
        step_log.evidence.append(f"it asks for a log-in by {', '.join(sorted(offers)) or 'nothing that it names'}")
        if login is not None and login.value not in offers:
            step_log.field = "exchange.auth"
            step_log.fixes += [use("exchange.auth", each.value) for each in Authentication if each.value in offers]
            raise not_offered(self._url.host, login.value, offers)

    async def compare_clocks(self, step_log: StepLog) -> None:
        """Compare this machine's clock with that of the server. Raises `ClockDiffers`."""
        step_log.field = ""
        if self._date is None:
            self._date = (await self._ask(self._text)).headers.get("date", "")
        compare(step_log, self._date, self._server, self._now())


async def is_exchange(ask: Ask, url: str) -> bool:
    """Return whether Exchange answers at a URL: it asks for a log-in with a password, or its certificate alone keeps
    us from asking."""
    try:
        answer = await ask(url)
    except CertificateNotTrusted:
        return True
    except ExchangeFailure:
        return False
    return answer.status == UNAUTHORIZED and what_answers(answer.status, answer.headers, answer.body) is None
