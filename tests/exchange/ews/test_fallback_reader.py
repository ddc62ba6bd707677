"""Tests of when the right to impersonate is checked again, and of the effect of the answer."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.core.appointments import Appointment
from engine.exchange.errors import ExchangeFailure, ImpersonationDenied, ImpersonationRightMissing, SeriesNotExpanded
from engine.exchange.ews.readers import FallbackReader
from engine.exchange.ews.soap import Impersonation
from engine.exchange.retry import WITH_LESS
from engine.exchange.source import Window
from tests.support.clock import ManualClock

URL = "https://mail.corp.example/EWS/Exchange.asmx"
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
WINDOW = Window(NINE, NINE + timedelta(days=1))


class Answering:
    restriction = None
    mailboxes_per_request = 1

    def __init__(self) -> None:
        self.failures: dict[str, ExchangeFailure] = {}
        self.asked: list[str] = []

    def limitation(self, address: str) -> None:
        return None

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        self.asked.append(mailbox.address)
        if mailbox.address in self.failures:
            raise self.failures[mailbox.address]
        return ()


async def test_a_mailbox_out_of_scope_says_nothing_of_the_right() -> None:
    clock, details, free_busy = ManualClock(), Answering(), Answering()
    reader = FallbackReader(details, free_busy, clock)
    anna, gerd = Impersonation("anna@corp.example"), Impersonation("gerd@corp.example")
    details.failures = {each.address: ImpersonationRightMissing("") for each in (anna, gerd)}

    def is_restricted() -> bool:
        return reader.restriction is not None

    await reader.read(URL, anna, WINDOW)
    assert is_restricted()
    await clock.advance(WITH_LESS.total_seconds())
    details.failures = {gerd.address: ImpersonationDenied("")}
    with pytest.raises(ImpersonationDenied):
        await reader.read(URL, gerd, WINDOW)
    assert is_restricted()
    await reader.read(URL, anna, WINDOW)
    assert not is_restricted()
    assert details.asked == [anna.address, gerd.address, anna.address]


async def test_a_mailbox_whose_series_are_not_expanded_is_read_by_free_busy_and_tried_again_each_hour() -> None:
    clock, details, free_busy = ManualClock(), Answering(), Answering()
    reader = FallbackReader(details, free_busy, clock)
    anna, gerd = Impersonation("anna@corp.example"), Impersonation("gerd@corp.example")
    details.failures = {anna.address: SeriesNotExpanded("")}
    for _ in range(3):
        await reader.read(URL, anna, WINDOW)
        await reader.read(URL, gerd, WINDOW)
    assert details.asked == [anna.address, *[gerd.address] * 3]
    assert free_busy.asked == [anna.address] * 3
    assert isinstance(reader.limitation(anna.address), SeriesNotExpanded)
    assert reader.limitation(gerd.address) is reader.restriction is None

    details.failures = {}
    await clock.advance(WITH_LESS.total_seconds())
    await reader.read(URL, anna, WINDOW)
    assert details.asked[-1] == anna.address
    assert reader.limitation(anna.address) is None
