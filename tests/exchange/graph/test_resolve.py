"""From the addresses of a PBX user to the mailbox, over real sockets."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from engine.exchange.errors import CalendarNotReadable, MailboxNotFound
from engine.exchange.graph.errors import (
    AccessPolicyExcludes,
    AddressAmbiguous,
    GraphAccessDenied,
    MailboxNotOnline,
    UserNameUnknown,
)
from engine.exchange.retry import WITH_LESS
from engine.exchange.source import Mailbox
from engine.settings.model import Mode
from engine.simulator.graph.tenant import Account, Behaviour, Hosting
from engine.simulator.world import World
from tests.exchange.graph.conftest import CALENDARS, DIRECTORY, Cloud, OpenCloud
from tests.exchange.graph.test_source_on_the_wire import ANNA, readable, week
from tests.support.clock import ManualClock
from tests.support.quiescence import passes

KATHRIN, ALIAS, NOBODY = "kathrin.weiss@corp.example", "a.mueller@corp.example", "nobody@corp.example"
BY_NAME_ONLY = Behaviour(keys="upn")


def name_of(world: World, address: str) -> str:
    person = world.owner(address)
    assert person is not None
    return person.name


def asked(cloud: Cloud, operation: str) -> int:
    return cloud.graph.ledger.operations[operation]


async def test_the_first_address_that_has_a_mailbox(cloud: Cloud, world: World) -> None:
    mailbox = await cloud.source.resolve(["anna", NOBODY, ANNA, *readable(world)])
    assert mailbox == Mailbox(ANNA, f"{cloud.graph.url}/v1.0/users/{ANNA}")
    assert mailbox.found_by == ANNA
    assert await cloud.source.read_window(mailbox, week(world))


async def test_no_address_has_a_mailbox(cloud: Cloud) -> None:
    with pytest.raises(MailboxNotFound, match=NOBODY):
        await cloud.source.resolve([NOBODY, "other@corp.example"])
    for candidates in ([], ["anna"]):
        with pytest.raises(MailboxNotFound):
            await cloud.source.resolve(candidates)


async def test_a_secondary_address_is_found_in_the_directory(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(CALENDARS, DIRECTORY) as cloud:
        account = cloud.tenant.account(name_of(world, ANNA))
        cloud.tenant.change(name_of(world, ANNA), proxy_addresses=(*account.proxy_addresses, f"smtp:{ALIAS}"))
        mailbox = await cloud.source.resolve([ALIAS])
        assert mailbox == Mailbox(ANNA, f"{cloud.graph.url}/v1.0/users/{account.id}")
        assert mailbox.found_by == ALIAS
        cloud.tenant.change(name_of(world, ANNA), user_principal_name="renamed@corp.example")
        assert await cloud.source.read_window(mailbox, week(world))


async def test_who_has_left_is_named_as_such(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(CALENDARS, DIRECTORY) as cloud:
        name = name_of(world, ANNA)
        cloud.tenant.change(name, enabled=False, hosting=Hosting.NOWHERE, proxy_addresses=(f"smtp:{ALIAS}",))
        with pytest.raises(MailboxNotOnline, match="account is disabled"):
            await cloud.source.resolve([ALIAS])


async def test_many_are_looked_up_together(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(CALENDARS, DIRECTORY, behaviour=BY_NAME_ONLY) as cloud:
        addresses = readable(world)[:12]
        for address in addresses:
            cloud.tenant.change(name_of(world, address), user_principal_name=f"{name_of(world, address)}@upn.example")
        found = await asyncio.gather(*(cloud.source.resolve([address]) for address in addresses))
        assert [mailbox.address for mailbox in found] == addresses
        assert asked(cloud, "users") == 3
        assert cloud.batches <= 5, "names that do not exist, look-ups, and ids"


async def test_a_guest_has_no_mailbox(open_cloud: OpenCloud) -> None:
    guest = Account(
        id="9" * 8,
        user_principal_name="g_other#EXT#@corp.example",
        display_name="G",
        mail="g@other.example",
        user_type="Guest",
        hosting=Hosting.NOWHERE,
    )
    async with open_cloud(CALENDARS, DIRECTORY) as cloud:
        cloud.tenant.add(guest)
        with pytest.raises((MailboxNotFound, MailboxNotOnline)):
            await cloud.source.resolve(["g@other.example"])


async def test_an_address_of_two_is_not_guessed(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(CALENDARS, DIRECTORY, behaviour=BY_NAME_ONLY) as cloud:
        for address in readable(world)[:2]:
            cloud.tenant.change(name_of(world, address), proxy_addresses=(f"smtp:{ALIAS}",))
        with pytest.raises(AddressAmbiguous):
            await cloud.source.resolve([ALIAS, ANNA])


@pytest.mark.parametrize(
    ("hosting", "failure"),
    [
        (Hosting.ON_PREMISES, MailboxNotOnline),
        (Hosting.BEING_PROVISIONED, MailboxNotOnline),
        (Hosting.NOWHERE, MailboxNotOnline),
        (Hosting.UNLICENSED, GraphAccessDenied),
    ],
)
async def test_a_mailbox_that_is_elsewhere_ends_the_search(
    cloud: Cloud, world: World, hosting: Hosting, failure: type[Exception]
) -> None:
    cloud.tenant.change(name_of(world, ANNA), hosting=hosting)
    with pytest.raises(failure):
        await cloud.source.resolve([ANNA, *readable(world)])


async def test_a_mailbox_outside_the_scope(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud("User.Read.All") as cloud:
        cloud.tenant.scoped_role = True
        outside = next(each.mailbox for each in world.people if each.mailbox and not each.may_impersonate)
        with pytest.raises(GraphAccessDenied):
            await cloud.source.resolve([outside])
        assert (await cloud.source.resolve([ANNA])).address == ANNA


async def test_a_mailbox_that_a_policy_excludes(cloud: Cloud, world: World) -> None:
    cloud.tenant.access_policy = True
    outside = next(each.mailbox for each in world.people if each.mailbox and not each.may_impersonate)
    with pytest.raises(AccessPolicyExcludes):
        await cloud.source.resolve([outside])


async def test_without_the_directory_it_is_asked_once_an_hour(open_cloud: OpenCloud) -> None:
    async with open_cloud(clock=(clock := ManualClock())) as cloud:
        for expected in (1, 1, 2):
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(_not_found(cloud))
                while not looking.done():
                    await passes(0.2, clock)
            assert asked(cloud, "users") == expected
            await clock.advance(0.6 * WITH_LESS.total_seconds())


async def _not_found(cloud: Cloud) -> None:
    with pytest.raises(MailboxNotFound):
        await cloud.source.resolve([NOBODY])


async def test_who_is_only_known_by_free_busy_is_read_by_it(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(behaviour=BY_NAME_ONLY) as cloud:
        await cloud.source.resolve(readable(world)[1:2])
        cloud.tenant.change(name_of(world, ANNA), user_principal_name="am@upn.example")
        mailbox = await cloud.source.resolve([ANNA])
        assert (mailbox.address, mailbox.found_by) == (ANNA, ANNA)
        assert isinstance(cloud.source.limitation(mailbox), UserNameUnknown)
        found = await cloud.source.read_window(mailbox, week(world))
        assert found
        assert all(each.may_be_whole_days for each in found)
        assert await cloud.source.watch(mailbox) == mailbox


async def test_by_free_busy_no_user_is_looked_for(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(mode=Mode.FREE_BUSY, behaviour=BY_NAME_ONLY) as cloud:
        mailbox = await cloud.source.resolve([NOBODY, ANNA])
        assert mailbox.address == ANNA
        assert asked(cloud, "calendarView") == asked(cloud, "users") == 0


async def test_who_does_not_share_free_busy_ends_the_search(open_cloud: OpenCloud, world: World) -> None:
    hidden = replace(world.person(name_of(world, KATHRIN)), shares_free_busy=False)
    async with open_cloud(mode=Mode.FREE_BUSY) as cloud:
        cloud.tenant.change(hidden.name, person=hidden)
        with pytest.raises(CalendarNotReadable):
            await cloud.source.resolve([KATHRIN, ANNA])


async def test_who_was_only_known_by_free_busy_is_looked_for_every_hour(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(behaviour=BY_NAME_ONLY, clock=(clock := ManualClock())) as cloud:
        source = cloud.source
        await _answered(source.resolve([KATHRIN]), clock)
        cloud.tenant.change(name_of(world, ANNA), user_principal_name="am@upn.example")
        limited = await _answered(source.resolve([ANNA]), clock)
        cloud.tenant.change(name_of(world, ANNA), user_principal_name=ANNA)
        assert await _answered(source.watch(limited), clock) is limited
        await clock.advance(WITH_LESS.total_seconds())
        found = await _answered(source.watch(limited), clock)
        assert found == limited
        assert source.limitation(found) is None
        assert await _answered(source.watch(found), clock) is found


async def _answered(question: Coroutine[Any, Any, Mailbox], clock: ManualClock) -> Mailbox:
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(question)
        while not asking.done():
            await passes(0.2, clock)
    return asking.result()


async def test_what_was_known_of_a_mailbox_is_forgotten_with_it(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(behaviour=BY_NAME_ONLY) as cloud:
        await cloud.source.resolve([KATHRIN])
        cloud.tenant.change(name_of(world, ANNA), user_principal_name="am@upn.example")
        mailbox = await cloud.source.resolve([ANNA])
        cloud.source.unwatch(mailbox)
        assert cloud.source.limitation(mailbox) is None


async def test_nothing_is_watched(cloud: Cloud) -> None:
    mailbox = await cloud.source.resolve([ANNA])
    assert not cloud.source.is_watched(mailbox)
    assert "exchange.poll_seconds" in cloud.source.following(mailbox).why_not
    assert (cloud.source.restriction, cloud.source.concerns) == (None, ())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await cloud.source.run(lambda address, priority: None)
