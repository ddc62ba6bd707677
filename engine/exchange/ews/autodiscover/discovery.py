"""Runs a search for the EWS URL over HTTP, within a time limit."""

import asyncio
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.exchange.ews.autodiscover.search import Asking, Endpoint, Search
from engine.exchange.ews.transport import Http
from engine.exchange.failures import ExchangeFailure, LoginRefused

TIME_LIMIT = timedelta(seconds=60)
_HEADERS = {"Content-Type": "text/xml; charset=utf-8"}


async def discover(search: Search, http: Http, clock: Clock) -> Endpoint:
    """Make the requests that `search` asks for until it ends, at most for 60 seconds.

    Raises what `Search.outcome` raises, and `LoginRefused` at the first refusal.
    """
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_ask(search, http))
        alarm = group.create_task(_cancel_at(clock.now() + TIME_LIMIT, asking, clock))
        asking.add_done_callback(lambda _: alarm.cancel())
    if asking.cancelled():
        search.stop(f"stopped after {TIME_LIMIT.total_seconds():.0f} seconds")
    elif (refusal := asking.result()) is not None:
        raise refusal
    return search.outcome()


async def _ask(search: Search, http: Http) -> LoginRefused | None:
    while (step := search.next_step()) is not None:
        try:
            if step.asking is Asking.ANONYMOUSLY:
                answer = await http.get_anonymously(step.url)
            else:
                answer = await http.post(step.url, step.body(), {**_HEADERS, "X-AnchorMailbox": step.address})
            search.answered(step, answer)
        except LoginRefused as refusal:
            return refusal
        except ExchangeFailure as failure:
            search.failed(step, failure)
    return None


async def _cancel_at(instant: datetime, task: "asyncio.Task[LoginRefused | None]", clock: Clock) -> None:
    await clock.sleep_until(instant)
    task.cancel()
