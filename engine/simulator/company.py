"""Simulated site on loopback: a PBX and an Exchange with the same people, and the settings for both."""

import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tomlkit
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ACCOUNTS, ExchangeSimulator
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import Behaviour, PbxInfoSent, PbxUser
from engine.simulator.world import Person, World

DOMAIN = "corp.example"
MASTER = "headquarters"
EXCHANGE_USER = f"svc-calendar@{DOMAIN}"
EXCHANGE_PASSWORD = Secret(next(iter(ACCOUNTS.values())))
PBX_PASSWORD = Secret("simulated-secret")


class Company:
    """Context manager that runs both servers. The certificate of their CA is written to `directory`.

    `clock` measures delays and dates the records of the PBX. `pbx_behaviour` is the behaviour of the PBX;
    `exchange_options` are passed to `ExchangeSimulator`.
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
        self.world = world
        self.authority = CertificateAuthority()
        self.ca_file = self.authority.ca_file(directory)
        self.exchange = ExchangeSimulator(world, authority=self.authority, **exchange_options)
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
            await starting.enter_async_context(self.exchange)
            await starting.enter_async_context(self.pbx)
            self._servers = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._servers.aclose()

    def settings(self, **tables: Mapping[str, Any]) -> str:
        """Return a settings file for this site; `tables` add or replace keys.

        Exchange is found by autodiscover at the names in `exchange.routes`, or by `exchange.ews_url` if the tables set
        it.
        """
        document: dict[str, dict[str, Any]] = {
            "pbx": {"master": MASTER, "host": self.pbx.host, "port": self.pbx.port, "ca_file": str(self.ca_file)},
            "exchange": {"type": "on-premises", "user": EXCHANGE_USER, "ca_file": str(self.ca_file)},
            "presence": {"timezone": self.world.zone.key},
        }
        for name, table in tables.items():
            document[name] = {**document.get(name, {}), **table}
        return tomlkit.dumps(document)

    def without_calendar(self) -> frozenset[str]:
        """Return the guids of the users whose calendars the service account cannot read."""
        return frozenset(person.guid for person in self.world.people if not (person.mailbox and person.may_impersonate))


def pbx_user(person: Person) -> PbxUser:
    """Return the PBX user object of a person."""
    return PbxUser(guid=person.guid, h323=person.name, cn=person.display_name, loc=MASTER, emails=person.pbx_addresses)


LOOPBACK = "127.0.0.1"
Routes = Mapping[tuple[str, str, int], int]
"""From (scheme, host, port) to a port on loopback."""


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
