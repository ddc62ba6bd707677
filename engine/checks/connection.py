"""The steps of a check from the name of a server to a verified TLS connection, directly or through a proxy."""

import ssl

import httpx

from engine.checks.check import StepLog
from engine.checks.network import SECONDS, Address, Lookup, first_that_answers, shown_certificate, verify
from engine.exchange.errors import ExchangeUnreachable, TlsImpossible
from engine.exchange.http import connection
from engine.exchange.http.messages import parse_url
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.proxy_errors import ProxyUnreachable
from engine.exchange.http.wire import Network, ProxyCertificateUnverified, connected, port_of
from engine.tls.contexts import speaks_tls


class ConnectionSteps:
    """Looks the host of `url` up, connects to it and verifies its certificate, one step after the other.

    `server` is what it is called in failures, `key` the setting that its URL is from.
    """

    def __init__(self, url: str, server: str, key: str, network: Network, lookup: Lookup) -> None:
        self._text = url
        self._server = server
        self._key = key
        self._network = network
        self._lookup = lookup
        self._addresses: tuple[Address, ...] = ()

    @property
    def _url(self) -> httpx.URL:
        return parse_url(self._text)

    async def look_up(self, step_log: StepLog) -> None:
        """Look up the host, or that of the proxy."""
        host, port, proxy = self._url.host, port_of(self._url), self._network.proxy
        if proxy is not None:
            step_log.evidence.append(f"the proxy {proxy} looks {host} up")
            host, port = proxy.host, proxy.port
        self._addresses = await self._lookup(host, port)
        step_log.evidence.append(f"{host} is {', '.join(each.ip for each in self._addresses)}")

    async def connect(self, step_log: StepLog) -> None:
        """Find the first address that accepts a connection."""
        try:
            answering = await first_that_answers(self._addresses)
        except OSError as error:
            if (proxy := self._network.proxy) is not None:
                raise ProxyUnreachable(f"{proxy}: {error.strerror or error}") from error
            raise ExchangeUnreachable(f"{self._url}: {error.strerror or error}") from error
        self._addresses = (answering,)
        step_log.evidence.append(f"{answering} answers")

    async def shake_hands(self, step_log: StepLog) -> None:
        """Agree on TLS, and verify the certificate."""
        if self._network.proxy is not None:
            await self._shake_hands_behind(self._network.proxy, step_log)
            return
        host, [address] = self._url.host, self._addresses
        shown = await shown_certificate(address, host)
        if shown is not None:
            step_log.evidence += shown.lines
        try:
            step_log.evidence.append(await verify(address, host, self._network.tls))
        except ssl.SSLCertVerificationError as error:
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
            async with connected(network, url, SECONDS) as wire:
                step_log.evidence.append(f"{wire.get_extra_info('ssl_object').version()}, behind the proxy {proxy}")
        except ProxyCertificateUnverified as untrusted:
            raise await connection.explained(network, untrusted) from untrusted
        except ssl.SSLCertVerificationError as error:
            found = connection.not_trusted(self._server, url.host, url.host, error, shown)
            raise connection.inspected(proxy, found) from error
        except OSError as error:
            raise ExchangeUnreachable(f"{url.host}: no TLS behind the proxy {proxy} ({error})") from error
