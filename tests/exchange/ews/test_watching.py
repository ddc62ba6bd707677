"""Tests of the requests for notifications and their timing; network time is moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.exchange.errors import ImpersonationDenied
from engine.exchange.ews.source import EwsSource
from engine.exchange.ews.streaming.listener import QUIET, SILENCE
from engine.exchange.source import Mailbox, Priority, SubscriptionStatus
from engine.settings.model import Mode
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.streaming import Stream
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import ErrorCode
from engine.simulator.ledger import Record
from engine.simulator.world import World
from tests.exchange.ews.conftest import OpenSource, Simulate
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import passes, quiescence

ANNA, BERT, CLARA = "anna.mueller@corp.example", "aino.makela@corp.example", "zoe.vandijk@corp.example"
DENIED = "gerd.vorstand@corp.example"


class Watch:
    """A source that watches; what it tells is in `told`."""

    def __init__(self, simulator: ExchangeSimulator, source: EwsSource, clock: ManualClock) -> None:
        self.simulator = simulator
        self.source = source
        self.clock = clock
        self.told: list[tuple[str, Priority]] = []

    def mailbox(self, address: str) -> Mailbox:
        return Mailbox(address, self.simulator.ews_url)

    async def watch(self, *addresses: str) -> None:
        for address in addresses:
            await self.source.watch(self.mailbox(address))

    async def until(self, condition: Callable[[], object], seconds_pass: float = 0) -> None:
        await eventually(condition, between=lambda: passes(seconds_pass, self.clock))

    async def connects_again(self) -> None:
        """Let the pause pass that comes before the second connection."""
        await self.until(lambda: len(self.requests("GetStreamingEvents")) == 2, seconds_pass=0.1)

    async def listening(self, *addresses: str) -> Stream:
        """Let the moment pass in which others may come, and wait for the connection."""
        await self.clock.advance(QUIET.total_seconds())
        subscriptions = self.simulator.subscriptions
        await self.until(lambda: all(each.stream for one in addresses for each in subscriptions.of(one)))
        return subscriptions.streams[-1]

    async def watched(self, *addresses: str) -> None:
        """Wait for the first sign of life of the connection."""
        await self.until(lambda: all(self.source.is_watched(self.mailbox(each)) for each in addresses))

    async def tells(self, *expected: tuple[str, Priority]) -> None:
        await self.until(lambda: len(self.told) >= len(expected))
        assert sorted(self.told, key=str) == sorted(expected, key=str)
        self.told.clear()

    def requests(self, operation: str) -> list[Record]:
        return self.simulator.ledger.records(operation=operation)


@pytest.fixture
def watching(simulate: Simulate, open_source: OpenSource) -> Callable[..., Any]:
    @asynccontextmanager
    async def watched(behaviour: Behaviour | None = None, **settings: object) -> AsyncIterator[Watch]:
        clock = ManualClock()
        async with (
            simulate(behaviour or Behaviour(heartbeat_seconds=60)) as simulator,
            open_source(simulator, clock=clock, **settings) as source,
            asyncio.TaskGroup() as group,
        ):
            watch = Watch(simulator, source, clock)
            running = group.create_task(source.run(lambda address, urgency: watch.told.append((address, urgency))))
            yield watch
            running.cancel()

    return watched


async def test_the_anchor_leads_the_way_and_the_cookie_comes_back_exactly(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        await watch.watch(CLARA, ANNA, BERT)
        await watch.listening(CLARA, ANNA, BERT)
        first, *others = watch.requests("Subscribe")
        assert first.mailbox == CLARA
        assert "x-backendoverridecookie" not in first.headers.get("cookie", "").lower()
        assert [record.mailbox for record in others] == [ANNA, BERT]
        (stream,) = watch.requests("GetStreamingEvents")
        assert stream.mailbox == ""
        back_end = watch.simulator.homes.back_end_of(CLARA)
        for record in (*others, stream):
            assert record.headers["cookie"] == f"X-BackEndOverrideCookie={back_end}~1"
        for record in (first, *others, stream):
            assert record.headers["x-anchormailbox"] == CLARA
            assert record.headers["x-preferserveraffinity"] == "true"
        assert stream.connection not in {record.connection for record in (first, *others)}


async def test_a_burst_of_edits_is_told_once(watching: Callable[..., Any], world: World) -> None:
    async with watching() as watch:
        await watch.watch(ANNA, BERT)
        await watch.listening(ANNA, BERT)
        for number in range(5):
            world.put(ANNA, world.appointment(f"new {number}", "09:00-10:00"))
            await quiescence()
        assert watch.told == []
        await watch.clock.advance(1)
        await watch.tells((ANNA, Priority.NOW))
        await watch.clock.advance(60)
        assert watch.told == []


async def test_closed_in_order_the_same_subscriptions_are_listened_to_at_once(
    watching: Callable[..., Any], world: World
) -> None:
    async with watching() as watch:
        await watch.watch(ANNA, BERT)
        stream = await watch.listening(ANNA, BERT)
        await watch.clock.advance(60)
        stream.close()
        await watch.simulator.ledger.until(2, operation="GetStreamingEvents")
        one, two = watch.requests("GetStreamingEvents")
        assert one.body == two.body
        assert watch.told == []
        assert len(watch.requests("Subscribe")) == 2


async def test_a_connection_without_a_sign_of_life_is_given_up(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        await watch.watch(ANNA)
        stream = await watch.listening(ANNA)
        await quiescence()
        stream.silence()
        await watch.clock.advance(SILENCE.total_seconds() - 1)
        await quiescence()
        assert len(watch.requests("GetStreamingEvents")) == 1
        await watch.clock.advance(1)
        await watch.connects_again()
        await watch.tells((ANNA, Priority.LATER))
        await watch.watched(ANNA)


async def test_heartbeats_keep_a_connection(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        await watch.watch(ANNA)
        stream = await watch.listening(ANNA)
        for _ in range(5):
            stream.beat()
            await quiescence()
            await watch.clock.advance(SILENCE.total_seconds() - 1)
        await quiescence()
        assert watch.simulator.subscriptions.streams == [stream]
        assert len(watch.requests("GetStreamingEvents")) == 1


async def test_who_comes_later_is_listened_to_and_the_others_are_read(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        await watch.watch(ANNA)
        await watch.listening(ANNA)
        await watch.watch(BERT, CLARA)
        await quiescence()
        assert len(watch.requests("GetStreamingEvents")) == 1
        await watch.connects_again()
        await watch.listening(ANNA, BERT, CLARA)
        assert len(watch.requests("GetStreamingEvents")) == 2
        await watch.tells((ANNA, Priority.LATER))


async def test_a_group_that_grows_again_and_again_is_never_kept_waiting(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        begun = watch.clock.now()
        for known in ((ANNA,), (ANNA, BERT), (ANNA, BERT, CLARA)):
            await watch.watch(known[-1])
            await watch.listening(*known)
            await watch.watched(*known)
        assert watch.clock.now() - begun == 3 * QUIET


async def test_groups_have_the_size_of_the_settings(watching: Callable[..., Any]) -> None:
    async with watching(max_subscriptions_per_connection=2) as watch:
        await watch.watch(ANNA, BERT, CLARA)
        await watch.listening(ANNA, BERT, CLARA)
        assert len(watch.simulator.subscriptions.streams) == 2


async def test_a_lost_subscription_is_told_and_does_not_silence_the_others(
    watching: Callable[..., Any], world: World
) -> None:
    async with watching() as watch:
        await watch.watch(ANNA, BERT)
        stream = await watch.listening(ANNA, BERT)
        stream.beat()
        await quiescence()
        watch.simulator.subscriptions.lose(BERT)
        await watch.until(lambda: watch.told)
        assert not watch.source.is_watched(watch.mailbox(BERT))
        await watch.connects_again()
        await watch.tells((BERT, Priority.SOON), (ANNA, Priority.LATER))
        world.put(ANNA, world.appointment("new", "09:00-10:00"))
        await quiescence()
        await watch.clock.advance(1)
        await watch.tells((ANNA, Priority.NOW))


async def test_a_server_that_is_away_leaves_nobody_watched_until_it_is_back(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        await watch.watch(ANNA)
        await watch.listening(ANNA)
        await watch.watched(ANNA)
        await watch.simulator.refuse_connections()
        await watch.until(lambda: watch.told, seconds_pass=0.1)
        await watch.tells((ANNA, Priority.LATER))
        assert not watch.source.is_watched(watch.mailbox(ANNA))
        following = watch.source.following(watch.mailbox(ANNA))
        assert not following.watched
        assert "cannot be made: Exchange cannot be reached" in following.why_not
        await watch.simulator.listen()
        await watch.until(lambda: watch.told, seconds_pass=0.1)
        await watch.tells((ANNA, Priority.LATER))
        assert watch.source.is_watched(watch.mailbox(ANNA))
        assert len(watch.requests("Subscribe")) == 1


async def test_everybody_can_be_told_how_they_are_followed(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        begun = watch.clock.now()
        await watch.watch(CLARA, ANNA)
        following = watch.source.following(watch.mailbox(ANNA))
        assert not following.watched
        assert "has not been open long enough" in following.why_not
        await watch.listening(CLARA, ANNA)
        await watch.watched(CLARA, ANNA)
        assert watch.source.following(watch.mailbox(ANNA.upper())) == SubscriptionStatus(True, CLARA, begun)
        assert watch.source.following(watch.mailbox(BERT)) == SubscriptionStatus()
        watch.source.unwatch(watch.mailbox(ANNA))
        assert watch.source.following(watch.mailbox(ANNA)) == SubscriptionStatus()


async def test_times_and_states_alone_are_not_watched(watching: Callable[..., Any]) -> None:
    async with watching(mode=Mode.FREE_BUSY) as watch:
        await watch.watch(ANNA)
        assert "exchange.mode is free-busy" in watch.source.following(watch.mailbox(ANNA)).why_not


async def test_a_mailbox_that_cannot_be_subscribed_to_says_why_until_it_is_looked_for_anew(
    watching: Callable[..., Any],
) -> None:
    async with watching() as watch:
        watch.simulator.faults.add(
            ErrorCode("ErrorSubscriptionDelegateAccessNotSupported"), operation="Subscribe", times=1
        )
        await watch.watch(ANNA)
        assert watch.source.following(watch.mailbox(ANNA)).why_not != ""
        await watch.watch(ANNA)
        assert not watch.source.is_watched(watch.mailbox(ANNA))
        watch.source.unwatch(watch.mailbox(ANNA))
        await watch.watch(ANNA)
        await watch.listening(ANNA)
        await watch.watched(ANNA)


async def test_nobody_else_suffers_when_one_may_not_be_impersonated(watching: Callable[..., Any]) -> None:
    async with watching() as watch:
        with pytest.raises(ImpersonationDenied):
            await watch.watch(DENIED)
        await watch.watch(ANNA, BERT)
        await watch.listening(ANNA, BERT)
        assert watch.requests("Subscribe")[-1].headers["x-anchormailbox"] == ANNA
        assert not watch.source.is_watched(watch.mailbox(DENIED))


async def test_who_is_not_watched_any_more_is_unsubscribed(watching: Callable[..., Any], world: World) -> None:
    async with watching() as watch:
        await watch.watch(ANNA, BERT)
        await watch.listening(ANNA, BERT)
        watch.source.unwatch(watch.mailbox(ANNA))
        await watch.simulator.ledger.until(1, operation="Unsubscribe", mailbox=ANNA, code="NoError")
        world.put(ANNA, world.appointment("new", "09:00-10:00"))
        await quiescence()
        await watch.clock.advance(2)
        assert watch.told == []


async def test_a_mistake_while_unsubscribing_ends_nothing_else(
    watching: Callable[..., Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    def mistaken(identifier: str) -> bytes:
        reached.set()
        raise RuntimeError("a mistake")

    monkeypatch.setattr("engine.exchange.ews.streaming.subscriptions.unsubscribe", mistaken)
    async with watching() as watch:
        await watch.watch(ANNA, BERT)
        await watch.listening(ANNA, BERT)
        watch.source.unwatch(watch.mailbox(BERT))
        await reached.wait()
        world.put(ANNA, world.appointment("new", "09:00-10:00"))
        await quiescence()
        await watch.clock.advance(1)
        await watch.tells((ANNA, Priority.NOW))


@pytest.mark.slow
async def test_a_connection_that_ends_again_and_again_leaves_nobody_watched_in_between(
    watching: Callable[..., Any],
) -> None:
    """As behind a proxy that cuts off what is quiet for some seconds: the pauses in between get longer and longer."""
    async with watching() as watch:
        anna, streams = watch.mailbox(ANNA), watch.simulator.subscriptions.streams
        await watch.watch(ANNA)
        for _ in range(8):
            await watch.until(lambda: len(streams) > 0 and watch.source.is_watched(anna), seconds_pass=1)
            streams[-1].cut()
            await watch.until(lambda: len(streams) == 0)
            await watch.until(lambda: len(streams) > 0 or not watch.source.is_watched(anna), seconds_pass=0.5)
            if not watch.source.is_watched(anna):
                break
        assert "keeps ending" in watch.source.following(anna).why_not
        assert (ANNA, Priority.LATER) in watch.told
        await watch.until(lambda: watch.source.is_watched(anna), seconds_pass=1)


async def test_the_next_anchor_is_not_tried_at_once(watching: Callable[..., Any], world: World) -> None:
    """What every anchor is refused for would be asked for as often as there are mailboxes."""
    people = [each.mailbox for each in world.people if each.mailbox and each.may_impersonate][:8]
    async with watching(max_subscriptions_per_connection=2) as watch:
        watch.simulator.faults.add(ErrorCode("ErrorAccessDenied"), operation="GetStreamingEvents")
        await watch.watch(*people)
        await watch.clock.advance(QUIET.total_seconds())
        await watch.until(lambda: len(watch.requests("GetStreamingEvents")) >= 4)
        await quiescence()
        assert len(watch.requests("GetStreamingEvents")) == 4
