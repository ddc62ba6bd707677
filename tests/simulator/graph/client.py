"""A minimal client of Graph, and everything it needs: a tenant, its authority and an application."""

import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.graph.server import GraphSimulator
from engine.simulator.graph.tenant import AS_DOCUMENTED, Behaviour, Tenant
from engine.simulator.world import World
from tests.support.checked_graph import Checked
from tests.support.routed_transport import RoutedTransport

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
SECRET = "s3cr3t~never.to.be.seen"
ROLES = ("Calendars.ReadBasic.All", "User.Read.All")
ANNA = "anna.mueller@corp.example"
DAY = ("2026-03-02T00:00:00+01:00", "2026-03-03T00:00:00+01:00")
UTC_AND_IMMUTABLE = 'outlook.timezone="UTC", IdType="ImmutableId"'
SELECT = (
    "id,subject,start,end,isAllDay,showAs,isCancelled,sensitivity,originalStartTimeZone,organizer,responseStatus,type"
)


@dataclass
class PlainGraph:
    """A simulated Graph with its authority, and an HTTP client that has a token."""

    world: World
    tenant: Tenant
    entra: EntraSimulator
    application: AppRegistration
    graph: GraphSimulator
    checked: Checked
    http: httpx.AsyncClient

    async def log_in(self, *roles: str, resource: str = "") -> str:
        """Get a token with these permissions, which the client uses from now on."""
        resource = resource or self.graph.url
        self.application.resources = (self.graph.url, *self.application.resources, resource)
        self.application.roles[resource] = roles
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        form["scope"] = f"{resource}/.default"
        response = await self.http.post(f"{self.entra.url}/{TENANT}/oauth2/v2.0/token", data=form)
        token: str = response.raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        return token

    async def get(self, path: str, *, prefer: str = UTC_AND_IMMUTABLE, **options: str) -> httpx.Response:
        """GET a path below the version, or an absolute URL; `top` is $top."""
        names = {"top", "select", "filter", "skip", "skiptoken", "orderby"}
        params = {f"${name}" if name in names else name: value for name, value in options.items()}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        url = path if path.startswith("https:") else f"{self.graph.url}/v1.0{path}"
        return await self.http.get(f"{url}?{query}" if query else url, headers=_headers(prefer))

    async def view(self, key: str = ANNA, window: tuple[str, str] = DAY, **options: str) -> httpx.Response:
        """Read a calendarView, all properties that matter unless told otherwise."""
        start, end = window
        usual = {"startDateTime": start, "endDateTime": end, "select": SELECT}
        return await self.get(f"/users/{key}/calendarView", **(usual | options))

    async def post(self, path: str, body: Any, *, prefer: str = UTC_AND_IMMUTABLE) -> httpx.Response:
        """POST JSON to a path below the version."""
        return await self.http.post(f"{self.graph.url}/v1.0{path}", json=body, headers=_headers(prefer))

    async def batch(self, *parts: Mapping[str, Any]) -> dict[str, Any]:
        """POST a batch and return the parts of the answer by their ids."""
        response = await self.post("/$batch", {"requests": parts}, prefer="")
        return {part["id"]: part for part in response.raise_for_status().json()["responses"]}


def view_part(part_id: str, key: str = ANNA, *, prefer: str = UTC_AND_IMMUTABLE, **members: Any) -> dict[str, Any]:
    """Return a part of a batch that reads a calendarView."""
    url = f"/users/{key}/calendarView?startDateTime=2026-03-01T23:00Z&endDateTime=2026-03-02T23:00Z"
    headers = {"Prefer": prefer} if prefer else {}
    return {"id": part_id, "method": "GET", "url": f"{url}&$select={SELECT}&$top=50", "headers": headers} | members


def _headers(prefer: str) -> dict[str, str]:
    return {"client-request-id": str(uuid.uuid4())} | ({"Prefer": prefer} if prefer else {})


@asynccontextmanager
async def plain_graph(
    world: World,
    authority: CertificateAuthority,
    *,
    roles: tuple[str, ...] = ROLES,
    behaviour: Behaviour = AS_DOCUMENTED,
    **options: Any,
) -> AsyncIterator[PlainGraph]:
    """Run a Graph for the world, and log in."""
    soon = datetime.now(UTC) + timedelta(days=1)
    application = AppRegistration(CLIENT, (), client_secrets={SECRET: soon})
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    checked, tenant = Checked(), Tenant(world, behaviour=behaviour)
    async with (
        EntraSimulator(application, authority=authority) as entra,
        GraphSimulator(tenant, entra, authority=authority, observe=checked, **options) as graph,
    ):
        entra_port = httpx.URL(entra.url).port or 443
        routes = graph.routes | {("https", "localhost", entra_port): entra_port}
        transport = RoutedTransport(httpx.AsyncHTTPTransport(verify=trust), routes)
        async with httpx.AsyncClient(transport=transport, headers={"User-Agent": "plain-client/1.0"}) as http:
            plain = PlainGraph(world, tenant, entra, application, graph, checked, http)
            await plain.log_in(*roles)
            yield plain


def code_of(response: httpx.Response) -> str:
    """The code of an error."""
    return str(response.json()["error"]["code"])


def subjects(response: httpx.Response) -> list[str]:
    """The subjects of the events of a page."""
    return [event["subject"] for event in response.raise_for_status().json()["value"]]
