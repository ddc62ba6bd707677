import asyncio
from collections.abc import Mapping

import pytest

from engine.exchange.errors import ExchangeUnreachable, LoginRefused
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.ews.autodiscover.search import TIME_LIMIT, Search, discover
from engine.settings.model import ServerChoice
from tests.exchange.ews.autodiscover.replies import soap
from tests.exchange.ews.wire import Answer, PlayedHttp
from tests.support.clock import ManualClock

OUT = "https://mail.example.com/EWS/Exchange.asmx"


def a_search() -> Search:
    return Search(
        domain="example.com", configured_url=None, addresses=("svc@example.com",), server=ServerChoice.EXTERNAL
    )


class SilentHttp(PlayedHttp):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__(lambda request: Answer())
        self.asked = asyncio.Event()
        self.cancelled = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None) -> Answer:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
        raise AssertionError


async def test_found_url_is_returned() -> None:
    http = PlayedHttp(lambda request: Answer(200, soap(external=OUT)))
    assert (await discover(a_search(), http, ManualClock())).url == OUT
    assert http.requests[0].headers["X-AnchorMailbox"] == "svc@example.com"


async def test_failures_of_single_addresses_lead_on() -> None:
    http = PlayedHttp(
        lambda request: (
            ExchangeUnreachable("no such host")
            if request.url.startswith("https://autodiscover.")
            else Answer(200, soap(external=OUT))
        )
    )
    assert (await discover(a_search(), http, ManualClock())).url == OUT


@pytest.mark.parametrize("refusal", [LoginRefused("svc"), Answer(401)])
async def test_refused_login_is_not_tried_anywhere_else(refusal: LoginRefused | Answer) -> None:
    http = PlayedHttp(lambda request: refusal)
    with pytest.raises(LoginRefused):
        await discover(a_search(), http, ManualClock())
    assert len(http.requests) == 1


async def test_nothing_found_is_a_failure_with_all_that_was_asked() -> None:
    http = PlayedHttp(lambda request: Answer(404))
    with pytest.raises(AutodiscoverFailed) as raised:
        await discover(a_search(), http, ManualClock())
    assert [request.url for request in http.requests] == [
        remark.split(": ")[0] for remark in raised.value.detail.split("; ")
    ]


async def test_search_ends_when_its_time_is_over() -> None:
    clock, http = ManualClock(), SilentHttp()
    async with asyncio.TaskGroup() as group:
        search = group.create_task(_failure_of(http, clock))
        await http.asked.wait()
        await clock.advance(TIME_LIMIT.total_seconds() - 1)
        assert not search.done()
        await clock.advance(1)
    assert "stopped after 60 seconds" in search.result().detail
    assert http.cancelled == 1


async def test_no_alarm_is_left_behind() -> None:
    clock = ManualClock()
    await discover(a_search(), PlayedHttp(lambda request: Answer(200, soap(external=OUT))), clock)
    assert clock.next_alarm is None


async def _failure_of(http: SilentHttp, clock: ManualClock) -> AutodiscoverFailed:
    with pytest.raises(AutodiscoverFailed) as raised:
        await discover(a_search(), http, clock)
    return raised.value
