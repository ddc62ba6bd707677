"""Tests of reconnecting, and of stopping."""

import asyncio
from datetime import timedelta
from random import Random

import pytest

from engine.core.backoff import JITTER
from engine.core.presence.model import Presence
from engine.pbx.client import PbxLink
from engine.pbx.errors import PbxUnreachable
from engine.pbx.events import LinkDown, LinkUp, UsersComplete, UserSeen
from engine.simulator.pbx.state import Behaviour
from tests.pbx.support import PASSWORD, Heard, next_try, pbx_user, running_link, settings_for, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")
BUSY = Presence("busy", "Review")


async def test_dialling_again_is_put_off_longer_each_time_until_a_log_in_succeeds() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        await pbx.stop()
        for attempt, full in enumerate((1, 2, 4, 8, 16, 32, 32)):
            down = await heard.down(attempt)
            assert isinstance(down.failure, PbxUnreachable)
            pause = (next_try(down) - clock.now()).total_seconds()
            assert full * (1 - JITTER) <= pause <= full
            if attempt < 6:
                await clock.advance_to(next_try(down))
        await pbx.start()
        await clock.advance_to(next_try(down))
        await heard.first(UsersComplete, after=1)
        pbx.drop()
        down = await heard.down(7)
        assert next_try(down) - clock.now() <= timedelta(seconds=1)


async def test_nothing_is_dialled_before_the_time_told() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.drop()
        down = await heard.down()
        await clock.advance_to(next_try(down) - timedelta(milliseconds=1))
        await quiescence()
        assert len(pbx.ledger.logins) == 1
        await clock.advance_to(next_try(down))
        await eventually(lambda: len(pbx.ledger.logins) == 2)


async def test_every_log_in_is_followed_by_all_users() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA, pbx_user(2)) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.drop()
        down = await heard.down()
        pbx.delete_user(ANNA.guid)
        await clock.advance_to(next_try(down))
        await heard.first(UsersComplete, after=1)
        up, seen, complete = heard.events[heard.events.index(down) + 1 :]
        assert up == LinkUp(None, "")
        assert isinstance(seen, UserSeen)
        assert complete == UsersComplete(frozenset({seen.user.guid}))
        assert seen.user.name == "user2"


async def test_requests_in_flight_fail_at_once_when_the_connection_drops() -> None:
    clock = ManualClock()
    behaviour = Behaviour(answers_presence=False)
    async with (
        simulator(clock, ANNA, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        writes = asyncio.gather(*(link.set_presence(ANNA.guid, BUSY) for _ in range(3)), return_exceptions=True)
        await eventually(lambda: len(pbx.ledger.writes) == 3)
        pbx.drop()
        outcomes = await writes
        assert [type(outcome) for outcome in outcomes] == [PbxUnreachable] * 3


async def test_requests_while_there_is_no_connection_fail_at_once() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        pbx.drop()
        await heard.down()
        with pytest.raises(PbxUnreachable, match="not connected"):
            await link.set_presence(ANNA.guid, BUSY)
        with pytest.raises(PbxUnreachable, match="not connected"):
            await link.read_presence("anna")


async def test_stopping_closes_the_socket_and_fails_what_is_in_flight() -> None:
    clock, heard = ManualClock(), Heard()
    behaviour = Behaviour(answers_presence=False)
    async with simulator(clock, ANNA, behaviour=behaviour) as pbx:
        link = PbxLink(settings_for(pbx), PASSWORD, clock, heard, tls=None, random=Random(1))
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(link.run())
            await heard.complete()
            write = asyncio.gather(link.set_presence(ANNA.guid, BUSY), return_exceptions=True)
            await eventually(lambda: pbx.ledger.writes)
            run.cancel()
            (outcome,) = await write
        assert isinstance(outcome, PbxUnreachable)
        assert run.cancelled()
        await eventually(lambda: pbx.connections == 0)
        assert heard.of(LinkDown) == []


async def test_a_caller_that_gives_up_leaves_nothing_behind() -> None:
    clock = ManualClock()
    behaviour = Behaviour(answers_presence=False)
    async with (
        simulator(clock, ANNA, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        async with asyncio.TaskGroup() as tasks:
            write = tasks.create_task(link.set_presence(ANNA.guid, BUSY))
            await eventually(lambda: pbx.ledger.writes)
            write.cancel()
        await clock.advance(30)
        behaviour.answers_presence = True
        await link.set_presence(ANNA.guid, BUSY)
        assert heard.of(LinkDown) == []
