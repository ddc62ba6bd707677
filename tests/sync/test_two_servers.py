"""Two servers with their own mailboxes: problems of one do not affect the other."""

import socket
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.simulator.company import Company, RoutedResolver
from engine.simulator.exchange.topology import Home
from engine.simulator.faults import Cut, service_unavailable
from engine.simulator.world import Person
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import passes, quiescence
from tests.support.site import Site, running_engine

pytestmark = [pytest.mark.slow, pytest.mark.few]

BRANCH = Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(corp_world(date(2026, 3, 2)).instant("11:00"))


def readable(site: Site) -> list[Person]:
    return [person for person in site.company.world.people if person.mailbox and person.may_impersonate]


def meet(site: Site, person: Person, key: str) -> None:
    now = site.clock.now()
    item = site.company.world.appointment(key, "00:00-01:00", subject=key)
    site.company.world.put(
        person.mailbox or "", replace(item, start=now, end=now + timedelta(minutes=90), modified=now)
    )


async def minutes_pass(site: Site, network_clock: ManualClock, minutes: int) -> None:
    """Let time pass in small steps, and everybody do what is to be done by then."""
    for _ in range(minutes * 60):
        await passes(1, network_clock, site.clock)
    await quiescence()


async def two_servers(site: Site, network_clock: ManualClock, *at_the_branch: Person) -> None:
    for person in at_the_branch:
        site.company.exchange.move(person.mailbox or "", BRANCH)
    await minutes_pass(site, network_clock, 10)
    await eventually(lambda: site.engine.status().watched == len(readable(site)))


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the name of the branch's server lead nowhere, and end all streams, some of which were there."""
    resolve = RoutedResolver.resolve

    async def resolve_but_for_the_branch(self: RoutedResolver, host: str, *args: Any, **options: Any) -> Any:
        if host == BRANCH.external_host:
            raise socket.gaierror(socket.EAI_NONAME, "it is down")
        return await resolve(self, host, *args, **options)

    monkeypatch.setattr(RoutedResolver, "resolve", resolve_but_for_the_branch)


async def the_branch_is_down(site: Site, network_clock: ManualClock, *people: Person) -> None:
    for person in people:
        site.company.exchange.subscriptions.lose(person.mailbox or "")
    site.company.exchange.faults.add(Cut(), host=BRANCH.external_host)
    for stream in list(site.company.exchange.subscriptions.streams):
        stream.cut()
    await minutes_pass(site, network_clock, 10)


async def test_a_server_that_was_down_reads_its_mailboxes_again_when_it_is_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    network_clock = ManualClock()
    async with company, running_engine(company, clock, tmp_path, {}, network_clock) as site:
        await minutes_pass(site, network_clock, 1)
        first, second, *_ = readable(site)
        await two_servers(site, network_clock, first, second)
        with pytest.MonkeyPatch.context() as patch:
            unreachable(patch)
            await the_branch_is_down(site, network_clock, first, second)
        company.exchange.faults.clear()
        meet(site, first, "while it was down")
        assert first.name in site.wrong()
        await eventually(lambda: not site.wrong(), site.wrong, between=lambda: minutes_pass(site, network_clock, 1))


async def test_changes_on_the_other_server_are_shown_at_once(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    network_clock = ManualClock()
    async with company, running_engine(company, clock, tmp_path, {}, network_clock) as site:
        await minutes_pass(site, network_clock, 1)
        first, second, anna, *_ = readable(site)
        await two_servers(site, network_clock, first, second)
        company.exchange.faults.add(service_unavailable(3600), host=BRANCH.external_host)
        site.engine.resync(first.guid)
        site.engine.resync(second.guid)
        await eventually(lambda: not site.engine.status().exchange.works)
        meet(site, anna, "while the branch is away")
        await quiescence()
        await network_clock.advance(1)
        await eventually(lambda: anna.name not in site.wrong())
