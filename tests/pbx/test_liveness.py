"""Detection of a PBX that no longer responds: pings, silence, and connections that end at any point."""

import asyncio

import pytest

from engine.core.presence.model import Presence
from engine.pbx.errors import Ender, PbxConnectionLost, PbxLinkMistake, PresenceUnanswered
from engine.pbx.events import LinkDown, UsersComplete
from engine.pbx.liveness import PING_AFTER, PONG_WITHIN, SILENT_FOR, UNANSWERED, Act, Liveness
from engine.simulator.pbx.state import Behaviour
from tests.pbx.support import Heard, pbx_user, running_link, settings_for, simulator
from tests.pbx.test_server import listening
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")
BUSY = Presence("busy", "Review")


async def test_a_peer_that_answers_no_pings_is_pinged_again_and_never_given_up_for_it() -> None:
    clock = ManualClock()
    liveness = Liveness(clock)
    for _ in range(100):
        await clock.advance_to(liveness.next_look())
        assert liveness.look() is Act.PING
        assert liveness.look() is None


async def test_a_peer_that_answered_pings_and_does_so_no_more_is_given_up() -> None:
    clock = ManualClock()
    liveness = Liveness(clock)
    liveness.heard(pong=True)
    await clock.advance_to(clock.now() + PING_AFTER)
    assert liveness.look() is Act.PING
    liveness.heard(pong=True)
    await clock.advance_to(clock.now() + PING_AFTER)
    assert liveness.look() is Act.PING
    await clock.advance_to(clock.now() + PONG_WITHIN)
    assert liveness.look() is Act.GIVE_UP


async def test_whatever_comes_is_a_sign_of_life() -> None:
    clock = ManualClock()
    liveness = Liveness(clock)
    liveness.heard(pong=True)
    for _ in range(50):
        await clock.advance_to(clock.now() + PING_AFTER / 2)
        liveness.unanswered()
        assert liveness.look() is None
        liveness.heard()


async def test_silence_counts_together_with_unanswered_requests() -> None:
    clock = ManualClock()
    liveness = Liveness(clock)
    for _ in range(UNANSWERED):
        liveness.unanswered()
    assert liveness.look() is None
    await clock.advance_to(clock.now() + SILENT_FOR)
    assert liveness.look() is Act.GIVE_UP


async def passes(clock: ManualClock, seconds: int) -> None:
    """Let time pass in steps, and what comes over the socket in between."""
    for _ in range(seconds // 5):
        await clock.advance(5)
        await quiescence()


async def test_a_pbx_that_answers_no_pings_stays_connected_and_is_copied_once() -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(answers_pings=False)) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        await passes(clock, 900)
        await link.set_presence(ANNA.guid, BUSY)
        assert heard.of(LinkDown) == []
        assert len(pbx.ledger.replications) == 1


async def test_the_same_where_the_pbx_connects() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, behaviour=Behaviour(answers_pings=False))
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        await passes(clock, 900)
        await site.listener.set_presence(ANNA.guid, BUSY)
        assert len(site.heard.of(LinkDown)) == 1, "the one before anybody connected"
        assert len(pbx.ledger.replications) == 1


async def test_a_pbx_that_answers_pings_is_lost_when_it_stops_to() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        await passes(clock, 100)
        assert heard.of(LinkDown) == []
        pbx.hang()
        await passes(clock, 60)
        failure = (await heard.down()).failure
        assert isinstance(failure, PbxConnectionLost)
        assert failure.by is Ender.ENGINE


async def test_a_pbx_that_is_silent_and_answers_nothing_is_lost() -> None:
    clock = ManualClock()
    behaviour = Behaviour(answers_pings=False, answers_presence=False)
    async with (
        simulator(clock, ANNA, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        async with asyncio.TaskGroup() as tasks:
            writes = [tasks.create_task(unanswered(link.set_presence(ANNA.guid, BUSY))) for _ in range(UNANSWERED)]
            await eventually(lambda: len(pbx.ledger.writes) == UNANSWERED)
            await passes(clock, 60)
        assert [write.result() for write in writes] == [PresenceUnanswered] * UNANSWERED
        assert isinstance((await heard.down()).failure, PbxConnectionLost)


async def unanswered(write: object) -> type[BaseException] | None:
    try:
        await write  # type: ignore[misc]
    except Exception as error:
        return type(error)
    return None


async def test_a_ping_and_then_the_end_where_we_dialled() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        await pbx.ping_and_vanish()
        down = await heard.down()
        assert isinstance(down.failure, PbxConnectionLost)
        assert down.retry_at is not None
        await clock.advance_to(down.retry_at)
        await heard.first(UsersComplete, after=1)
        await link.set_presence(ANNA.guid, BUSY)


async def test_a_ping_and_then_the_end_where_the_pbx_connects() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        await pbx.ping_and_vanish()
        assert isinstance((await site.heard.down(1)).failure, PbxConnectionLost)
        await site.heard.first(UsersComplete, after=1)
        await site.listener.set_presence(ANNA.guid, BUSY)


@pytest.mark.parametrize(
    "error", [RuntimeError("gone"), ConnectionResetError("gone"), ValueError("x\x1by"), KeyError()]
)
@pytest.mark.parametrize("call", ["receive", "send_str", "pong"])
async def test_whatever_the_transport_raises_is_a_lost_connection(
    call: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(sends_pings=True)) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()

        async def broken(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(f"aiohttp.ClientWebSocketResponse.{call}", broken)
        if call == "pong":
            pbx.drop()
        else:
            write = asyncio.gather(link.set_presence(ANNA.guid, BUSY), return_exceptions=True)
            pbx.add_user(pbx_user(2))
        failure = (await heard.down()).failure
        assert isinstance(failure, PbxConnectionLost)
        assert str(failure).isprintable()
        if call != "pong":
            await write
        monkeypatch.undo()


async def test_pings_of_the_pbx_change_nothing() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, behaviour=Behaviour(sends_pings=True))
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        await site.listener.set_presence(ANNA.guid, BUSY)
        assert await site.listener.read_presence("anna") == BUSY


async def test_a_mistake_of_ours_ends_the_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()

    class Clumsy(Heard):
        def __call__(self, event: object) -> None:
            if isinstance(event, UsersComplete) and not self.of(LinkDown):
                raise ZeroDivisionError
            super().__call__(event)  # type: ignore[arg-type]

    heard = Clumsy()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock, heard=heard):
        down = await heard.down()
        assert isinstance(down.failure, PbxLinkMistake)
        assert down.retry_at is not None
        await clock.advance_to(down.retry_at)
        await heard.complete()
    assert "ZeroDivisionError" in caplog.text
    assert caplog.text.count("Traceback") == 1
