"""Every way in which a connection can fail or end, by its name."""

import asyncio
import gc
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from engine.core.secret import Secret
from engine.pbx.connection import PbxConnection
from engine.pbx.errors import (
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxFailure,
    PbxLinkMistake,
    PbxLoginRefused,
    PbxNotUnderstood,
    PbxTlsImpossible,
    PbxUnreachable,
)
from engine.pbx.events import LinkDown, LinkUp, UserSeen
from engine.pbx.login import DialLogin
from engine.pbx.protocol import MAX_MESSAGE_BYTES, Message
from engine.pbx.trace import LinkTrace, NoPbxTrace
from engine.pbx.websocket import WebSocket, dial, verified_context
from engine.settings.model import PbxSettings
from engine.settings.reader import read_settings
from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import Behaviour, Refusal
from engine.tls.shown import shown_certificate
from tests.pbx.strategies import messages, unhurried
from tests.pbx.support import PASSWORD, next_try, pbx_user, running_link, settings_for, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.old_tls import old_tls
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def failure_of(
    settings: PbxSettings,
    *,
    tls: ssl.SSLContext | None = None,
    password: Secret = PASSWORD,
    silent_when: Callable[[], object] | None = None,
) -> PbxFailure:
    """Return why the first connection ended; ten seconds pass by the link's clock as soon as `silent_when` holds."""
    clock = ManualClock()
    async with running_link(settings, clock, tls=tls, password=password) as (_, heard):
        if silent_when is not None:
            await eventually(silent_when)
            await eventually(lambda: clock.next_alarm)
            assert heard.events == []
            await clock.advance(10)
        failure = (await heard.down()).failure
    assert isinstance(failure, PbxFailure)
    return failure


@asynccontextmanager
async def web_server(handler: Handler) -> AsyncIterator[PbxSettings]:
    """Serve everything by `handler`, without TLS."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    async with TestServer(application) as server:
        yield PbxSettings(master="master", host="127.0.0.1", port=server.port or 0, tls=False)


@asynccontextmanager
async def listening_socket() -> AsyncIterator[PbxSettings]:
    """Accept connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield PbxSettings(master="master", host="127.0.0.1", port=server.getsockname()[1], tls=False)


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


async def test_nobody_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = PbxSettings(master="master", host="127.0.0.1", port=server.getsockname()[1])
    failure = await failure_of(settings)
    assert isinstance(failure, PbxUnreachable)
    assert failure.detail.startswith(f"127.0.0.1:{settings.port}: Connect call failed")
    assert "object at" not in failure.detail


@pytest.mark.slow
async def test_a_connection_may_be_ended_just_when_its_socket_is_open() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, asyncio.TaskGroup() as tasks:
        settings = settings_for(pbx)

        @asynccontextmanager
        async def opening() -> AsyncIterator[WebSocket]:
            async with dial(settings, None) as socket:
                running.cancel()
                yield socket

        login = DialLogin(settings.app, PASSWORD)
        trace = LinkTrace(NoPbxTrace(), clock).connection("ws://pbx")
        connection = PbxConnection(
            login, settings, clock, trace, on_usable=PbxConnection.begin, on_event=lambda _: None
        )
        running = tasks.create_task(connection.run(opening()))
        with pytest.raises(asyncio.CancelledError):
            await running
        gc.collect()  # a part that was never begun would be warned of here


async def test_nobody_answering() -> None:
    async with listening_socket() as settings:
        failure = await failure_of(settings, silent_when=lambda: True)
    assert isinstance(failure, PbxUnreachable)
    assert failure.detail == f"127.0.0.1:{settings.port} does not answer"


@pytest.mark.parametrize("host", ["no such host", "::::", ""])
async def test_a_host_that_cannot_be_one(host: str) -> None:
    settings = PbxSettings(master="master", host=host, tls=False)
    assert isinstance(await failure_of(settings), PbxUnreachable)


async def test_a_certificate_of_the_trusted_authority_is_accepted() -> None:
    authority, clock = CertificateAuthority(), ManualClock()
    async with (
        simulator(clock, ANNA, tls=authority.issue("127.0.0.1").context) as pbx,
        running_link(settings_for(pbx), clock, tls=trusting(authority)) as (_, heard),
    ):
        await heard.complete()
        assert heard.names_seen == ["anna"]


