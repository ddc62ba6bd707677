"""Server of the simulated Graph on loopback: sockets, TLS, stopping and restarting."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import EntraSimulator
from engine.simulator.faults import Faults
from engine.simulator.graph.endpoint import Endpoint, Observer
from engine.simulator.graph.gate import Gate
from engine.simulator.graph.service import GraphService
from engine.simulator.graph.tenant import Tenant
from engine.simulator.graph.throttle import AS_DOCUMENTED, Limits, Throttle
from engine.simulator.ledger import Ledger
from engine.simulator.ports import port_of, reserve

HOSTS = ("localhost", "graph.microsoft.com")
LARGEST_REQUEST = 4 << 20
PATIENCE = 0.1
"""Seconds that requests in progress may take when the server stops listening."""


class GraphSimulator:
    """Context manager that serves the calendars of a tenant; meanwhile it may stop listening and resume.

    It takes the tokens of `entra` for its own URLs. `hosts` are the names in its certificate; names other than
    localhost are reached by `routes`. `needed`: the ledger complains about other properties of events that are
    selected. `observe` is called with every request and its answer. `keep_bodies` keeps the request bodies in the
    ledger.

    Faults can affect the operations "calendarView", "getSchedule" and "users", of their own or in a batch, and "batch";
    the mailbox is that in the path, which is for getSchedule the one that asks.
    """

    def __init__(
        self,
        tenant: Tenant,
        entra: EntraSimulator,
        *,
        authority: CertificateAuthority,
        hosts: tuple[str, ...] = HOSTS,
        limits: Limits = AS_DOCUMENTED,
        needed: frozenset[str] | None = None,
        observe: Observer | None = None,
        keep_bodies: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.tenant = tenant
        self.faults = Faults()
        self.ledger = Ledger()
        self._hosts = hosts
        self._tls = authority.issue(*hosts).context
        self._socket = reserve(0)
        self._endpoint = Endpoint(
            service=GraphService(tenant),
            gate=Gate(entra, frozenset(self.urls)),
            throttle=Throttle(limits, now),
            faults=self.faults,
            ledger=self.ledger,
            now=now,
            needed=needed,
            observe=observe,
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
        self._socket.close()

    @property
    def port(self) -> int:
        """The port, which never changes."""
        return port_of(self._socket)

    @property
    def url(self) -> str:
        """The URL on localhost, which needs no routes."""
        return self._url("localhost")

    @property
    def urls(self) -> tuple[str, ...]:
        """All its URLs, which are the resources that tokens are for, too."""
        return tuple(self._url(host) for host in self._hosts)

    @property
    def routes(self) -> dict[tuple[str, str, int], int]:
        """Routing of host names on loopback: (scheme, host, port) to port."""
        return {("https", host, port): self.port for host in self._hosts for port in (443, self.port)}

    async def listen(self) -> None:
        """Accept connections (again), on the same port as before."""
        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.router.add_route("*", "/{path:.*}", self._endpoint.handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=PATIENCE)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=self._tls).start()

    async def refuse_connections(self) -> None:
        """Abort every connection and refuse new ones until `listen`."""
        if self._runner is None:
            return
        reserved = reserve(self.port)
        await self._runner.cleanup()
        self._runner = None
        self._socket = reserved

    def _url(self, host: str) -> str:
        """Return the URL with that host name; only localhost, which needs no routes, has a port in it."""
        return f"https://localhost:{self.port}" if host == "localhost" else f"https://{host}"
