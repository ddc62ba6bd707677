"""Simulated sites on loopback: a PBX and an Exchange with the same people, and the settings for both."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tomlkit
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.exchange.server import ACCOUNTS, ExchangeSimulator
from engine.simulator.graph.server import GraphSimulator
from engine.simulator.graph.tenant import Hosting, Tenant
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import Behaviour, PbxInfoSent, PbxUser
from engine.simulator.world import Person, World

DOMAIN = "corp.example"
MASTER = "headquarters"
EXCHANGE_USER = f"svc-calendar@{DOMAIN}"
EXCHANGE_PASSWORD = Secret(next(iter(ACCOUNTS.values())))
PBX_PASSWORD = Secret("simulated-secret")
CLIENT_ID = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
CLIENT_SECRET = Secret("simulated~Cl1ent-secret")

LOOPBACK = "127.0.0.1"
Routes = Mapping[tuple[str, str, int], int]
"""From (scheme, host, port) to a port on loopback."""


class PbxSite(ABC):
    """Context manager that runs a PBX and the servers of `calendars`; the certificate of their CA is in `directory`.

    `clock` measures delays and dates the records of the PBX. `pbx_behaviour` is the behaviour of the PBX.
    """

    def __init__(self, world: World, directory: Path, clock: Clock, pbx_behaviour: Behaviour | None = None) -> None:
        self.world = world
        self.authority = CertificateAuthority()
        self.ca_file = self.authority.ca_file(directory)
        self.pbx = PbxSimulator(
            clock,
            name=MASTER,
            domain=DOMAIN,
            password=PBX_PASSWORD,
            users=[pbx_user(person) for person in world.people],
            behaviour=pbx_behaviour or Behaviour(pbx_info=PbxInfoSent.AFTER_LOGIN),
            tls=self.authority.issue("127.0.0.1", "localhost").context,
        )
        self._servers = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            for server in (*self.calendars, self.pbx):
                await starting.enter_async_context(server)
            self._servers = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._servers.aclose()

    @property
    @abstractmethod
    def calendars(self) -> Sequence[AbstractAsyncContextManager[object]]:
        """The servers that calendars come from, in the order they are started."""

    @property
    @abstractmethod
    def exchange_settings(self) -> Mapping[str, Any]:
        """The table `exchange` of the settings, while the servers run."""

    @property
    @abstractmethod
    def secrets(self) -> Mapping[str, Secret]:
        """The secrets of the site by their names in the settings."""

    @property
    @abstractmethod
    def routes(self) -> Routes:
        """Routing of the host names of `calendars` on loopback."""

    def settings(self, **tables: Mapping[str, Any]) -> str:
        """Return a settings file for this site; `tables` add or replace keys."""
        document: dict[str, dict[str, Any]] = {
            "pbx": {"master": MASTER, "host": self.pbx.host, "port": self.pbx.port, "ca_file": str(self.ca_file)},
            "exchange": {**self.exchange_settings, "ca_file": str(self.ca_file)},
            "presence": {"timezone": self.world.zone.key},
        }
        for name, table in tables.items():
            document[name] = {**document.get(name, {}), **table}
        return tomlkit.dumps(document)

    def without_calendar(self) -> frozenset[str]:
        """Return the guids of the users whose calendars the service account cannot read."""
        return frozenset(
            person.guid for person in self.world.people if not (person.mailbox and self.world.in_scope(person))
        )


class Company(PbxSite):
    """A site whose Exchange is its own; `exchange_options` are passed to `ExchangeSimulator`.

    Exchange is found by autodiscover at the names in `routes`, or by `exchange.ews_url` if the tables of the settings
    set it.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        clock: Clock,
        *,
        pbx_behaviour: Behaviour | None = None,
        **exchange_options: Any,
    ) -> None:
        super().__init__(world, directory, clock, pbx_behaviour)
        self.exchange = ExchangeSimulator(world, authority=self.authority, **exchange_options)

    @property
    def calendars(self) -> Sequence[AbstractAsyncContextManager[object]]:
        """Exchange alone."""
        return (self.exchange,)

    @property
    def exchange_settings(self) -> Mapping[str, Any]:
        """Exchange with a service account."""
        return {"type": "on-premises", "user": EXCHANGE_USER}

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """The passwords of the service account and of the PBX."""
        return {"exchange.password": EXCHANGE_PASSWORD, "pbx.password": PBX_PASSWORD}

    @property
    def routes(self) -> Routes:
        """Those of Exchange."""
        return self.exchange.routes


