"""Server of the simulated Exchange on loopback: sockets, TLS, stopping and restarting."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from aiohttp import web
from lxml import etree

from engine.simulator.certificates import CertificateAuthority, IssuedCertificate
from engine.simulator.exchange.authentication import BearerGate, Binding, Domain, NtlmGate, Seen
from engine.simulator.exchange.autodiscover import Directory
from engine.simulator.exchange.endpoint import Endpoint
from engine.simulator.exchange.service import ExchangeService, Site
from engine.simulator.exchange.streaming import Subscriptions
from engine.simulator.exchange.topology import AS_DOCUMENTED, Behaviour, Home, Homes
from engine.simulator.faults import Faults
from engine.simulator.ledger import Ledger
from engine.simulator.ports import port_of, reserve
from engine.simulator.serving import dated
from engine.simulator.world import Person, World

HOSTS = (
    *("localhost", "mail.corp.example", "exchange01.corp.example", "autodiscover.corp.example", "corp.example"),
    *("mail.branch.corp.example", "exchange02.corp.example"),
)
ACCOUNTS = {"CORP\\svc-calendar": "simulated-Passw0rd"}
EWS_URL_PATH = "/EWS/Exchange.asmx"
LARGEST_REQUEST = 1 << 20
PATIENCE = 0.1
"""Seconds that requests in progress may take when the server stops listening."""


class ExchangeSimulator:
    r"""Context manager that runs an Exchange server; meanwhile it may stop listening and resume.

    `accounts` maps `DOMAIN\user` to a password and may be changed at any time; `domain` is the server's, in which
    each has its other names. `hosts` are the names in its certificate; names other than localhost are reached by
    `routes`. With `token_holder` it is Exchange Online and takes bearer tokens; the function returns the client id of
    a valid token, else None. `external_host` and `internal_host` are the hosts that autodiscover returns. `schema`
    validates every EWS request. `service_account` is found by autodiscover, too. `keep_bodies` keeps the
    request bodies in the ledger. `clock_ahead` is how far the time it tells is ahead of the machine's.
    """

    def __init__(
        self,
        world: World,
        *,
        authority: CertificateAuthority,
        accounts: Mapping[str, str] = ACCOUNTS,
        domain: Domain | None = None,
        hosts: tuple[str, ...] = HOSTS,
        external_host: str = "mail.corp.example",
        internal_host: str = "exchange01.corp.example",
        binding: Binding = Binding.ALLOW,
        schemes: tuple[str, ...] = ("Negotiate", "NTLM"),
        token_holder: Callable[[str], str | None] | None = None,
        behaviour: Behaviour = AS_DOCUMENTED,
        service_account: Person | None = None,
        schema: etree.XMLSchema | None = None,
        keep_bodies: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.accounts = dict(accounts)
        self.faults = Faults()
        self.ledger = Ledger()
        self.log_ins: Counter[Seen] = Counter()
        self.clock_ahead = timedelta()
        self._hosts = hosts
        self._token_holder = token_holder
        self._binding, self._schemes, self._domain = binding, schemes, domain
        self._certificate = authority.issue(*hosts)
        self._secure, self._plain = reserve(0), reserve(0)
        self.homes = Homes(Home("Default-First-Site-Name", external_host, internal_host))
        self.subscriptions = Subscriptions(world, behaviour, now)
        directory = Directory(
            world,
            self.homes,
            lambda host: self.url(host, EWS_URL_PATH),
            behaviour.unknown_pox_address,
            service_account,
        )
        service = ExchangeService(world, behaviour, self.homes, self.subscriptions)
        self._endpoint = Endpoint(
            site=Site(service, directory, schema),
            gate=self._gate(),
            schemes=schemes,
            faults=self.faults,
            ledger=self.ledger,
            now=now,
            secure_url=self.url("autodiscover.corp.example", "/autodiscover/autodiscover.xml"),
            keep_bodies=keep_bodies,
        )
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.refuse_connections()
        self._secure.close()
        self._plain.close()

    def move(self, mailbox: str, home: Home) -> None:
        """Move a mailbox to another home; existing subscriptions get no events there."""
        self.homes.move(mailbox, home)
        self.subscriptions.lose(mailbox)

    def move_online(self, mailbox: str) -> None:
        """Move a mailbox to Exchange Online."""
        self.homes.send_away(mailbox)
        self.subscriptions.lose(mailbox)

    def move_back(self, mailbox: str) -> None:
        """Move a mailbox back from Exchange Online."""
        self.homes.take_back(mailbox)

    @property
    def port(self) -> int:
        """The port of https, which never changes."""
        return port_of(self._secure)

    @property
    def http_port(self) -> int:
        """The port of plain http, which serves nothing but autodiscover's redirect."""
        return port_of(self._plain)

    @property
    def ews_url(self) -> str:
        """The EWS URL on localhost, which needs no routes."""
        return self.url("localhost", EWS_URL_PATH)

    @property
    def routes(self) -> dict[tuple[str, str, int], int]:
        """Routing of host names on loopback: (scheme, host, port) to port."""
        secure = {("https", host, port): self.port for host in self._hosts for port in (443, self.port)}
        return secure | {("http", host, 80): self.http_port for host in self._hosts}

    def url(self, host: str, path: str) -> str:
        """Return the https URL of a path; only localhost, which needs no routes, has a port in it."""
        return f"https://localhost:{self.port}{path}" if host == "localhost" else f"https://{host}{path}"

    async def listen(self) -> None:
        """Accept connections (again), on the same ports as before."""
        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.router.add_route("*", "/{path:.*}", self._endpoint.handle)
        application.on_response_prepare.append(dated(lambda: self.clock_ahead))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=PATIENCE)
        await self._runner.setup()
        await web.SockSite(self._runner, self._secure, ssl_context=self._certificate.context).start()
        await web.SockSite(self._runner, self._plain).start()

    async def refuse_connections(self) -> None:
        """Abort every connection and refuse new ones until `listen`."""
        if self._runner is None:
            return
        reserved = reserve(self.port), reserve(self.http_port)
        await self._runner.cleanup()
        self._runner = None
        self._secure, self._plain = reserved

    async def show_certificate(self, certificate: IssuedCertificate) -> None:
        """Switch to another certificate, valid or not; connections are aborted."""
        await self.refuse_connections()
        self._certificate = certificate
        self._endpoint.gate = self._gate()
        await self.listen()

    def _gate(self) -> NtlmGate | BearerGate:
        gate = (
            BearerGate(self._token_holder)
            if self._token_holder is not None
            else NtlmGate(
                self.accounts,
                binding=self._binding,
                certificate_der=self._certificate.der,
                schemes=self._schemes,
                domain=self._domain,
            )
        )
        gate.seen = self.log_ins
        return gate
