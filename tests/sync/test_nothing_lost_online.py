"""Nothing is missed for long in Exchange Online, whatever happens to mailboxes, batches, tokens and engine."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from engine.exchange.graph import requests
from engine.simulator.company import CloudCompany
from engine.simulator.faults import Cut, Delay, Effect, Faults, NextLink, PagesOverlap
from engine.simulator.graph.errors import MAILBOX_MOVES, throttled, unknown_error
from engine.simulator.graph.tenant import Hosting, Tenant
from engine.simulator.world import World
from tests.support.idle_time import IdleClock
from tests.sync.calendar_machine import ADDRESSES, PEOPLE, RUNS, CalendarMachine

# The HTTP library leaves a socket to the garbage collector when a TLS handshake is broken off.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SPEED = 600
PROMISE = timedelta(minutes=25)
"""After a mailbox was elsewhere, or a token was refused twice, there is another attempt within 15 minutes and a bit."""

EVENTS = 2
NAMES = [person.name for person in PEOPLE]
TIMES = st.integers(1, 12)


class NothingLostOnline(CalendarMachine[CloudCompany]):
    @initialize(events_of_a_page=st.sampled_from([1, 2, 100]), overlap=st.booleans())
    def begin(self, events_of_a_page: int, overlap: bool) -> None:
        self._pages = patch.object(requests, "EVENTS_OF_A_PAGE", events_of_a_page)
        self._pages.start()

        def company(world: World, directory: Path, clock: IdleClock) -> CloudCompany:
            return CloudCompany(world, directory, clock, now=clock.now)

        self._begin(company, speed=SPEED, promise=PROMISE, exchange={"poll_seconds": 60, "quiet_hours": []})
        for number, address in enumerate(ADDRESSES * EVENTS):
            self._add(address, number)
        if overlap:
            self._faults.add(PagesOverlap())

    def _end_of_trouble(self) -> None:
        """Mailboxes come back; every other trouble passes by itself."""
        for name in NAMES:
            self._tenant.change(name, hosting=Hosting.EXCHANGE_ONLINE)

    @property
    def _tenant(self) -> Tenant:
        return self.site.company.tenant

    @property
    def _faults(self) -> Faults:
        return self.site.company.graph.faults

    @rule(
        retry_after=st.sampled_from([None, 0, 3, 60]),
        operation=st.sampled_from(["batch", "calendarView", "users", ""]),
        times=TIMES,
    )
    def throttle(self, retry_after: int | None, operation: str, times: int) -> None:
        self._at_once(lambda: self._faults.add(throttled(retry_after), operation=operation, times=times))

    @rule(effect=st.sampled_from([unknown_error(), unknown_error(504), MAILBOX_MOVES]), times=TIMES)
    def fail(self, effect: Effect, times: int) -> None:
        self._at_once(lambda: self._faults.add(effect, times=times))

    @rule(times=TIMES)
    def omit_parts(self, times: int) -> None:
        self._at_once(lambda: self._faults.add(Cut(), operation="calendarView", times=times))

    @rule(after=st.sampled_from([0, 1, 100]), times=TIMES)
    def cut_batches(self, after: int, times: int) -> None:
        self._at_once(lambda: self._faults.add(Cut(after), operation="batch", times=times))

    @rule(address=st.sampled_from(ADDRESSES), seconds=st.floats(0, 0.3), times=st.integers(1, 3))
    def slow_down(self, address: str, seconds: float, times: int) -> None:
        self._at_once(lambda: self._faults.add(Delay(seconds), mailbox=address, times=times))

    @rule(address=st.sampled_from(ADDRESSES))
    def lead_in_a_circle(self, address: str) -> None:
        self._at_once(lambda: self._faults.add(NextLink(), mailbox=address, times=3))

    @rule()
    def expire_tokens(self) -> None:
        self._at_once(self.site.company.entra.revoke_tokens)

    @rule(seconds=st.floats(0, 0.3))
    def disconnect(self, seconds: float) -> None:
        async def disconnect() -> None:
            await self.site.company.graph.refuse_connections()
            await asyncio.sleep(seconds)
            await self.site.company.graph.listen()

        self._do(disconnect())

    @rule(name=st.sampled_from(NAMES), hosting=st.sampled_from(list(Hosting)))
    def move(self, name: str, hosting: Hosting) -> None:
        self._at_once(lambda: self._tenant.change(name, hosting=hosting))

    @rule(name=st.sampled_from(NAMES))
    def make_again(self, name: str) -> None:
        """The account is another one, with the same addresses."""
        self._at_once(lambda: self._tenant.change(name, id=str(uuid.uuid4())))

    @rule(name=st.sampled_from(NAMES), renamed=st.booleans())
    def rename(self, name: str, renamed: bool) -> None:
        """The user principal name is no longer, or again, an address of the mailbox."""
        domain = "corp-group.example" if renamed else "corp.example"
        self._at_once(lambda: self._tenant.change(name, user_principal_name=f"{name}@{domain}"))

    def teardown(self) -> None:
        super().teardown()
        self._pages.stop()


TestNothingLostOnline = NothingLostOnline.TestCase
TestNothingLostOnline.settings = RUNS
