"""The trace receives every attempt with its phases and its end, and no log-in."""

import asyncio

import pytest
from aiohttp import web

from engine.exchange.errors import ExchangeUnreachable, LoginRefused
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import PASSWORD, URL, Iis
from tests.exchange.http.test_stream import Endless
from tests.support.tracing import Onlooker


async def test_the_first_request_has_all_phases_and_the_next_only_its_own(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker()
    async with open_client(iis, trace=onlooker) as client:
        answers = [await client.post(URL, b"first", {"X-A": "b"}), await client.post(URL, b"second", {})]
    first, second = onlooker.seen
    assert set(first.phases) == {"queue", "connect", "tls", "login", "send", "wait", "receive"}
    assert set(second.phases) == {"queue", "send", "wait", "receive"}
    for seen, answer in zip(onlooker.seen, answers, strict=True):
        assert (seen.status, seen.response, seen.request_id) == (200, answer.body, answer.request_id)
        assert all(seconds >= 0 for seconds in seen.phases.values())
        assert sum(seen.phases.values()) <= seen.seconds + 1e-6
    assert (first.request, first.request_headers["X-A"], first.lane, first.attempt) == (b"first", "b", second.lane, 1)


async def test_no_log_in_is_seen(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker()
    async with open_client(iis, trace=onlooker) as client:
        await client.post(URL, b"x", {})
    assert "authorization" not in {name.lower() for seen in onlooker.seen for name in seen.request_headers}
    assert PASSWORD not in repr(onlooker.seen)


async def test_who_waits_for_a_lane_is_told_how_long(iis: Iis, open_client: OpenClient) -> None:
    onlooker, arrived, release = Onlooker(), asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response(body=b"late")

    iis.on_authenticated = slow
    async with open_client(iis, connections=1, trace=onlooker) as client, asyncio.TaskGroup() as group:
        group.create_task(client.post(URL, b"x", {}))
        group.create_task(client.post(URL, b"y", {}))
        await arrived.wait()
        release.set()
    first, second = onlooker.seen
    assert second.phases["queue"] > first.phases["wait"]
    assert second.seconds >= second.phases["queue"]


async def test_each_attempt_is_seen_and_a_refused_log_in_too(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker()
    async with open_client(iis, password="wrong", trace=onlooker) as client:
        with pytest.raises(LoginRefused):
            await client.post(URL, b"x", {})
    assert [(seen.attempt, seen.status) for seen in onlooker.seen] == [(1, 401), (2, 401)]
    assert onlooker.seen[0].request_id == onlooker.seen[1].request_id


async def test_what_gets_no_answer_is_seen_with_its_failure(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker()
    async with open_client(iis, trace=onlooker) as client:
        with pytest.raises(ExchangeUnreachable):
            await client.get_anonymously("https://127.0.0.1:1/autodiscover")
    [seen] = onlooker.seen
    assert (seen.status, seen.failure, seen.method, seen.lane) == (None, "exchange-unreachable", "GET", "")


async def test_a_stream_is_seen_when_it_begins_with_every_part_and_when_it_breaks(
    iis: Iis, open_client: OpenClient
) -> None:
    onlooker, endless = Onlooker(), Endless()
    iis.on_authenticated = endless
    async with open_client(iis, trace=onlooker) as client, client.stream(URL, b"x", {}) as answer:
        endless.pieces.put_nowait(b"<one/>")
        chunks = answer.chunks()
        answer.came(await anext(chunks))
        await iis.close_connections()
        with pytest.raises(ExchangeUnreachable):
            await anext(chunks)
    beginning, part, end = onlooker.seen
    assert (beginning.part, beginning.status, beginning.response) == (False, 200, b"")
    assert (part.part, part.response, part.request_id) == (True, b"<one/>", beginning.request_id)
    assert (end.part, end.status, end.failure) == (True, None, "answer-broken-off")


async def test_nothing_is_measured_while_nobody_looks(iis: Iis, open_client: OpenClient) -> None:
    onlooker = Onlooker(on=False)
    async with open_client(iis, trace=onlooker) as client:
        await client.post(URL, b"x", {})
        onlooker.on = True
        await client.post(URL, b"y", {})
    assert [seen.request for seen in onlooker.seen] == [b"y"]


async def test_what_answers_in_place_of_ews_is_seen_by_its_name(iis: Iis, open_client: OpenClient) -> None:
    async def in_front(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "https://adfs.corp.example/adfs/ls/"})

    iis.on_request = in_front
    onlooker = Onlooker()
    async with open_client(iis, trace=onlooker) as client:
        await client.post(URL, b"x", {})
        await client.post(URL.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc"), b"x", {})
    assert [(seen.status, seen.failure) for seen in onlooker.seen] == [(302, "login-page"), (302, "")]
