"""Connections that do not log in are limited in number, time and size, and get nothing."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from engine.pbx.addresses import KnownAddresses
from engine.pbx.admission import AT_ONCE_FROM_ONE_ADDRESS, FAILURES_IN_A_ROW, AdmissionLimiter, PbxAcceptor, open_port
from engine.pbx.errors import ListeningImpossible
from engine.pbx.events import LinkDown, PbxDeclined, UsersComplete
from engine.pbx.protocol import MAX_ACCEPTED_BYTES
from engine.pbx.server import PbxListener
from tests.pbx.support import PASSWORD, Heard, pbx_user, simulator
from tests.pbx.test_server import PATH, IssuedByTheSimulator, Site, listen_settings, listening
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, eventually, patience
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")


@asynccontextmanager
async def visiting(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=site.certificate.trust)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{site.port}", connector=connector) as http:
        yield http


async def connected(site: Site, tls: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port, ssl=site.certificate.trust if tls else None)


async def is_cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        async with patience():
            while await reader.read(1000):
                pass
    except ConnectionError:
        pass
    return True


async def users_of_the_pbx(site: Site, clock: ManualClock) -> list[str]:
    """Have the PBX connect, and return the names of the users that it has sent."""
    pbx = simulator(clock, ANNA)
    async with site.connecting(pbx):
        await site.heard.complete()
    return site.heard.names_seen


@pytest.mark.parametrize(
    "path", ["/", "/v1/status", "/v1/openapi.json", "/PBX0/APPS/websocket", f"{PATH}/calendar.htm"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_there_is_nothing_but_the_one_path(path: str, method: str) -> None:
    async with listening(ManualClock()) as site, visiting(site) as http, http.request(method, path) as response:
        assert response.status == 404


async def test_a_browser_is_told_what_this_is() -> None:
    async with listening(ManualClock()) as site, visiting(site) as http, http.get(PATH) as response:
        assert response.status == 200
        assert "the PBX connects here" in await response.text()


async def test_without_tls_nothing_is_answered() -> None:
    clock = ManualClock()
    async with listening(clock) as site:
        reader, writer = await connected(site, tls=False)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert await is_cut_off(reader)
        writer.close()
        assert await users_of_the_pbx(site, clock) == ["anna"]


@pytest.mark.parametrize("sent", [b"", b"GET /calendar/sync/engine HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_is_slow_is_cut_off_after_ten_seconds(sent: bytes) -> None:
    clock = ManualClock()
    async with listening(clock) as site:
        reader, writer = await connected(site)
        writer.write(sent)
        await quiescence()
        await clock.advance(9.9)
        await quiescence()
        assert not reader.at_eof()
        await clock.advance(0.2)
        assert await is_cut_off(reader)
        writer.close()
        assert await users_of_the_pbx(site, clock) == ["anna"]


@pytest.mark.parametrize("first", [[], ['{"mt":"AppChallenge"}'], ['{"api":"PbxApi","mt":"SetPresence"}']])
async def test_who_never_logs_in_is_cut_off_after_ten_seconds(first: list[str]) -> None:
    clock = ManualClock()
    async with listening(clock) as site, visiting(site) as http:
        async with http.ws_connect(PATH) as socket:
            for text in first:
                await socket.send_str(text)
            await quiescence()
            await clock.advance(10)
            closing = [message async for message in socket if message.type is not aiohttp.WSMsgType.TEXT]
            assert closing == []
            assert socket.closed
        assert await users_of_the_pbx(site, clock) == ["anna"]


@pytest.mark.parametrize(
    "text", ["x" * (MAX_ACCEPTED_BYTES + 1), "garbage", "[]"], ids=["oversized", "garbage", "list"]
)
async def test_who_breaks_the_protocol_is_cut_off_at_once(text: str) -> None:
    clock = ManualClock()
    async with listening(clock) as site, visiting(site) as http:
        async with http.ws_connect(PATH, compress=15) as socket:
            assert not socket.compress
            await socket.send_str(text)
            assert (await socket.receive(timeout=PATIENCE)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert await users_of_the_pbx(site, clock) == ["anna"]


async def bare(site: Site, host: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port, local_addr=(host, 0))


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]])
async def test_silent_connections_keep_no_pbx_out(hosts: list[str]) -> None:
    clock = ManualClock()
    async with listening(clock) as site, AsyncExitStack() as stack:
        for host in hosts * AT_ONCE_FROM_ONE_ADDRESS:
            _, writer = await bare(site, host)
            stack.callback(writer.close)
        assert await users_of_the_pbx(site, clock) == ["anna"]


@pytest.mark.slow
async def test_a_pbx_that_returns_gets_in_while_silent_connections_go_on_coming() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, AsyncExitStack() as stack:
        async with site.connecting(pbx):
            await site.heard.complete()
        await eventually(lambda: pbx.connections == 0)
        for number in range(200):
            _, writer = await bare(site, f"127.0.1.{number % 100 + 1}")
            stack.callback(writer.close)
        async with site.connecting(pbx):
            await site.heard.first(UsersComplete, after=1)


async def test_the_oldest_guest_makes_room_and_its_socket_is_closed() -> None:
    async with listening(ManualClock()) as site, AsyncExitStack() as stack:
        readers = []
        for _ in range(AT_ONCE_FROM_ONE_ADDRESS + 1):
            reader, writer = await bare(site)
            stack.callback(writer.close)
            readers.append(reader)
        assert await is_cut_off(readers[0])
        assert not any(reader.at_eof() for reader in readers[1:])


async def test_whoever_shakes_no_hands_is_cut_off_after_ten_seconds() -> None:
    clock = ManualClock()
    async with listening(clock) as site:
        reader, writer = await bare(site)
        await quiescence()
        await clock.advance(10)
        assert await is_cut_off(reader)
        writer.close()


BAD_REQUESTS = {
    "no HTTP": b"\x00\x01\x02 secret-password\r\n\r\n",
    "a wrong header": b"GET / HTTP/1.1\r\nsecret-password\x01: \x1b[2J\r\n\r\n",
    "a long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a key that is none": f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \xfc-secret-password\r\n\r\n".encode(),
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nsecret-password",
}


@pytest.mark.parametrize("request_bytes", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
async def test_bad_requests_leave_a_counted_line_and_nothing_of_what_was_sent(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    clock = ManualClock()
    async with listening(clock) as site:
        for _ in range(10):
            reader, writer = await connected(site)
            writer.write(request_bytes)
            writer.write_eof() if writer.can_write_eof() else None
            assert await is_cut_off(reader)
            writer.close()
        assert await users_of_the_pbx(site, clock) == ["anna"]
    assert "Traceback" not in caplog.text
    assert "secret-password" not in caplog.text
    told = [record for record in caplog.records if record.name == "engine.pbx.admission"]
    assert len(told) <= 1


async def test_offered_subprotocols_are_not_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    async with (
        listening(clock) as site,
        visiting(site) as http,
        http.ws_connect(PATH, protocols=["secret-password"]) as socket,
    ):
        await socket.send_str('{"mt":"AppChallenge"}')
        assert "AppChallengeResult" in str((await socket.receive()).data)
    assert "secret-password" not in caplog.text


async def test_refused_log_ins_are_told_once_whatever_names_they_give() -> None:
    clock = ManualClock()
    async with listening(clock) as site, visiting(site) as http:
        for number in range(FAILURES_IN_A_ROW):
            await refused_log_in(http, f"name {number}")
        await eventually(lambda: site.heard.of(PbxDeclined))
        assert len(site.heard.of(PbxDeclined)) == 1
        await clock.advance(600)
        await refused_log_in(http, "x\x1b[2J\n" * 20)
        again = await site.heard.first(PbxDeclined, after=1)
        assert f"({FAILURES_IN_A_ROW} times)" in str(again.failure)
        assert str(again.failure).isprintable()


async def refused_log_in(http: aiohttp.ClientSession, name: str) -> None:
    async with http.ws_connect(PATH) as socket:
        await socket.send_str('{"mt":"AppChallenge"}')
        await socket.receive()
        await socket.send_str(json.dumps({"mt": "AppLogin", "sip": name, "digest": "00"}))
        assert json.loads((await socket.receive()).data)["ok"] is False
        await socket.receive()


async def test_log_in_floods_are_cut_off_before_tls() -> None:
    clock = ManualClock()
    async with listening(clock) as site, visiting(site) as http:
        for _ in range(FAILURES_IN_A_ROW):
            await refused_log_in(http, "x")
        await eventually(lambda: site.heard.of(PbxDeclined))
        reader, writer = await connected(site, tls=False)
        assert await is_cut_off(reader)
        writer.close()
        assert len(site.heard.of(PbxDeclined)) == 1


async def test_who_logged_in_is_no_guest_any_more() -> None:
    clock = ManualClock()
    async with listening(clock) as site, AsyncExitStack() as stack:
        for number in range(AT_ONCE_FROM_ONE_ADDRESS + 2):
            pbx = simulator(clock, ANNA)
            await stack.enter_async_context(site.connecting(pbx, f"object {number}"))
            await eventually(lambda pbx=pbx: pbx.ledger.logins and pbx.ledger.logins[0].accepted)  # type: ignore[misc]
        await clock.advance(30)
        assert [type(event) for event in site.heard.events].count(LinkDown) == 1


async def test_a_port_in_use_is_told_and_tried_again() -> None:
    clock = ManualClock()
    async with listening(clock) as site:
        heard = Heard()
        settings = listen_settings(listen_port=site.port)
        other = PbxListener(settings, PASSWORD, clock, heard, certificate=IssuedByTheSimulator())
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(other.run())
            down = await heard.down()
            assert isinstance(down.failure, ListeningImpossible)
            assert str(site.port) in down.failure.detail
            assert down.retry_at is not None
            await clock.advance_to(down.retry_at)
            await heard.down(1)
            run.cancel()


async def test_tls_below_1_2_is_refused() -> None:
    async with listening(ManualClock()) as site:
        old = site.certificate.trust
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", site.port, ssl=old)


@pytest.mark.parametrize("steps", range(6))
async def test_nobody_is_left_waiting_by_a_door_that_closes(steps: int) -> None:
    async def never(_: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError

    clock = ManualClock()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with open_port("127.0.0.1", 0) as port:
        async with asyncio.TaskGroup() as group:
            acceptor = group.create_task(
                PbxAcceptor(never, tls, AdmissionLimiter(clock, KnownAddresses()), clock).run(port)
            )
            for _ in range(5):
                await asyncio.sleep(0)
            visitor = socket.create_connection(port.getsockname())
            for _ in range(steps):
                await asyncio.sleep(0)
            acceptor.cancel()
    reader, writer = await asyncio.open_connection(sock=visitor)
    assert await is_cut_off(reader)
    writer.close()


@pytest.mark.parametrize("error", [RuntimeError("no transport"), KeyError()])
async def test_what_a_handshake_raises_concerns_that_guest_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with listening(clock) as site:
        broke = list[socket.socket]()

        async def broken(_: object, __: object, connection: socket.socket, **more: object) -> None:
            broke.append(connection)
            connection.close()
            raise error

        monkeypatch.setattr(asyncio.BaseEventLoop, "connect_accepted_socket", broken)
        reader, writer = await connected(site, tls=False)
        assert await is_cut_off(reader)
        writer.close()
        assert broke
        monkeypatch.undo()
        assert await users_of_the_pbx(site, clock) == ["anna"]
