"""Tests of the check of Exchange Online, which starts with a token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.checks.check import StepOutcome
from engine.core.secret import Secret
from engine.exchange.errors import EwsSwitchedOff
from engine.exchange.oauth.errors import ClientSecretRefused
from engine.simulator.company import DOMAIN, Company
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import ews_switched_off
from engine.simulator.graph.server import GraphSimulator
from engine.simulator.graph.tenant import Tenant
from engine.simulator.proxy import ProxySimulator
from engine.simulator.world import World
from tests.checks.support import CheckResult, places_of, run_exchange_check
from tests.support.clock import ManualClock
from tests.support.site import ews_schema

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
SECRET = Secret("s3cr3t~never.to.be.seen")
RESOURCE = "https://outlook.office365.com"


@dataclass
class Cloud:
    company: Company
    entra: EntraSimulator

    async def run_check(
        self, secret: Secret = SECRET, through: ProxySimulator | None = None, graph: GraphSimulator | None = None
    ) -> CheckResult:
        more: dict[str, Any] = {} if graph is None else {"more_routes": graph.routes, "graph_url": graph.url}
        return await run_exchange_check(
            self.company,
            f"anna.mueller@{DOMAIN}",
            password=secret,
            through=through,
            type="cloud-ews",
            tenant_id=TENANT,
            client_id=CLIENT,
            authority=self.entra.url,
            **more,
        )


@pytest.fixture
async def cloud(world: World, tmp_path: Path) -> AsyncIterator[Cloud]:
    soon = datetime.now(UTC) + timedelta(days=1)
    application = AppRegistration(CLIENT, (RESOURCE,), client_secrets={SECRET.reveal(): soon})
    tokens: list[EntraSimulator] = []
    company = Company(
        world,
        tmp_path,
        ManualClock(),
        schema=ews_schema(),
        hosts=("outlook.office365.com", "localhost"),
        external_host="outlook.office365.com",
        internal_host="outlook.office365.com",
        token_holder=lambda token: tokens[0].holder(token, RESOURCE),
        behaviour=Behaviour(app_only=True),
    )
    async with EntraSimulator(application, authority=company.authority) as entra, company:
        tokens.append(entra)
        yield Cloud(company, entra)


async def test_a_right_registration_climbs_every_rung(cloud: Cloud) -> None:
    result = await cloud.run_check()
    outcomes = {name: step.outcome for name, step in result.steps.items()}
    skipped = dict.fromkeys(("autodiscover", "Microsoft Graph"), StepOutcome.SKIPPED)
    assert outcomes == dict.fromkeys(outcomes, StepOutcome.OK) | skipped
    assert "not possible yet" in result["Microsoft Graph"].skipped_because
    assert CLIENT in result.evidence("token")
    assert cloud.company.exchange.ledger.complaints == []


async def test_a_right_registration_climbs_every_rung_through_a_proxy(cloud: Cloud) -> None:
    place = httpx.URL(cloud.entra.url)
    assert place.port is not None
    places = places_of(cloud.company) | {(place.host, place.port): place.port}
    async with ProxySimulator(places=places) as proxy:
        result = await cloud.run_check(through=proxy)
    assert result.all_well
    assert {each.target for each in proxy.asked} == {f"{place.host}:{place.port}", "outlook.office365.com:443"}


async def test_a_wrong_client_secret(cloud: Cloud) -> None:
    broken = (await cloud.run_check(Secret("wrong"))).failed_at("token")
    assert isinstance(broken.failure, ClientSecretRefused)
    assert SECRET.reveal() not in str(broken)


async def test_web_services_that_a_policy_switched_off(cloud: Cloud) -> None:
    cloud.company.exchange.faults.add(ews_switched_off(), operation="ResolveNames")
    broken = (await cloud.run_check()).failed_at("log-in")
    assert isinstance(broken.failure, EwsSwitchedOff)


async def test_the_same_application_is_tried_by_graph_as_well_even_if_ews_is_off(cloud: Cloud) -> None:
    tenant = Tenant(cloud.company.world, DOMAIN)
    async with GraphSimulator(tenant, cloud.entra, authority=cloud.company.authority) as graph:
        application = cloud.entra.applications[CLIENT]
        application.resources = (*application.resources, *graph.urls)
        denied = (await cloud.run_check(graph=graph))["Microsoft Graph"]
        assert "Entra keeps this mailbox from the engine" in denied.skipped_because
        assert f"az ad app permission admin-consent --id '{CLIENT}'" in denied.skipped_because

        tenant.scoped_role = True
        cloud.company.exchange.faults.add(ews_switched_off(), operation="ResolveNames")
        result = await cloud.run_check(graph=graph)
        assert isinstance(result.failed_at("log-in").failure, EwsSwitchedOff)
        assert result["Microsoft Graph"].outcome is StepOutcome.OK
        assert 'set exchange.type to "cloud-graph"' in result.evidence("Microsoft Graph")
