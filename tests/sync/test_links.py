"""Tests of the status of both connections: since when, and what they wait for."""

from datetime import timedelta

from engine.exchange.errors import ExchangeUnreachable
from engine.pbx.errors import Ender, PbxConnectionLost, PbxNotUnderstood, PbxUnreachable
from engine.sync.events import ConnectionLost, ConnectionRestored, Side
from engine.sync.status import UNSTABLE_FROM, UNSTABLE_WITHIN, ConnectionStatuses, WaitingFor
from tests.support.clock import ManualClock

DOWN, AWAY = ExchangeUnreachable("refused"), PbxUnreachable("it hung up")


async def test_from_the_start_to_trouble_and_back() -> None:
    clock = ManualClock()
    start = clock.now()
    links = ConnectionStatuses(clock, pbx_calls=False)
    assert (links[Side.PBX].waits_for, links[Side.EXCHANGE].waits_for) == (WaitingFor.FIRST_TRY, WaitingFor.USERS)

    await clock.advance(60)
    links.pbx_is_connected()
    links.users_are_known()
    assert (links[Side.PBX].waits_for, links[Side.EXCHANGE].waits_for) == (WaitingFor.USERS, WaitingFor.FIRST_TRY)
    assert (links[Side.PBX].since, links[Side.PBX].works) == (start, False)

    links.note(ConnectionRestored(Side.EXCHANGE))
    links.users_are_known()
    assert (links[Side.EXCHANGE].works, links[Side.EXCHANGE].waits_for) == (True, None)
    assert links[Side.EXCHANGE].since == start + timedelta(minutes=1)

    for _ in range(2):
        await clock.advance(60)
        links.note(ConnectionLost(Side.EXCHANGE, DOWN, clock.now() + timedelta(seconds=5)))
    down = links[Side.EXCHANGE]
    assert (down.works, down.failure, down.waits_for) == (False, DOWN, WaitingFor.NEXT_TRY)
    assert (down.since, down.retry_at) == (start + timedelta(minutes=2), start + timedelta(minutes=3, seconds=5))
    assert (down.losses, down.first_lost) == (1, start + timedelta(minutes=2))


def test_a_pbx_that_has_to_call_is_waited_for() -> None:
    links = ConnectionStatuses(ManualClock(), pbx_calls=True)
    assert links[Side.PBX].waits_for is WaitingFor.CALL
    links.note(ConnectionRestored(Side.PBX))
    links.note(ConnectionLost(Side.PBX, AWAY, None))
    assert (links[Side.PBX].waits_for, links[Side.PBX].retry_at) == (WaitingFor.CALL, None)


async def test_a_link_that_is_lost_again_and_again_is_unstable_until_an_hour_has_passed_without() -> None:
    clock = ManualClock()
    links = ConnectionStatuses(clock, pbx_calls=False)
    for number in range(UNSTABLE_FROM):
        assert links.unstable() is None
        for _ in range(5):
            links.note(ConnectionLost(Side.PBX, DOWN, clock.now()))  # that it cannot be reached is one loss
        links.pbx_is_connected()
        links.note(ConnectionRestored(Side.PBX))
        ender = Ender.PBX if number else Ender.NETWORK
        links.note(ConnectionLost(Side.PBX, PbxConnectionLost("the PBX closed it", ender), clock.now()))
        await clock.advance(300)
    links.pbx_is_connected()
    links.note(ConnectionRestored(Side.PBX))
    unstable = links.unstable()
    assert unstable is not None
    assert unstable.detail == (
        "lost 3 times since 2026-03-02 08:00:00 UTC, ended by the PBX (2 times), the network (1 times); "
        "most recently: The connection to the PBX was lost: the PBX closed it"
    )
    start = clock.now() - timedelta(minutes=15)
    assert (links[Side.PBX].works, links[Side.PBX].losses, links[Side.PBX].first_lost) == (True, 3, start)
    await clock.advance_to(clock.now() + UNSTABLE_WITHIN)
    assert links.unstable() is None
    assert (links[Side.PBX].losses, links[Side.PBX].first_lost) == (0, None)


async def test_what_ends_a_link_for_a_reason_of_ours_is_ended_by_the_engine() -> None:
    clock = ManualClock()
    links = ConnectionStatuses(clock, pbx_calls=True)
    for _ in range(UNSTABLE_FROM):
        links.pbx_is_connected()
        links.note(ConnectionLost(Side.PBX, PbxNotUnderstood("a message is not JSON"), None))
    assert "the engine (3 times)" in str(links.unstable())
