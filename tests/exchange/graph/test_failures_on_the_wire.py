"""What goes wrong at Graph, over real sockets: by name, for those it is about, and never for others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engine.exchange import errors as exchange
from engine.exchange.errors import AnswerBrokenOff, ExchangeBusy, ExchangeFailure, MailboxNotFound, NotUnderstood
from engine.exchange.graph import batches
from engine.exchange.graph import errors as graph
from engine.exchange.graph.batch import PARTS
from engine.exchange.oauth.errors import ConditionalAccessBlocks
from engine.settings.model import Mode
from engine.simulator.faults import Cut, Effect, Hold, ODataError, Reply, Unauthorized, html_page, redirect
from engine.simulator.graph.tenant import Behaviour
from engine.simulator.world import World
from tests.exchange.graph.conftest import Cloud, OpenCloud
from tests.exchange.graph.test_source_on_the_wire import ANNA, mailbox_of, readable, week
from tests.support.clock import ManualClock
from tests.support.quiescence import passes

DENIED = "Access is denied. Check credentials and try again."


async def read(cloud: Cloud, world: World, address: str = ANNA) -> object:
    try:
        return await cloud.source.read_window(mailbox_of(cloud, address), week(world))
    except ExchangeFailure as failure:
        return failure


async def read_all(cloud: Cloud, world: World, addresses: Sequence[str]) -> list[type[object]]:
    return [type(each) for each in await asyncio.gather(*(read(cloud, world, address) for address in addresses))]


def alone(cloud: Cloud) -> int:
    """The number of requests for a calendar that were sent alone."""
    return len(cloud.graph.ledger.records(operation="calendarView", batch=0))


@pytest.mark.parametrize(
    ("effect", "failure"),
    [
        (ODataError(404, "ErrorInvalidUser"), MailboxNotFound),
        (ODataError(404, "MailboxNotEnabledForRESTAPI"), graph.MailboxNotOnline),
        (ODataError(403, "ErrorAccessDenied", DENIED), graph.GraphAccessDenied),
        (ODataError(403, "ErrorAccessDenied", "Access to OData is disabled."), graph.UserAgentBlocked),
        (ODataError(507, "ErrorQuotaExceeded"), graph.MailboxFull),
        (ODataError(400, "ErrorInvalidRequest"), exchange.RequestRejected),
        (ODataError(503, "UnknownError"), graph.ExchangeOnlineTrouble),
        (ODataError(504, "UnknownError"), graph.ExchangeOnlineTrouble),
        (ODataError(500, "", inner_code="ErrorMailboxMoveInProgress"), exchange.MailboxMoved),
        (ODataError(401, "OrganizationFromTenantGuidNotFound"), graph.TenantWithoutExchange),
        (html_page(), NotUnderstood),
        (redirect("https://login.example.com/"), NotUnderstood),
        (Reply(403, b"<html>blocked</html>", {"Content-Type": "text/html"}), NotUnderstood),
        (Cut(), AnswerBrokenOff),
        (Cut(after=20), AnswerBrokenOff),
    ],
)
async def test_a_failure_of_one_request(
    open_cloud: OpenCloud, world: World, effect: Effect, failure: type[ExchangeFailure]
) -> None:
    async with open_cloud() as cloud:
        cloud.graph.faults.add(effect, operation="calendarView")
        assert type(await read(cloud, world)) is failure
        cloud.graph.faults.clear()


@pytest.mark.parametrize(
    ("effect", "failure"),
    [
        (ODataError(429, "ApplicationThrottled", headers={"Retry-After": "30"}), ExchangeBusy),
        (ODataError(503, "serviceNotAvailable"), ExchangeBusy),
        (ODataError(504, "UnknownError"), graph.ExchangeOnlineTrouble),
        (html_page(), NotUnderstood),
        (redirect("https://login.example.com/"), NotUnderstood),
        (Reply(200, b"{}", {"Content-Type": "application/json"}), NotUnderstood),
    ],
)
async def test_a_failure_of_a_whole_batch_is_of_all_in_it(
    open_cloud: OpenCloud, world: World, effect: Effect, failure: type[ExchangeFailure]
) -> None:
    async with open_cloud() as cloud:
        cloud.graph.faults.add(effect, operation="batch")
        addresses = readable(world)[:5]
        assert await read_all(cloud, world, addresses) == [failure] * 5
        assert cloud.batches == 1
        assert cloud.graph.ledger.operations["calendarView"] == 0


async def test_while_everybody_pauses_nothing_is_sent(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(clock=(clock := ManualClock())) as cloud:
        cloud.graph.faults.add(
            ODataError(429, "ApplicationThrottled", headers={"Retry-After": "30"}), operation="batch"
        )
        reading = asyncio.gather(read(cloud, world), read(cloud, world, readable(world)[1]))
        await passes(0.2, clock)
        assert [type(each) for each in await reading] == [ExchangeBusy] * 2
        assert cloud.source.reads_at_once == 2 * PARTS
        cloud.graph.faults.clear()
        paused = asyncio.gather(read(cloud, world))
        await passes(0.2, clock)
        [busy] = await paused
        assert isinstance(busy, ExchangeBusy)
        assert busy.retry_after is not None
        assert cloud.graph.ledger.operations["calendarView"] == 0
        await clock.advance(30 * 1.25)
        again = asyncio.gather(read(cloud, world))
        await passes(0.2, clock)
        assert isinstance((await again)[0], tuple)


async def test_many_throttled_parts_slow_all_down(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud() as cloud:
        cloud.graph.faults.add(ODataError(429, "ApplicationThrottled"), operation="calendarView", times=6)
        outcomes = await read_all(cloud, world, readable(world)[:12])
        assert outcomes.count(exchange.MailboxBusy) == 6
        assert cloud.source.reads_at_once == 2 * PARTS


async def test_a_slow_mailbox_is_asked_alone_and_the_others_go_on(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(clock=(clock := ManualClock())) as cloud:
        slow, *others = readable(world)[:8]

        async def read_slowly(seconds: float) -> None:
            hold = Hold()
            cloud.graph.faults.add(hold, operation="calendarView", mailbox=slow, times=1)
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(read_all(cloud, world, [slow, *others]))
                await passes(0.2, clock)
                await hold.reached.wait()
                await clock.advance(seconds)
                hold.release.set()
            assert set(reading.result()) == {tuple}

        await read_slowly(batches.SLOW.total_seconds())
        assert (cloud.batches, alone(cloud)) == (1, 0)
        await read_slowly(batches.FINE.total_seconds())
        assert (cloud.batches, alone(cloud)) == (1, 8), "each is asked alone"
        await read_slowly(0)
        assert (cloud.batches, alone(cloud)) == (2, 9), "the others, which answer fast, share a batch again"
        await read_slowly(0)
        assert (cloud.batches, alone(cloud)) == (3, 9), "and so does the slow one, once it answers fast"


async def test_a_mailbox_without_an_answer_keeps_nobody_waiting(
    open_cloud: OpenCloud, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PATIENCE", 0.1)
    async with open_cloud() as cloud:
        silent, *others = readable(world)[:8]
        hold = Hold()
        cloud.graph.faults.add(hold, operation="calendarView", mailbox=silent)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(read(cloud, world, silent))
            outcomes = await read_all(cloud, world, others)
            assert set(outcomes) == {tuple}
            assert not waiting.done()
            assert set(await read_all(cloud, world, others)) == {tuple}
            assert cloud.batches == 1, "the others share one again, without the silent one; the first is still held"
            hold.release.set()
        assert isinstance(waiting.result(), tuple)


async def test_where_graph_itself_is_silent_not_everybody_is_asked_alone(
    open_cloud: OpenCloud, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_ALONE", 4)
    async with open_cloud() as cloud:
        cloud.graph.faults.add(Cut(), operation="batch")
        assert set(await read_all(cloud, world, readable(world)[:8])) == {AnswerBrokenOff}
        assert alone(cloud) == 0


async def test_what_nobody_asks_about_any_more_is_forgotten(
    open_cloud: OpenCloud, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_ALONE", 4)
    async with open_cloud(clock=(clock := ManualClock())) as cloud:
        cloud.graph.faults.add(Cut())
        first, second = readable(world)[:3], readable(world)[3:6]
        for group, asked_alone in ((first, 3), (second, 3), (second, 6)):
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(read_all(cloud, world, group))
                await passes(0.2, clock)
            assert set(reading.result()) == {AnswerBrokenOff}
            assert alone(cloud) == asked_alone
            await clock.advance(0.6 * batches.FORGOTTEN.total_seconds())


async def test_a_batch_that_is_cut_off_is_asked_in_single_requests(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud() as cloud:
        cloud.graph.faults.add(Cut(after=40), operation="batch")
        assert set(await read_all(cloud, world, readable(world)[:6])) == {tuple}
        assert (cloud.batches, alone(cloud)) == (1, 6)


async def test_a_token_that_is_refused_is_replaced_once(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud() as cloud:
        cloud.graph.faults.add(Unauthorized(), times=1)
        assert isinstance(await read(cloud, world), tuple)
        assert cloud.graph.ledger.refusals == 1
        cloud.graph.faults.add(Unauthorized())
        assert isinstance(await read(cloud, world), graph.GraphTokenRefused)
        assert isinstance(await read(cloud, world), graph.GraphTokenRefused)
        refusals = cloud.graph.ledger.refusals
        assert isinstance(await read(cloud, world), graph.GraphTokenRefused)
        assert cloud.graph.ledger.refusals == refusals, "nothing is sent for a while"


@pytest.mark.parametrize("without_permission", ["401", "403"])
async def test_an_application_without_permission(open_cloud: OpenCloud, world: World, without_permission: Any) -> None:
    behaviour = Behaviour(without_permission=without_permission)
    async with open_cloud("Mail.Read", behaviour=behaviour) as cloud:
        failure = await read(cloud, world)
        expected = graph.GraphPermissionMissing if without_permission == "401" else graph.GraphAccessDenied
        assert type(failure) is expected


async def test_a_tenant_without_exchange(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud() as cloud:
        cloud.tenant.exchange_online = False
        assert isinstance(await read(cloud, world), graph.TenantWithoutExchange)


async def test_a_policy_that_wants_more_of_the_token(open_cloud: OpenCloud, world: World) -> None:
    challenge = 'Bearer realm="", error="insufficient_claims", claims="e30="'
    async with open_cloud() as cloud:
        cloud.graph.faults.add(Reply(401, b"", {"WWW-Authenticate": challenge}))
        assert isinstance(await read(cloud, world), ConditionalAccessBlocks)


async def test_a_mailbox_that_cannot_be_the_anchor_is_seen_by_the_next_one(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(mode=Mode.FREE_BUSY) as cloud:
        first, *others = [each.mailbox or "" for each in world.people if each.mailbox and each.shares_free_busy]
        cloud.graph.faults.add(ODataError(403, "ErrorAccessDenied", DENIED), operation="getSchedule", mailbox=first)
        for _ in range(2):
            assert set(await read_all(cloud, world, [first, *others[:4]])) == {tuple}
        anchors = [each.mailbox for each in cloud.graph.ledger.records(operation="getSchedule")]
        assert anchors.count(first) == 1, "it is remembered"


async def test_what_keeps_one_schedule_away_is_of_its_address_alone(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(mode=Mode.FREE_BUSY) as cloud:
        shared = [each.mailbox or "" for each in world.people if each.mailbox and each.shares_free_busy][:3]
        outcomes = await read_all(cloud, world, [*shared, "nobody@corp.example"])
        assert outcomes == [tuple, tuple, tuple, MailboxNotFound]


async def test_free_busy_without_permission_is_denied_to_all(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud("Mail.Read", mode=Mode.FREE_BUSY) as cloud:
        assert await read_all(cloud, world, readable(world)[:3]) == [graph.GraphAccessDenied] * 3
