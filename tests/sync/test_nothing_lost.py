"""Nothing is missed for long, whatever happens to calendars, subscriptions, connections and engine."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from engine.simulator.company import Company
from engine.simulator.exchange.topology import Behaviour, Home
from engine.simulator.world import World
from tests.support.idle_time import IdleClock
from tests.support.site import ews_schema
from tests.sync.calendar_machine import ADDRESSES, RUNS, CalendarMachine

# The HTTP library leaves a socket to the garbage collector when a TLS handshake is broken off, as happens here a lot.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SPEED = 100
HOMES = (
    Home("Default-First-Site-Name", "mail.corp.example", "exchange01.corp.example"),
    Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example"),
)
BEHAVIOURS = (
    Behaviour(heartbeat_seconds=0.2),
    Behaviour(heartbeat_seconds=0.2, folder_events_only=True, affinity_cookie_required=False),
    Behaviour(heartbeat_seconds=0.2, mailboxes_per_stream=2, declares_every_envelope=False),
)
PROMISE = timedelta(minutes=10)
"""A dead connection is noticed after 2 minutes, tried again after up to 5, and a calendar read within 2 after that."""


class NothingLost(CalendarMachine[Company]):
    @initialize(behaviour=st.sampled_from(BEHAVIOURS))
    def begin(self, behaviour: Behaviour) -> None:
        def company(world: World, directory: Path, clock: IdleClock) -> Company:
            return Company(world, directory, clock, schema=ews_schema(), behaviour=behaviour, now=clock.now)

        self._begin(company, speed=SPEED, promise=PROMISE, exchange={"max_subscriptions_per_connection": 4})

    @rule(addresses=st.lists(st.sampled_from(ADDRESSES), max_size=2))
    def lose_subscriptions(self, addresses: list[str]) -> None:
        self._at_once(lambda: self.site.company.exchange.subscriptions.lose(*addresses))

    @rule()
    def lose_cookies(self) -> None:
        self._at_once(self.site.company.exchange.homes.lose_cookies)

    @rule(how=st.sampled_from(["close", "cut", "silence", "garbage", "swallow"]))
    def end_streams(self, how: str) -> None:
        async def end() -> None:
            for stream in list(self.site.company.exchange.subscriptions.streams):
                match how:
                    case "close":
                        stream.close()
                    case "cut":
                        stream.cut()
                    case "silence":
                        stream.silence()
                    case "garbage":
                        stream.say(b"</x:Envelope>")
                    case _:
                        stream.silence()
                        stream.cut()
            if how == "swallow":
                self._world.clear(ADDRESSES[0])
                for subscription in self.site.company.exchange.subscriptions.of(ADDRESSES[0]):
                    subscription.waiting.clear()

        self._do(end())

    @rule(seconds=st.floats(0, 0.5))
    def disconnect(self, seconds: float) -> None:
        async def disconnect() -> None:
            await self.site.company.exchange.refuse_connections()
            await asyncio.sleep(seconds)
            await self.site.company.exchange.listen()

        self._do(disconnect())

    @rule(address=st.sampled_from(ADDRESSES), home=st.sampled_from(HOMES))
    def move(self, address: str, home: Home) -> None:
        self._at_once(lambda: self.site.company.exchange.move(address, home))


TestNothingLost = NothingLost.TestCase
TestNothingLost.settings = RUNS