async def test_a_certificate_of_another_authority_is_not_trusted() -> None:
    async with simulator(ManualClock(), ANNA, tls=CertificateAuthority().issue("127.0.0.1").context) as pbx:
        failure = await failure_of(settings_for(pbx), tls=trusting(CertificateAuthority()))
        assert isinstance(failure, PbxCertificateNotTrusted)
        assert pbx.ledger.logins == []


async def test_the_fingerprint_to_pin_is_shown_and_accepted_once_it_is_set() -> None:
    certificate, clock = CertificateAuthority().issue("pbx"), ManualClock()
    async with simulator(clock, ANNA, tls=certificate.context) as pbx:
        failure = await failure_of(settings_for(pbx), tls=trusting(CertificateAuthority()))
        shown = failure.detail.rpartition(" ")[2]
        assert shown == hashlib.sha256(certificate.der).digest().hex(":").upper()
        assert "pbx.fingerprint" in failure.remedy
        exchange = 'exchange = {type = "on-premises", user = "a@b.de"}'
        document = f'pbx = {{master = "m", host = "h", fingerprint = "{shown}"}}\n{exchange}'
        read = read_settings(document, default_zone=ZoneInfo("UTC")).pbx.fingerprint
        async with running_link(settings_for(pbx, fingerprint=read), clock) as (_, heard):
            await heard.complete()


async def test_a_fingerprint_that_cannot_be_had_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert await shown_certificate("127.0.0.1", port) is None


def test_a_ca_file_that_cannot_be_used_is_named_as_the_setting_that_it_is(tmp_path: Path) -> None:
    with pytest.raises(PbxCertificateNotTrusted, match=r"pbx\.ca_file .*missing\.pem"):
        verified_context(tmp_path / "missing.pem")


@pytest.mark.parametrize(
    ("flaw", "meaning"),
    [
        (Flaw.EXPIRED, "has expired"),
        (Flaw.NOT_YET_VALID, "is not valid yet"),
        (Flaw.COMMON_NAME_ONLY, "has no alternative names"),
        (Flaw.SELF_SIGNED, "is self-signed"),
    ],
)
async def test_each_flaw_of_a_certificate_has_its_own_words(flaw: Flaw, meaning: str, tmp_path: Path) -> None:
    authority = CertificateAuthority()
    tls = verified_context(authority.ca_file(tmp_path))
    certificate = authority.issue("localhost", flaw=flaw)
    async with simulator(ManualClock(), ANNA, tls=certificate.context) as pbx:
        failure = await failure_of(settings_for(pbx, host="localhost"), tls=tls)
        assert pbx.ledger.logins == []
    assert isinstance(failure, PbxCertificateNotTrusted)
    assert meaning in failure.meaning
    assert ("pbx.ca_file" in failure.remedy) is (flaw is Flaw.SELF_SIGNED)
    assert "pbx.fingerprint" in failure.remedy


async def test_a_pbx_that_speaks_old_tls_alone_is_told_from_one_that_speaks_none() -> None:
    async with old_tls() as port:
        settings = PbxSettings(master="master", host="127.0.0.1", port=port, tls=True)
        failure = await failure_of(settings, tls=trusting(CertificateAuthority()))
    assert isinstance(failure, PbxTlsImpossible)
    assert "TLS 1.2" in failure.remedy


async def test_a_certificate_for_another_host_is_not_trusted() -> None:
    authority = CertificateAuthority()
    async with simulator(ManualClock(), ANNA, tls=authority.issue("pbx.example.com").context) as pbx:
        failure = await failure_of(settings_for(pbx), tls=trusting(authority))
    assert isinstance(failure, PbxCertificateNotTrusted)
    assert "127.0.0.1" in failure.detail


async def test_a_certificate_with_the_fingerprint_of_the_settings_is_accepted() -> None:
    certificate, clock = CertificateAuthority().issue("pbx"), ManualClock()
    fingerprint = hashlib.sha256(certificate.der).hexdigest().upper()
    pairs = ":".join(fingerprint[place : place + 2] for place in range(0, 64, 2))
    async with (
        simulator(clock, ANNA, tls=certificate.context) as pbx,
        running_link(settings_for(pbx, fingerprint=pairs), clock) as (_, heard),
    ):
        await heard.complete()
        assert heard.names_seen == ["anna"]


async def test_a_certificate_with_another_fingerprint_is_not_trusted() -> None:
    authority = CertificateAuthority()
    certificate = authority.issue("127.0.0.1")
    async with simulator(ManualClock(), ANNA, tls=certificate.context) as pbx:
        failure = await failure_of(settings_for(pbx, fingerprint="00" * 32), tls=trusting(authority))
        assert isinstance(failure, PbxCertificateNotTrusted)
        assert hashlib.sha256(certificate.der).digest().hex(":").upper() in failure.detail
        assert pbx.ledger.logins == []


