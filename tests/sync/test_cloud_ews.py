"""The whole engine on Exchange Online: tokens, impersonation, and the end of EWS."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.expiry import CloudEwsEnds
from engine.core.secret import Secret
from engine.daemon.build import assemble
from engine.exchange.errors import CloudEwsEnded, EwsSwitchedOff
from engine.exchange.oauth.errors import ClientSecretRefused, TokenRefused
from engine.settings.model import CLOUD_EWS_END
from engine.settings.reader import read_settings
from engine.simulator.company import DOMAIN, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.exchange.authentication import Seen
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Unauthorized, ews_switched_off
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.events import ConnectionLost, ConnectionRestored, Event, Side, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.support.site import Site, collect_cancelled_handshakes, ews_schema, tasks_of
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
SECRET = "s3cr3t~never.to.be.seen"
RESOURCE = "https://outlook.office365.com"


@dataclass
class Cloud:
    company: Company
    entra: EntraSimulator
    clock: ManualClock
    directory: Path

    @asynccontextmanager
    async def engine(self, network_clock: Clock | None = None, secret: str = SECRET) -> AsyncIterator[Site]:
        exchange = {
            "type": "cloud-ews",
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "authority": self.entra.url,
            "user": "ignored@corp.example",
        }
        settings = read_settings(self.company.settings(exchange=exchange), default_zone=self.company.world.zone)
        events: list[Event] = []
        database = Database(self.directory / "state")
        await database.open()
        try:
            engine = assemble(
                settings,
                Secrets(exchange_client_secret=Secret(secret), pbx_password=PBX_PASSWORD),
                AcknowledgedPresences(database),
                clock=self.clock,
                network_clock=network_clock or pauses_pass_quickly(),
                observe=events.append,
                resolver=RoutedResolver(self.company.exchange.routes),
            )
            async with tasks_of(engine):
                yield Site(self.company, engine, self.clock, settings, events)
        finally:
            await database.close()
            collect_cancelled_handshakes()


@pytest.fixture
def day() -> date:
    return date(2026, 3, 2)


@pytest.fixture
async def cloud(tmp_path: Path, day: date) -> AsyncIterator[Cloud]:
    world = few_people(day)
    clock = ManualClock(world.instant("09:20"))
    application = AppRegistration(CLIENT, (RESOURCE,), client_secrets={SECRET: datetime.now(UTC) + timedelta(days=1)})
    tokens: list[EntraSimulator] = []
    company = Company(
        world,
        tmp_path,
        clock,
        schema=ews_schema(),
        hosts=("outlook.office365.com", "localhost", f"autodiscover.{DOMAIN}"),
        external_host="outlook.office365.com",
        internal_host="outlook.office365.com",
        token_holder=lambda token: tokens[0].holder(token, RESOURCE),
        behaviour=Behaviour(app_only=True),
    )
    async with EntraSimulator(application, authority=company.authority) as entra, company:
        tokens.append(entra)
        yield Cloud(company, entra, clock, tmp_path)


async def test_how_many_days_are_left_is_a_concern_from_the_first_day_on(cloud: Cloud) -> None:
    async with cloud.engine() as site:
        [concern] = [each for each in site.engine.status().expiring if isinstance(each, CloudEwsEnds)]
    assert str(concern).startswith("EWS in Exchange Online ends in 394 days")
    assert 'exchange.type = "cloud-graph"' in concern.remedy


async def trouble(site: Site, failure: type[Failure]) -> ConnectionLost:
    return await site.happens(
        ConnectionLost, lambda each: each.side is Side.EXCHANGE and isinstance(each.failure, failure)
    )


async def test_presences_follow_the_calendars_of_exchange_online(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with cloud.engine() as site:
        await site.settled()
        assert site.wrong() == {}
        await site.pass_time(minutes=15)
        assert site.wrong() == {}
    exchange = cloud.company.exchange
    assert {record.host for record in exchange.ledger.records()} == {"outlook.office365.com"}
    assert all(record.mailbox for record in exchange.ledger.records())
    assert exchange.ledger.complaints == []
    assert exchange.ledger.refusals == 0
    assert cloud.entra.ledger.operations == {"discovery": 1, "token": 1}
    assert SECRET not in caplog.text
    assert "Bearer " not in caplog.text


async def test_revoked_tokens_are_replaced_by_one_and_nobody_notices(cloud: Cloud) -> None:
    async with cloud.engine() as site:
        await site.settled()
        # Streams have connections of their own: none of them is about to begin when the tokens end.
        listened_to = sum(1 for each in cloud.company.world.people if each.mailbox and each.may_impersonate)
        await eventually(lambda: site.engine.status().watched == listened_to)
        cloud.entra.revoke_tokens()
        for person in cloud.company.world.people:
            site.engine.resync(person.guid)
        await site.pass_time(minutes=15)
        assert site.wrong() == {}
        assert cloud.entra.ledger.operations["token"] == 2
        # What was under way is refused once each: as many requests as there are connections. A token that is refused
        # locks no account; what may be wrong about it is looked at by one request at a time from then on.
        refused = [(each.operation, each.mailbox) for each in cloud.company.exchange.ledger.records(status=401)]
        assert len(refused) == len(set(refused)) <= site.settings.exchange.connections, refused
        assert cloud.company.exchange.log_ins[Seen.REFUSED] == len(refused)
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []


async def test_a_token_that_is_refused_for_good_is_no_storm(cloud: Cloud) -> None:
    cloud.company.exchange.faults.add(Unauthorized())
    network_clock = ManualClock()
    async with cloud.engine(network_clock) as site:
        event = await trouble(site, TokenRefused)
        assert "full_access_as_app" in event.failure.remedy
        for _ in range(10):
            await network_clock.advance(60)
        assert len(cloud.company.exchange.ledger.records()) <= 4
        assert cloud.entra.ledger.operations["token"] <= 2


async def test_a_wrong_secret_is_tried_once_in_15_minutes(cloud: Cloud) -> None:
    network_clock = ManualClock()
    async with cloud.engine(network_clock, secret="wrong") as site:
        event = await trouble(site, ClientSecretRefused)
        assert event.until is not None
        assert event.until >= network_clock.now() + timedelta(minutes=14, seconds=59)
        for _ in range(14):
            await network_clock.advance(60)
        assert cloud.entra.ledger.operations["token"] == 1
        assert cloud.company.exchange.ledger.records() == []


async def test_switched_off_for_the_tenant_is_said_in_words_and_probed_slowly(cloud: Cloud) -> None:
    reason = "EWS is blocked by policy for this user or tenant"
    network_clock = ManualClock()
    async with cloud.engine(network_clock) as site:
        off = cloud.company.exchange.faults.add(ews_switched_off(reason))
        event = await trouble(site, EwsSwitchedOff)
        assert reason in str(event.failure)
        assert "EwsAllowedAppIDs" in event.failure.remedy
        assert event.until is not None
        pause = event.until - network_clock.now()
        assert timedelta(minutes=11) <= pause <= timedelta(minutes=15)
        under_way = 2 * site.settings.exchange.connections
        await network_clock.advance(11 * 60)
        assert len(cloud.company.exchange.ledger.records()) <= under_way + 1
        cloud.company.exchange.faults.clear(off)
        await network_clock.advance(5 * 60)
        await site.happens(ConnectionRestored, lambda each: each.side is Side.EXCHANGE)


async def test_switched_off_for_one_mailbox_concerns_that_one(cloud: Cloud) -> None:
    anna = cloud.company.world.person("anna.mueller")
    cloud.company.exchange.faults.add(ews_switched_off(), mailbox=anna.mailbox or "")
    async with cloud.engine() as site:
        await site.settled()
        assert set(site.wrong()) == {"anna.mueller"}
        found = await site.happens(UserTrouble, lambda each: each.user.guid == anna.guid)
        assert isinstance(found.failure, EwsSwitchedOff)
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []


@pytest.mark.parametrize("day", [CLOUD_EWS_END - timedelta(days=1)])
async def test_from_the_day_of_its_end_nothing_is_asked_any_more(cloud: Cloud) -> None:
    await cloud.clock.advance_to(datetime(2027, 3, 31, 23, 50, tzinfo=UTC))
    async with cloud.engine() as site:
        await site.settled()
        await cloud.clock.advance(15 * 60)
        site.engine.resync(cloud.company.world.people[0].guid)
        event = await trouble(site, CloudEwsEnded)
        assert "2027-04-01" in str(event.failure)
        assert "cloud-graph" in event.failure.remedy