class ExchangeOnline:
    """The tenant of a site: the authority for tokens, and Graph; `graph_options` are passed to `GraphSimulator`.

    Its application may read the calendars of those who `may_impersonate`, by a role with that scope, and the directory.
    """

    def __init__(self, world: World, authority: CertificateAuthority, **graph_options: Any) -> None:
        self.tenant = Tenant(world, DOMAIN)
        self.tenant.scoped_role = True
        secrets = {CLIENT_SECRET.reveal(): datetime.max.replace(tzinfo=UTC)}
        self.application = AppRegistration(CLIENT_ID, (), client_secrets=secrets)
        self.entra = EntraSimulator(self.application, authority=authority)
        self.graph = GraphSimulator(self.tenant, self.entra, authority=authority, **graph_options)
        self.application.resources = self.graph.urls
        self.application.roles |= dict.fromkeys(self.graph.urls, ("User.Read.All",))

    @property
    def servers(self) -> Sequence[AbstractAsyncContextManager[object]]:
        """The authority for tokens, and Graph."""
        return (self.entra, self.graph)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The keys of the table `exchange` about the application."""
        return {
            "tenant_id": TENANT,
            "client_id": CLIENT_ID,
            "authority": self.entra.url,
            "graph_url": self.graph.url,
        }


class CloudCompany(PbxSite):
    """A site whose Exchange is Exchange Online; `graph_options` are passed to `ExchangeOnline`."""

    def __init__(
        self,
        world: World,
        directory: Path,
        clock: Clock,
        *,
        pbx_behaviour: Behaviour | None = None,
        **graph_options: Any,
    ) -> None:
        super().__init__(world, directory, clock, pbx_behaviour)
        self.online = ExchangeOnline(world, self.authority, **graph_options)
        self.tenant, self.application = self.online.tenant, self.online.application
        self.entra, self.graph = self.online.entra, self.online.graph

    @property
    def calendars(self) -> Sequence[AbstractAsyncContextManager[object]]:
        """The authority for tokens, and Graph."""
        return self.online.servers

    @property
    def exchange_settings(self) -> Mapping[str, Any]:
        """Exchange Online with an application."""
        return {"type": "cloud-graph", **self.online.settings}

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """The client secret of the application and the password of the PBX."""
        return {"exchange.client_secret": CLIENT_SECRET, "pbx.password": PBX_PASSWORD}

    @property
    def routes(self) -> Routes:
        """Those of Graph."""
        return self.graph.routes


class HybridCompany(Company):
    """A site with an Exchange of its own and Exchange Online; every mailbox is on premises until it is moved.

    `graph_options` are passed to `ExchangeOnline`, `exchange_options` to `ExchangeSimulator`. All accounts are in the
    directory of the tenant, as with a synchronised one.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        clock: Clock,
        *,
        pbx_behaviour: Behaviour | None = None,
        graph_options: Mapping[str, Any] | None = None,
        **exchange_options: Any,
    ) -> None:
        account = Person(name="svc-calendar", display_name="Calendar Engine", mailbox=EXCHANGE_USER)
        exchange_options.setdefault("service_account", account)
        super().__init__(world, directory, clock, pbx_behaviour=pbx_behaviour, **exchange_options)
        self.online = ExchangeOnline(world, self.authority, **(graph_options or {}))
        for person in world.people:
            if person.mailbox is not None:
                self.online.tenant.change(person.name, hosting=Hosting.ON_PREMISES)

    def move_online(self, *people: Person) -> None:
        """Move mailboxes to Exchange Online."""
        for person in people:
            self.exchange.move_online(person.mailbox or "")
            self.online.tenant.change(person.name, hosting=Hosting.EXCHANGE_ONLINE)

    def move_back(self, *people: Person) -> None:
        """Move mailboxes back on premises."""
        for person in people:
            self.exchange.move_back(person.mailbox or "")
            self.online.tenant.change(person.name, hosting=Hosting.ON_PREMISES)

    def is_online(self, person: Person) -> bool:
        """Return whether the mailbox of a person is in Exchange Online."""
        return self.exchange.homes.is_remote(person.mailbox or "")

    @property
    def calendars(self) -> Sequence[AbstractAsyncContextManager[object]]:
        """Exchange, the authority for tokens, and Graph."""
        return (*super().calendars, *self.online.servers)

    @property
    def exchange_settings(self) -> Mapping[str, Any]:
        """Exchange with a service account, and Exchange Online with an application."""
        return {**super().exchange_settings, "type": "hybrid", **self.online.settings}

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """The secrets of the service account, of the application and of the PBX."""
        return {**super().secrets, "exchange.client_secret": CLIENT_SECRET}

    @property
    def routes(self) -> Routes:
        """Those of Exchange, and of Graph but for localhost, which both have in different ports."""
        return {**self.online.graph.routes, **super().routes}


def pbx_user(person: Person) -> PbxUser:
    """Return the PBX user object of a person."""
    return PbxUser(guid=person.guid, h323=person.name, cn=person.display_name, loc=MASTER, emails=person.pbx_addresses)


class RoutedResolver(AbstractResolver):
    """Resolves the names in `routes`; any other name does not exist.

    The Host header, the TLS server name and the name checked in the certificate stay those of the URL.
    """

    def __init__(self, routes: Routes) -> None:
        self._places = {(host, port): place for (_, host, port), place in routes.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the loopback address for `host` and `port`. Raises `socket.gaierror` if there is none."""
        place = self._places.get((host, port))
        if place is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")
        return [
            ResolveResult(
                hostname=host, host=LOOPBACK, port=place, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
