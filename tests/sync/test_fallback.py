"""The whole engine on a tenant whose EWS is switched off: Microsoft Graph takes over, with the same application."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.exchange.errors import EwsSwitchedOff, GraphInsteadOfEws
from engine.simulator.company import CLIENT_SECRET, DOMAIN, PBX_PASSWORD, Company, ExchangeOnline
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import ews_switched_off
from engine.simulator.world import World
from engine.sync.events import ConcernArose, ConnectionLost, Side
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import ews_schema, running_engine

pytestmark = [pytest.mark.slow, pytest.mark.few]

EWS = "outlook.office365.com"


class CloudEwsCompany(Company):
    """A site in Exchange Online that is read by EWS, and could be read by Graph."""

    online: ExchangeOnline

    def __init__(self, world: World, directory: Path, clock: ManualClock) -> None:
        super().__init__(
            world,
            directory,
            clock,
            schema=ews_schema(),
            hosts=(EWS, "localhost", f"autodiscover.{DOMAIN}"),
            external_host=EWS,
            internal_host=EWS,
            token_holder=lambda token: self.online.entra.holder(token, f"https://{EWS}"),
            behaviour=Behaviour(app_only=True),
        )
        self.online = ExchangeOnline(world, self.authority)
        self.online.application.resources = (*self.online.graph.urls, f"https://{EWS}")

    @property
    def calendars(self) -> Any:
        return (*super().calendars, *self.online.servers)

    @property
    def exchange_settings(self) -> Any:
        return {"type": "cloud-ews", **self.online.settings}

    @property
    def routes(self) -> Any:
        return {**self.online.graph.routes, **super().routes}

    @property
    def secrets(self) -> Any:
        return {"exchange.client_secret": CLIENT_SECRET, "pbx.password": PBX_PASSWORD}


@pytest.fixture
async def company(world: World, clock: ManualClock, tmp_path: Path) -> AsyncIterator[CloudEwsCompany]:
    async with CloudEwsCompany(world, tmp_path, clock) as company:
        yield company


async def test_graph_takes_over_while_the_engine_runs(
    company: CloudEwsCompany, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        assert site.wrong() == {}
        assert site.engine.status().exchange_concerns == {}
        company.exchange.faults.add(ews_switched_off("EWS is blocked by policy for this tenant"))
        for person in company.world.people:
            site.engine.resync(person.guid)
        arose = await site.happens(ConcernArose, lambda each: isinstance(each.failure, GraphInsteadOfEws))
        assert "blocked by policy" in arose.failure.detail
        assert "cloud-graph" in arose.failure.remedy
        await site.settled()
        for person in company.world.people:
            if person.mailbox and person.may_impersonate:
                company.world.put(person.mailbox, company.world.appointment("new", "09:00-12:00", subject="new"))
        before = len(company.exchange.ledger.records(status=403))
        await site.clock.advance(300)
        await eventually(lambda: not site.wrong(), site.wrong)
        assert [type(each) for each in site.engine.status().exchange_concerns[Side.EXCHANGE]] == [GraphInsteadOfEws]
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []
        assert len(company.exchange.ledger.records(status=403)) <= before + 2


async def test_graph_takes_over_after_a_start(company: CloudEwsCompany, clock: ManualClock, tmp_path: Path) -> None:
    company.exchange.faults.add(ews_switched_off())
    async with running_engine(company, clock, tmp_path, {}) as site:
        await eventually(lambda: not site.wrong(), site.wrong)
        assert [type(each) for each in site.engine.status().exchange_concerns[Side.EXCHANGE]] == [GraphInsteadOfEws]
        assert site.engine.status().exchange.works


async def test_ews_is_what_is_wrong_if_graph_does_not_work_either(
    company: CloudEwsCompany, clock: ManualClock, tmp_path: Path
) -> None:
    company.online.tenant.exchange_online = False
    company.exchange.faults.add(ews_switched_off("EWS is blocked by policy for this tenant"))
    async with running_engine(company, clock, tmp_path, {}) as site:
        lost = await site.happens(ConnectionLost)
        assert isinstance(lost.failure, EwsSwitchedOff)
        assert "blocked by policy" in lost.failure.detail
        assert "no Exchange Online" in lost.failure.detail
        assert site.engine.status().exchange_concerns == {}
