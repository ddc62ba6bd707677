"""Connections stay logged in, and a log-in takes no more requests than necessary."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from aiohttp import web

from engine.exchange.errors import ExchangeUnreachable, LoginMethodNotOffered, LoginPage, LoginRefused
from engine.settings.model import Authentication
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.authentication import Binding, Seen
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import ACCOUNT, HOST, URL, Iis, said, serve
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence


@pytest.mark.slow
async def test_200_requests_at_once_need_one_log_in_per_connection(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis, connections=8) as client:
        answers = await asyncio.gather(*(client.post(URL, b"x" * size, {}) for size in range(200)))
    assert [said(answer.body) for answer in answers] == [f"{ACCOUNT} posted {size} bytes" for size in range(200)]
    assert iis.gate.seen == {Seen.CHALLENGED: 8, Seen.LOGGED_IN: 8}
    assert len(iis.connections) == 8
    assert len(iis.requests) == 208


async def test_one_request_after_the_other_stays_on_one_connection(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis, connections=8) as client:
        for _ in range(20):
            assert (await client.post(URL, b"x", {})).status == 200
    assert len(iis.connections) == 1


async def test_the_body_travels_once_and_authorization_only_while_logging_in(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        await client.post(URL, b"first", {})
        await client.post(URL, b"second", {})
    assert [request.body for request in iis.requests] == [b"", b"first", b"second"]
    assert [request.authorization[:9] for request in iis.requests] == ["NTLM TlRM", "NTLM TlRM", ""]


@pytest.mark.parametrize("user", ["CORP\\svc-ews", "corp\\SVC-EWS", "svc-ews@corp.example"])
@pytest.mark.parametrize("authentication", [Authentication.NTLM, Authentication.NEGOTIATE])
async def test_both_forms_of_a_user_name_log_in_with_channel_binding_required(
    authority: CertificateAuthority, open_client: OpenClient, user: str, authentication: Authentication
) -> None:
    async with (
        serve(authority, binding=Binding.REQUIRE) as iis,
        open_client(iis, user=user, authentication=authentication) as client,
    ):
        answers = await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(20)))
        assert {said(answer.body) for answer in answers} == {"CORP\\svc-ews posted 1 bytes"}
        assert iis.gate.seen == {Seen.CHALLENGED: 8, Seen.LOGGED_IN: 8}


async def test_no_channel_binding_is_refused_where_it_is_required(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    async with (
        serve(authority, binding=Binding.REQUIRE) as iis,
        open_client(iis, channel_binding=False) as client,
    ):
        with pytest.raises(LoginRefused):
            await client.post(URL, b"x", {})


@pytest.mark.parametrize("channel_binding", [True, False])
async def test_behind_a_balancer_with_another_certificate_only_no_binding_passes(
    authority: CertificateAuthority, open_client: OpenClient, channel_binding: bool
) -> None:
    inner = authority.issue(HOST)
    async with (
        serve(authority, binding=Binding.ALLOW, shown_to_gate=inner.der) as iis,
        open_client(iis, channel_binding=channel_binding) as client,
    ):
        if channel_binding:
            with pytest.raises(LoginRefused):
                await client.post(URL, b"x", {})
        else:
            assert (await client.post(URL, b"x", {})).status == 200


async def test_basic_logs_in_with_every_request(authority: CertificateAuthority, open_client: OpenClient) -> None:
    async with (
        serve(authority, schemes=("Basic",)) as iis,
        open_client(iis, authentication=Authentication.BASIC) as client,
    ):
        answers = await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        # The first one is asked for before it is sent, until it is proved right.
        assert iis.gate.seen == {Seen.ANONYMOUS: 1, Seen.LOGGED_IN: 20}


@pytest.mark.parametrize(
    ("authentication", "schemes"),
    [
        (Authentication.NTLM, ("Negotiate", "Basic")),
        (Authentication.NEGOTIATE, ("NTLM",)),
        (Authentication.BASIC, ("Negotiate", "NTLM")),
    ],
)
async def test_a_method_that_the_server_does_not_offer_is_no_refused_log_in(
    authority: CertificateAuthority,
    open_client: OpenClient,
    authentication: Authentication,
    schemes: tuple[str, ...],
) -> None:
    async with serve(authority, schemes=schemes) as iis, open_client(iis, authentication=authentication) as client:
        for _ in range(3):
            with pytest.raises(LoginMethodNotOffered, match=", ".join(sorted(schemes, key=str.lower)).lower()):
                await client.post(URL, b"x", {})
        assert iis.gate.seen[Seen.REFUSED] == 0


@pytest.mark.parametrize("authentication", list(Authentication))
@pytest.mark.parametrize(
    ("headers", "page", "told"),
    [
        ({}, "<html><form action='/my.policy'></form></html>", "points to /my.policy"),
        ({"WWW-Authenticate": "Bearer"}, "", "accepts no password, only bearer"),
        ({"WWW-Authenticate": "FBA"}, "<html><form/></html>", "accepts no password, only fba"),
    ],
    ids=["form", "Bearer", "FBA"],
)
async def test_a_401_of_something_in_front_is_named_and_gets_no_password(
    iis: Iis,
    open_client: OpenClient,
    authentication: Authentication,
    headers: dict[str, str],
    page: str,
    told: str,
) -> None:
    async def in_front(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers=headers, text=page, content_type="text/html")

    iis.on_request = in_front
    async with open_client(iis, authentication=authentication) as client:
        with pytest.raises(LoginPage, match=told) as failed:
            await client.post(URL, b"x", {})
        assert "direct address" in failed.value.remedy
        assert failed.value.detail.startswith("mail.corp.example: HTTP 401")
    assert len(iis.requests) == 1
    assert not iis.gate.seen


@pytest.mark.slow
async def test_a_connection_that_the_server_closed_is_replaced_without_a_word(
    iis: Iis, open_client: OpenClient
) -> None:
    async with open_client(iis) as client:
        await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(8)))
        await iis.close_connections()
        answers = await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert iis.gate.seen == {Seen.CHALLENGED: 16, Seen.LOGGED_IN: 16}
    assert len(iis.connections) == 16


async def test_what_nobody_asked_for_is_not_taken_for_the_next_answer(iis: Iis, open_client: OpenClient) -> None:
    """As the 408 of a server that is about to close the connection, or the second half of a smuggled answer."""

    async with open_client(iis, connections=1) as client:
        assert (await client.post(URL, b"1", {})).status == 200
        [theirs] = iis.connections
        assert isinstance(theirs, asyncio.Transport)
        theirs.write(b"HTTP/1.1 408 Timeout\r\n\r\n")
        await quiescence()
        assert said((await client.post(URL, b"22", {})).body) == f"{ACCOUNT} posted 2 bytes"
    assert len(iis.connections) == 2


async def test_a_connection_idle_for_90_seconds_is_not_trusted_any_more(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    async with open_client(iis) as client:
        await client.post(URL, b"x", {})
        await clock.advance(89)
        await client.post(URL, b"x", {})
        assert len(iis.connections) == 1
        await clock.advance(90)
        await client.post(URL, b"x", {})
    assert len(iis.connections) == 2
    assert iis.gate.seen == {Seen.CHALLENGED: 2, Seen.LOGGED_IN: 2}


@pytest.mark.parametrize("closing", [True, False])
async def test_a_401_in_the_middle_of_work_is_tried_once_more_on_a_new_connection(
    iis: Iis, open_client: OpenClient, closing: bool
) -> None:
    headers = {"Connection": "close"} if closing else {}

    async def hiccup(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=401, headers=headers) if (await request.read()) == b"2" else None

    async with open_client(iis) as client:
        await client.post(URL, b"1", {})
        iis.on_request = hiccup
        with pytest.raises(LoginRefused):
            await client.post(URL, b"2", {})
        assert len(iis.connections) == 2
        iis.on_request = None
        assert (await client.post(URL, b"3", {})).status == 200


async def test_a_server_that_forgets_log_ins_is_told_again(iis: Iis, open_client: OpenClient) -> None:
    forgetful = True

    async def forget(request: web.Request) -> web.StreamResponse | None:
        nonlocal forgetful
        if "Authorization" in request.headers or not forgetful:
            return None
        forgetful = False
        return web.Response(status=401, headers={"WWW-Authenticate": "NTLM"})

    async with open_client(iis) as client:
        await client.post(URL, b"x", {})
        iis.on_request = forget
        assert (await client.post(URL, b"x", {})).status == 200
    assert iis.gate.seen[Seen.LOGGED_IN] == 2


async def given_up(request: Coroutine[Any, Any, object], hanging: asyncio.Event) -> None:
    """Cancel a request as soon as the server has it."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(request)
        await hanging.wait()
        task.cancel()
    assert task.cancelled()
    hanging.clear()


