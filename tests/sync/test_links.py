"""How the two sides are, since when, and what they wait for."""

from datetime import timedelta

from engine.exchange.failures import ExchangeUnreachable
from engine.pbx.failures import PbxUnreachable
from engine.sync.happenings import LinkRecovered, LinkTrouble, Side
from engine.sync.links import Links
from engine.sync.status import Awaited
from tests.support.clock import ManualClock

DOWN, AWAY = ExchangeUnreachable("refused"), PbxUnreachable("it hung up")


async def test_from_the_start_to_trouble_and_back() -> None:
    clock = ManualClock()
    start = clock.now()
    links = Links(clock, pbx_calls=False)
    assert (links[Side.PBX].waits_for, links[Side.EXCHANGE].waits_for) == (Awaited.FIRST_TRY, Awaited.USERS)

    await clock.advance(60)
    links.pbx_is_connected()
    links.users_are_known()
    assert (links[Side.PBX].waits_for, links[Side.EXCHANGE].waits_for) == (Awaited.USERS, Awaited.FIRST_TRY)
    assert (links[Side.PBX].since, links[Side.PBX].works) == (start, False)

    links.note(LinkRecovered(Side.EXCHANGE))
    links.users_are_known()
    assert (links[Side.EXCHANGE].works, links[Side.EXCHANGE].waits_for) == (True, None)
    assert links[Side.EXCHANGE].since == start + timedelta(minutes=1)

    for _ in range(2):
        await clock.advance(60)
        links.note(LinkTrouble(Side.EXCHANGE, DOWN, clock.now() + timedelta(seconds=5)))
    down = links[Side.EXCHANGE]
    assert (down.works, down.failure, down.waits_for) == (False, DOWN, Awaited.NEXT_TRY)
    assert (down.since, down.retry_at) == (start + timedelta(minutes=2), start + timedelta(minutes=3, seconds=5))


def test_a_pbx_that_has_to_call_is_waited_for() -> None:
    links = Links(ManualClock(), pbx_calls=True)
    assert links[Side.PBX].waits_for is Awaited.CALL
    links.note(LinkRecovered(Side.PBX))
    links.note(LinkTrouble(Side.PBX, AWAY, None))
    assert (links[Side.PBX].waits_for, links[Side.PBX].retry_at) == (Awaited.CALL, None)