async def test_tls_towards_a_server_without() -> None:
    async with simulator(ManualClock(), ANNA) as pbx:
        failure = await failure_of(settings_for(pbx, tls=True), tls=trusting(CertificateAuthority()))
    assert isinstance(failure, NotAPbx)


async def _not_found(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="welcome")


async def _starting_up(_: web.Request) -> web.Response:
    return web.Response(status=503)


@pytest.mark.parametrize(
    ("handler", "kind", "said"),
    [(_not_found, NotAPbx, "404"), (_page, NotAPbx, "200"), (_starting_up, PbxUnreachable, "503")],
)
async def test_a_web_server_without_the_websocket(handler: Handler, kind: type[PbxFailure], said: str) -> None:
    async with web_server(handler) as settings:
        failure = await failure_of(settings)
    assert type(failure) is kind
    assert f"HTTP {said}" in failure.detail


async def test_a_websocket_that_knows_no_challenge() -> None:
    received = list[str]()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for frame in websocket:
            received.append(frame.data)
        return websocket

    async with web_server(handler) as settings:
        failure = await failure_of(settings, silent_when=lambda: received)
    assert isinstance(failure, NotAPbx)
    assert received == ['{"mt":"AppChallenge"}']


async def _hangs_up(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    await websocket.close()
    return websocket


async def test_a_websocket_that_is_closed() -> None:
    async with web_server(_hangs_up) as settings:
        assert isinstance(await failure_of(settings), PbxUnreachable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/elsewhere", "http://127.0.0.1:{port}/elsewhere", "gopher://[/"])
async def test_a_redirect_is_never_followed_and_gets_no_log_in(status: int, where: str) -> None:
    asked = list[str]()

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/PBX0/APPS/websocket":
            return web.Response(status=status, headers={"Location": where.format(port=request.url.port)})
        return await _says('{"mt":"AppChallengeResult","challenge":"1"}')(request)

    async with web_server(handler) as settings:
        failure = await failure_of(settings)
    assert type(failure) is NotAPbx
    assert f"HTTP {status}" in failure.detail
    assert failure.detail.isprintable()
    assert asked == ["/PBX0/APPS/websocket"]


def _says(text: str) -> Handler:
    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str(text)
        await websocket.receive()
        return websocket

    return handler


@pytest.mark.parametrize(
    "text",
    ["hello", "[]", '{"mt":"AppChallengeResult"}', " " * (MAX_MESSAGE_BYTES + 1)],
    ids=["no JSON", "no object", "no challenge", "too long"],
)
async def test_messages_that_break_the_protocol(text: str) -> None:
    async with web_server(_says(text)) as settings:
        assert isinstance(await failure_of(settings), PbxNotUnderstood)


def _goes_mad_after_the_log_in(messages: list[Message]) -> Handler:
    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.receive()
        await websocket.send_json({"mt": "AppChallengeResult", "challenge": "1"})
        await websocket.receive()
        for message in ({"mt": "AppLoginResult", "ok": True}, *messages):
            await websocket.send_json(message)
        await websocket.close()
        return websocket

    return handler


@pytest.mark.slow
@unhurried
@given(st.lists(messages, max_size=6))
def test_a_pbx_gone_mad_ends_in_a_named_failure(sent: list[Message]) -> None:
    async def talk() -> PbxFailure:
        async with web_server(_goes_mad_after_the_log_in(sent)) as settings:
            return await failure_of(settings)

    failure = asyncio.run(talk())
    assert isinstance(failure, PbxFailure)
    assert not isinstance(failure, PbxLinkMistake), "a peer's message never raises what nobody expected"


async def test_a_message_in_use_may_be_long() -> None:
    clock = ManualClock()
    groups = tuple(f"group {number}" for number in range(60_000))
    async with (
        simulator(clock, pbx_user(1, groups=groups)) as pbx,
        running_link(settings_for(pbx), clock) as (_, heard),
    ):
        await heard.complete()
        [seen] = heard.of(UserSeen)
        assert len(seen.user.groups) == len(groups)


async def test_garbage_while_running() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.behaviour.garbage = "\N{SKULL}"
        pbx.add_user(pbx_user(2))
        assert isinstance((await heard.down()).failure, PbxNotUnderstood)


async def test_no_answer_to_the_challenge() -> None:
    async with simulator(ManualClock(), behaviour=Behaviour(answers_challenges=False)) as pbx:
        failure = await failure_of(settings_for(pbx), silent_when=lambda: pbx.ledger.challenges)
    assert isinstance(failure, NotAPbx)


async def test_no_answer_to_the_log_in() -> None:
    async with simulator(ManualClock(), behaviour=Behaviour(answers_logins=False)) as pbx:
        failure = await failure_of(settings_for(pbx), silent_when=lambda: pbx.ledger.logins)
    assert isinstance(failure, PbxUnreachable)
    assert "AppLogin" in failure.detail


async def test_a_wrong_password_is_tried_again_in_a_minute_then_ever_later() -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA) as pbx,
        running_link(settings_for(pbx), clock, password=Secret("wrong")) as (_, heard),
    ):
        pauses = []
        for attempt in range(3):
            down = await heard.down(attempt)
            assert isinstance(down.failure, PbxLoginRefused)
            pauses.append((next_try(down) - clock.now()).total_seconds())
            await clock.advance_to(next_try(down))
        assert 45 <= pauses[0] <= 60
        assert pauses[1:] == [3600, 4 * 3600]
        assert heard.of(LinkUp) == []
        assert not any(login.accepted for login in pbx.ledger.logins)