async def test_a_request_given_up_half_way_leaves_its_lane_usable(iis: Iis, open_client: OpenClient) -> None:
    hanging = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse | None:
        if (await request.read()) == b"hang":
            hanging.set()
            await asyncio.sleep(3600)
        return None

    iis.on_authenticated = hang
    async with open_client(iis, connections=1) as client:
        for _ in range(3):
            await given_up(client.post(URL, b"hang", {}), hanging)
            assert (await client.post(URL, b"x", {})).status == 200


async def test_a_log_in_given_up_half_way_leaves_its_lane_usable(iis: Iis, open_client: OpenClient) -> None:
    hanging = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse | None:
        hanging.set()
        await asyncio.sleep(3600)
        return None

    iis.on_request = hang
    async with open_client(iis, connections=1) as client:
        for _ in range(3):
            await given_up(client.post(URL, b"x", {}), hanging)
        iis.on_request = None
        assert (await client.post(URL, b"x", {})).status == 200


async def test_a_503_in_the_middle_of_a_log_in_is_the_answer(iis: Iis, open_client: OpenClient) -> None:
    async def overloaded(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503, headers={"Retry-After": "7"})

    async with open_client(iis) as client:
        iis.on_request = overloaded
        answer = await client.post(URL, b"x", {})
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        iis.on_request = None
        assert (await client.post(URL, b"x", {})).status == 200


async def test_a_503_in_answer_to_the_second_message_is_the_answer_and_proves_nothing(
    iis: Iis, open_client: OpenClient
) -> None:
    async def overloaded(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503)

    async with open_client(iis) as client:
        iis.on_authenticated = overloaded
        assert (await client.post(URL, b"x", {})).status == 503
        iis.on_authenticated = None
        assert (await client.post(URL, b"x", {})).status == 200
    assert len(iis.connections) == 2


async def test_a_server_that_closes_after_its_challenge_is_called_by_its_name(
    iis: Iis, open_client: OpenClient
) -> None:
    async def closing(request: web.Request) -> web.StreamResponse | None:
        answer = await iis.gate.authenticate(request)
        assert isinstance(answer, web.Response)
        answer.force_close()
        return answer

    iis.on_request = closing
    async with open_client(iis) as client:
        for _ in range(3):
            with pytest.raises(ExchangeUnreachable, match="during the log-in"):
                await client.post(URL, b"x", {})
    assert iis.gate.seen == {Seen.CHALLENGED: 3}
