"""Tests of the check of everybody's access to a calendar."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from engine.checks.commands import commands
from engine.checks.everybody import EverybodyCheck, Stage
from engine.core.secret import Secret
from engine.core.users import User
from engine.exchange.errors import ImpersonationDenied, LoginRefused, MailboxNotFound
from engine.simulator.company import (
    CLIENT_SECRET,
    DOMAIN,
    EXCHANGE_PASSWORD,
    PBX_PASSWORD,
    CloudCompany,
    Company,
    PbxSite,
)
from engine.simulator.faults import Hold
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import BERLIN
from engine.store.secrets import Secrets
from engine.sync.hold import NobodyTakesPart
from tests.checks.support import NOON, check_factory_of, settings_of
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

SECRETS = Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD)


def users_of(company: PbxSite) -> list[User]:
    return [
        User(guid=each.guid, name=each.name, display_name=each.display_name, addresses=each.pbx_addresses)
        for each in company.world.people
    ]


def everybody(
    company: PbxSite,
    progress: list[tuple[int, int]],
    *,
    users: Sequence[User] | None = None,
    domain: str = DOMAIN,
    before: EverybodyCheck | None = None,
    secrets: Secrets = SECRETS,
    **tables: Any,
) -> EverybodyCheck:
    return check_factory_of(company, ManualClock(NOON)).everybody(
        settings_of(company, **tables),
        secrets,
        users_of(company) if users is None else users,
        domain,
        lambda *each: progress.append(each),
        before.results if before is not None else None,
    )


async def test_everybody_is_tried_and_those_in_vain_are_grouped_by_cause(company: Company) -> None:
    progress: list[tuple[int, int]] = []
    check = everybody(company, progress)
    await check.run(lambda _: None)
    people = {person.guid: person for person in company.world.people}
    assert check.results.keys() == people.keys()
    for guid, access in check.results.items():
        person = people[guid]
        assert (access.failure is None) == bool(person.mailbox and person.may_impersonate)
        assert access.stage is (None if access.failure is None else Stage.RIGHT if person.mailbox else Stage.MAILBOX)
    assert {type(cause.failure) for cause in check.causes} == {ImpersonationDenied, MailboxNotFound}
    assert progress[-1] == (len(people), sum(len(cause.those) for cause in check.causes))
    [denied] = [cause for cause in check.causes if cause.stage is Stage.RIGHT]
    addresses = [access.address for access in denied.those]
    lines = commands(denied.failure, addresses, settings_of(company).exchange)
    note = "# GROUP is the group in the scope of the role of calendar-engine."
    assert lines == (note, *(f"Add-DistributionGroupMember 'GROUP' -Member '{each}'" for each in addresses))


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("Größe XL (Berlin)", "'Größe XL (Berlin)'"),
        ("O'Brien's", "'O''Brien''s'"),
        ("x’; rm", "'GROUP'"),
        ("", "'GROUP'"),
    ],
)
def test_a_group_is_named_in_a_command_if_it_is_nothing_but_a_name(company: Company, group: str, shown: str) -> None:
    lines = commands(ImpersonationDenied(), ["siobhan.o'brien@corp.example"], settings_of(company).exchange, group)
    assert lines[-1] == f"Add-DistributionGroupMember {shown} -Member 'siobhan.o''brien@corp.example'"


async def test_only_those_in_vain_are_tried_again(company: Company) -> None:
    first = everybody(company, [])
    await first.run(lambda _: None)
    outside = [person for person in company.world.people if person.mailbox and not person.may_impersonate]
    company.world.put_into_scope(*outside)
    asked = company.exchange.ledger.operations["FindItem"]
    again = everybody(company, [], before=first)
    await again.run(lambda _: None)
    assert company.exchange.ledger.operations["FindItem"] - asked == len(outside)
    assert again.results.keys() == first.results.keys()
    assert sum(number for _, number in again.zones) == sum(each.failure is None for each in again.results.values())
    assert {type(cause.failure) for cause in again.causes} == {MailboxNotFound}


async def test_a_right_for_two_thirds_of_the_mailboxes_names_the_others(company: Company) -> None:
    people = [person for person in company.world.people if person.mailbox]
    company.world.put_into_scope(*people)
    company.world.take_out_of_scope(*people[: len(people) // 3])
    check = everybody(company, [])
    await check.run(lambda _: None)
    [denied] = [cause for cause in check.causes if cause.stage is Stage.RIGHT]
    assert {access.address for access in denied.those} == {person.mailbox for person in people[: len(people) // 3]}


async def test_what_concerns_everybody_ends_it(company: Company) -> None:
    secrets = replace(SECRETS, exchange_password=Secret("wrong"))
    check = everybody(company, [], secrets=secrets, exchange={"ews_url": company.exchange.ews_url})
    _, step = await check.run(lambda _: None)
    assert isinstance(step.failure, LoginRefused)
    assert step.field == "exchange.password"
    assert len(check.results) <= 8


async def test_nobody_who_takes_part_is_refused(company: Company) -> None:
    check = everybody(company, [], pbx={"users": {"include": {"names": ["nobody"]}}})
    step, _ = await check.run(lambda _: None)
    assert isinstance(step.failure, NobodyTakesPart)


async def test_names_in_another_domain_than_that_of_mail_are_put_right(company: Company) -> None:
    users = [replace_addresses(user) for user in users_of(company)]
    check = everybody(company, [], users=users, domain="pbx.local")
    _, step = await check.run(lambda _: None)
    assert isinstance(step.failure, MailboxNotFound)
    [fix] = step.fixes
    assert fix.settings == {"pbx.domain": DOMAIN}
    assert step.field == "pbx.domain"
    mended = everybody(company, [], users=users, domain=str(fix.settings["pbx.domain"]))
    await mended.run(lambda _: None)
    assert sum(access.failure is None for access in mended.results.values()) > 1


async def test_a_cancelled_check_keeps_what_it_found(company: Company) -> None:
    held, check = Hold(), everybody(company, [])
    company.exchange.faults.add(held, operation="FindItem", mailbox="anna.mueller@corp.example")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(check.run(lambda _: None))
        await held.reached.wait()
        await eventually(lambda: len(check.results) > 3)
        task.cancel()
    held.release.set()
    assert 3 < len(check.results) < len(check.users)
    assert [access for access in check.results.values() if access.failure is None]


def replace_addresses(user: User) -> User:
    return msgspec.structs.replace(user, addresses=())


class Case(NamedTuple):
    kind: type[Company] | type[CloudCompany]
    elsewhere: str
    told: str


@pytest.mark.parametrize(
    "case",
    [Case(Company, "Europe/Lisbon", "UTC+0, UTC+1 in July"), Case(CloudCompany, "Europe/London", "Europe/London")],
)
async def test_the_time_zones_of_mailboxes_are_compared_with_that_of_the_notes(tmp_path: Path, case: Case) -> None:
    people = [
        Person(name=name, display_name=name, mailbox=f"{name}@{DOMAIN}", zone=zone)
        for name, zone in (("anna", ""), ("bert", ""), ("caro", case.elsewhere))
    ]
    async with case.kind(World(date(2026, 3, 2), BERLIN, people), tmp_path, ManualClock()) as company:
        secrets = replace(SECRETS, exchange_client_secret=CLIENT_SECRET)
        check = everybody(company, [], secrets=secrets)
        _, step = await check.run(lambda _: None)
        assert check.zones == (("Europe/Berlin", 2), (case.told, 1))
        assert step.fixes == ()
        elsewhere = everybody(company, [], secrets=secrets, presence={"timezone": "America/New_York"})
        _, step = await elsewhere.run(lambda _: None)
        assert [fix.settings for fix in step.fixes] == (
            [{"presence.timezone": "Europe/Berlin"}] if case.kind is CloudCompany else []
        )
