"""Tests of the survey of a tenant: what is found out, what stays unknown and why, and what it costs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.checks import tenant as survey
from engine.checks.check import StepOutcome
from engine.core.tenant import LONGEST, MissingMailbox, TenantFacts
from engine.exchange.graph import consent
from engine.exchange.graph.errors import GraphAccessDenied
from engine.simulator.company import CLIENT_ID, CLIENT_SECRET, DOMAIN, PBX_PASSWORD, CloudCompany
from engine.simulator.entra import TENANT
from engine.simulator.faults import Hold
from engine.simulator.graph.tenant import Hosting
from engine.simulator.graph.throttle import Limits
from engine.simulator.world import World
from engine.store.database import Database
from engine.store.secrets import Secrets
from engine.store.tenants import KnownTenants, SqliteTenants
from tests.checks.support import NOON, CheckResult, check_factory_of, settings_of
from tests.support.checked_graph import Checked
from tests.support.clock import ManualClock
from tests.support.hostile import HOSTILE, harm_in
from tests.support.quiescence import quiescence

ANNA = f"anna.mueller@{DOMAIN}"
READ_BASIC, LOOK_UP = "Calendars.ReadBasic.All", "User.Read.All"


class Site:
    """A tenant, whose application has permissions for all mailboxes, and what is known of it."""

    def __init__(self, company: CloudCompany, tenants: KnownTenants) -> None:
        self.company = company
        self.tenants = tenants
        self.tenant = company.tenant
        self.tenant.scoped_role = False
        self.grant(READ_BASIC, LOOK_UP)

    @property
    def facts(self) -> TenantFacts:
        return self.tenants.facts(TENANT, CLIENT_ID)

    @property
    def known(self) -> list[str]:
        return [person.mailbox for person in self.company.world.people if person.mailbox]

    def grant(self, *roles: str) -> None:
        self.company.application.roles |= dict.fromkeys(self.company.graph.urls, roles)

    def behaves(self, **behaviour: Any) -> None:
        self.tenant.behaviour = replace(self.tenant.behaviour, **behaviour)

    async def check(self, known: list[str] | None = None, **exchange: Any) -> CheckResult:
        secrets = Secrets(exchange_client_secret=CLIENT_SECRET, pbx_password=PBX_PASSWORD)
        factory = replace(check_factory_of(self.company, ManualClock(NOON)), tenants=self.tenants)
        settings = settings_of(self.company, exchange=exchange)
        check = factory.exchange(settings, secrets, [ANNA], self.known if known is None else known)
        return CheckResult(steps := await check.run(lambda _: None), steps)


OpenSite = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
async def tenants(tmp_path: Path) -> AsyncIterator[KnownTenants]:
    database = Database(tmp_path / "state")
    await database.open()
    yield KnownTenants(SqliteTenants(database))
    await database.close()


@pytest.fixture
def open_site(world: World, tmp_path: Path, tenants: KnownTenants) -> OpenSite:
    @contextlib.asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Site]:
        checked = Checked()
        async with CloudCompany(world, tmp_path, ManualClock(), observe=checked, **options) as company:
            yield Site(company, tenants)
        assert checked.findings == []

    return opened


@pytest.fixture
async def site(open_site: OpenSite) -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


async def checked_in_step(site: Site) -> CheckResult:
    """Check while batches are answered only when nothing else is left to do, so that all that were sent are there."""
    hold = Hold()
    site.company.graph.faults.add(hold, operation="batch")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(site.check(connections=40))
        while not running.done():
            await quiescence()
            hold.release.set()
            hold.release.clear()
    return running.result()


async def test_everything_is_found_out_kept_and_shown(site: Site) -> None:
    result = await site.check()
    assert result.all_well
    facts = site.facts
    assert (facts.read_basic_suffices, facts.removable_roles, facts.answers_zipped) == (True, (), True)
    assert facts.missing_mailbox == MissingMailbox(404, "ErrorInvalidUser")
    assert facts.batches_at_once == 6, "exchange.connections is 8, and a quarter is for slow mailboxes"
    assert set(facts.unknown) == {"primary_address_works"}
    assert set(facts.learned.values()) == {NOON}
    told = result.evidence("tenant")
    assert "Calendars.ReadBasic.All: enough to read calendars (2026-03-02)" in told
    assert "not known: of 20 known mailboxes" in told


async def test_it_costs_a_handful_of_requests_about_20_mailboxes(site: Site) -> None:
    await site.check()
    ledger = site.company.graph.ledger
    assert ledger.complaints == []
    assert ledger.operations["batch"] == 2 + 2 + 4 + 6
    asked = [each for each in ledger.records(operation="calendarView") if each.batch]
    assert len({each.mailbox for each in asked}) <= 20
    assert {each.status for each in asked} == {200}


@pytest.mark.parametrize("zips", [True, False])
async def test_whether_answers_come_compressed(site: Site, zips: bool) -> None:
    site.behaves(zips_answers=zips)
    await site.check()
    assert site.facts.answers_zipped is zips


@pytest.mark.parametrize("answer", [(404, "ErrorInvalidUser"), (404, "ErrorNobodyKnows"), (403, "ErrorAccessDenied")])
async def test_how_an_address_that_nobody_has_is_answered(site: Site, answer: tuple[int, str]) -> None:
    site.behaves(missing_mailbox=answer)
    assert f"HTTP {answer[0]} {answer[1]}" in (await site.check()).evidence("tenant")
    assert site.facts.missing_mailbox == MissingMailbox(*answer)


async def test_a_code_with_controls_is_cleaned_before_it_is_kept(site: Site) -> None:
    site.behaves(missing_mailbox=(404, f"Error{HOSTILE}{'x' * 999}"))
    await site.check()
    assert site.facts.missing_mailbox is not None
    assert not harm_in(site.facts.missing_mailbox.code)
    assert len(site.facts.missing_mailbox.code) <= LONGEST


@pytest.mark.parametrize("status", [401, 404, 429, 503])
async def test_an_answer_that_says_nothing_of_the_address_teaches_nothing(site: Site, status: int) -> None:
    site.behaves(missing_mailbox=(status, "UnknownError"))
    assert (await site.check())["tenant"].outcome is StepOutcome.OK
    assert site.facts.missing_mailbox is None
    assert site.facts.unknown["missing_mailbox"]


@pytest.mark.parametrize("keys", ["upn", "primary", "any"])
async def test_whether_an_address_works_that_is_not_the_user_principal_name(
    site: Site, keys: Literal["upn", "primary", "any"]
) -> None:
    site.behaves(keys=keys)
    name = next(person.name for person in site.company.world.people if person.mailbox == site.known[1])
    site.tenant.change(name, user_principal_name=f"{name}@signs-in.example")
    await site.check()
    assert site.facts.primary_address_works is (keys != "upn")


async def test_without_the_directory_it_is_not_known_whether_an_address_works(site: Site) -> None:
    site.grant(READ_BASIC)
    assert "may not look up addresses in the directory" in (await site.check()).evidence("tenant")
    assert site.facts.primary_address_works is None


@pytest.mark.parametrize(
    ("roles", "suffices", "removable"),
    [
        ((READ_BASIC,), True, ()),
        ((READ_BASIC, LOOK_UP, "Mail.Read"), True, ("Mail.Read",)),
        ((READ_BASIC, "Calendars.Read"), None, ("Calendars.Read",)),
        (("Calendars.ReadWrite",), None, ("Calendars.ReadWrite",)),
    ],
)
async def test_which_permissions_are_enough(
    site: Site, roles: tuple[str, ...], suffices: bool | None, removable: tuple[str, ...]
) -> None:
    site.grant(*roles)
    await site.check()
    assert (site.facts.read_basic_suffices, site.facts.removable_roles) == (suffices, removable)


async def test_a_role_in_exchange_online_says_nothing_of_the_permission(site: Site) -> None:
    site.tenant.scoped_role = True
    site.grant()
    assert "a role in Exchange Online lets the application read" in (await site.check()).evidence("tenant")
    assert site.facts.read_basic_suffices is None


async def test_a_tenant_that_asks_for_more_than_read_basic(site: Site) -> None:
    site.behaves(read_basic_reads=False)
    broken = (await site.check()).failed_at("mailbox")
    assert isinstance(broken.failure, GraphAccessDenied)
    assert f"--api-permissions {consent.PERMISSIONS['Calendars.Read']}=Role" in broken.remedy
    assert site.facts.read_basic_suffices is False
    site.grant(READ_BASIC, "Calendars.Read", LOOK_UP)
    assert "not enough to read calendars" in (await site.check()).evidence("tenant")
    assert (site.facts.read_basic_suffices, site.facts.removable_roles) == (False, (READ_BASIC,))


async def test_a_mailbox_without_a_licence_says_nothing_of_the_permission(site: Site) -> None:
    site.tenant.change(
        next(each.name for each in site.company.world.people if each.mailbox == ANNA), hosting=Hosting.UNLICENSED
    )
    (await site.check()).failed_at("mailbox")
    assert site.facts == TenantFacts()


async def test_by_free_busy_times_the_permission_is_tried_nevertheless(site: Site) -> None:
    site.behaves(read_basic_reads=False)
    assert (await site.check(mode="free-busy")).all_well
    assert site.facts.read_basic_suffices is False
    assert site.facts.batches_at_once is None


@pytest.mark.parametrize(("limit", "reached"), [(None, 16), (12, 8), (4, 4), (1, 1)])
async def test_how_many_batches_at_once_are_not_throttled(open_site: OpenSite, limit: int | None, reached: int) -> None:
    async with open_site(limits=Limits(batches_at_once=limit)) as site:
        result = await checked_in_step(site)
        assert result["tenant"].outcome is StepOutcome.OK
        assert site.facts.batches_at_once == reached
        refused = [each for each in site.company.graph.ledger.records(operation="batch") if each.status == 429]
        assert (limit is None) == (not refused), "it stops with the first number that is throttled"


async def test_no_mailbox_is_asked_more_often_at_once_than_leaves_room_for_the_engine(open_site: OpenSite) -> None:
    async with open_site(limits=Limits(at_once=survey.OF_A_MAILBOX)) as site:
        await checked_in_step(site)
        assert site.facts.batches_at_once == 16


async def test_a_single_mailbox_does_not_tell_how_many_batches_are_possible(site: Site) -> None:
    assert "it takes 2 mailboxes" in (await site.check([])).evidence("tenant")
    assert site.facts.batches_at_once is None


async def test_what_was_known_is_kept_where_it_cannot_be_found_out_again(site: Site) -> None:
    await site.check()
    await site.check([])
    assert site.facts.batches_at_once == 6


async def test_it_does_not_take_longer_than_its_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "SECONDS", 0.2)
    site.company.graph.faults.add(Hold(), operation="batch")
    result = await site.check()
    assert result["tenant"].outcome is StepOutcome.OK
    assert "it took more than" in site.facts.unknown["batches_at_once"]