async def test_a_log_in_the_pbx_does_not_accept() -> None:
    async with simulator(ManualClock(), ANNA, behaviour=Behaviour(accepts_logins=False)) as pbx:
        assert isinstance(await failure_of(settings_for(pbx)), PbxLoginRefused)


@pytest.mark.parametrize("refuses_by", Refusal)
async def test_an_app_object_that_does_not_exist(refuses_by: Refusal) -> None:
    async with simulator(ManualClock(), ANNA, app="kalender", behaviour=Behaviour(refuses_by=refuses_by)) as pbx:
        failure = await failure_of(settings_for(pbx))
    assert isinstance(failure, PbxLoginRefused)
    assert "App object calendar" in failure.detail
    assert "pbx.app" in failure.remedy
    assert "pbx.password" in failure.remedy


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("ends", [PbxSimulator.drop, PbxSimulator.ping_and_vanish])
async def test_a_connection_lost_in_the_middle_of_the_log_in_is_no_refusal(
    ends: Callable[[PbxSimulator], Awaitable[None] | None], *, encrypted: bool
) -> None:
    """A PBX that is restarted ends its connections without a word about the log-in."""
    authority, clock = CertificateAuthority(), ManualClock()
    issued = authority.issue("127.0.0.1").context if encrypted else None
    async with simulator(clock, ANNA, tls=issued, behaviour=Behaviour(answers_logins=False)) as pbx:
        tls = trusting(authority) if encrypted else None
        async with running_link(settings_for(pbx), clock, tls=tls) as (_, heard):
            await eventually(lambda: pbx.ledger.logins)
            ending = ends(pbx)
            if ending is not None:
                await ending
            failure = (await heard.down()).failure
            assert not isinstance(failure, PbxLoginRefused)
            assert isinstance(failure, PbxUnreachable)


async def test_a_copy_that_stops_half_way() -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(100)]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await eventually(lambda: len(heard.names_seen) > 10)
        pbx.behaviour.answers_replication = False
        while not heard.of(LinkDown):
            await quiescence()
            await clock.advance(10)
        failure = (await heard.down()).failure
    assert isinstance(failure, PbxUnreachable)
    assert "ReplicateNext" in failure.detail


async def test_no_failure_tells_the_password() -> None:
    async with simulator(ManualClock(), ANNA, password=Secret("other")) as pbx:
        failure = await failure_of(settings_for(pbx))
    assert PASSWORD.reveal() not in f"{failure} {failure!r} {failure.__cause__!r}"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Session is\x1b closed"), ConnectionResetError(), EOFError(), AssertionError(), KeyError("x")],
)
async def test_whatever_the_transport_raises_while_connecting_is_an_unreachable_pbx(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise error

    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        with monkeypatch.context() as patched:
            patched.setattr("aiohttp.ClientSession.ws_connect", broken)
            pbx.drop()
            down = await heard.down()
            if not isinstance(down.failure, PbxUnreachable):
                await clock.advance_to(next_try(down))
                down = await heard.down(1)
        assert isinstance(down.failure, PbxUnreachable)
        assert down.failure.detail.isprintable()
        assert not down.failure.detail.endswith(": ")
        await clock.advance_to(next_try(down))
        await heard.complete()
