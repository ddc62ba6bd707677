"""Fuzzing of the listening sockets: those of the API and the port for the PBX, over real connections.

Whatever is sent is answered or cut off in time; others are served as before; nothing of it is in the log.
"""

import asyncio
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random

import aiohttp

from engine.pbx.admission import FORGIVEN_AFTER
from engine.pbx.events import UsersComplete
from engine.pbx.login import login_digest
from engine.server.event_stream import StreamTimeouts
from tests.campaigns.fuzz.files import SECRET
from tests.campaigns.fuzz.mutation import mutated
from tests.campaigns.fuzz.sessions import conversation
from tests.campaigns.fuzz.targets import PBX
from tests.pbx.support import PASSWORD, pbx_user, simulator
from tests.pbx.test_server import PATH, Site, listening
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, patience
from tests.support.served_engine import ServedEngine, people, served_engine
from tests.support.site import collect_cancelled_handshakes

SECONDS_TO_ASK = 0.1
"""A connection to the API is cut that has been open, or answered, for so long without a request."""

LONGEST_ANSWER = PATIENCE
"""Seconds until an answer has ended: everything at once may take long where the machine has other work."""

ALERT_AT_ONCE = 16
"""Connections to the API that are open at the same time."""

USERS = people(2)


def _request(method: str, path: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    return b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b%b\r\n%b" % (method.encode(), path.encode(), headers, length, body)


REQUESTS = (
    _request("GET", "/v1/status"),
    _request("GET", "/v1/users?sort=name&page=1&per_page=2"),
    _request("GET", f"/v1/users/{USERS[0].guid}", headers=b"Accept: application/json\r\n"),
    _request("GET", "/v1/log/filter?q=user%3Aanna+is%3Aerror"),
    _request("GET", "/v1/log/exchanges?filter=code%3AError*&limit=5"),
    _request("GET", "/v1/audit"),
    _request("POST", f"/v1/users/{USERS[0].guid}/resync"),
    _request("POST", "/v1/resync", b"{}"),
    _request("PATCH", "/v1/settings", b'{"changes":{"presence.show_subject":false},"check":true}'),
    _request("POST", "/v1/settings/check", b'{"changes":{"presence.priority_words":["Kunde"],"exchange.user":"x"}}'),
    _request("PUT", "/v1/secrets/pbx.password", b'{"value":"%b"}' % SECRET.encode()),
    _request("POST", "/v1/log/capture", b'{"users":["anna"],"seconds":60}'),
    _request("POST", "/v1/status", b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
)
OPENINGS = (
    _request("GET", PATH),
    _request(
        "GET",
        PATH,
        headers=b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    )
    + b'\x81\x95\x00\x00\x00\x00{"mt":"AppChallenge"}',
    _request("GET", "/", headers=b"Authorization: Basic %b\r\n" % SECRET.encode()),
)


class Complaints(logging.Handler):
    """What is in the log that may not be there: mistakes of ours, tracebacks, secrets."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        text = record.getMessage()
        if record.exc_info or "Traceback" in text or SECRET in text or PASSWORD.reveal() in text:
            self.found.append(f"in the log: {record.name}: {text:.600} {record.exc_info}")


async def fuzz_sockets(random: Random, inputs: int) -> tuple[Counter[str], list[str]]:
    """Knock so often, and return how often where, and what should not have been."""
    complaints, knocked = Complaints(), Counter[str]()
    log = logging.getLogger()
    log.addHandler(complaints)
    try:
        async with AsyncExitStack() as served:
            directory = Path(served.enter_context(tempfile.TemporaryDirectory()))
            api = await served.enter_async_context(
                served_engine(
                    directory, USERS, patience=StreamTimeouts(request=SECONDS_TO_ASK, kept_open=SECONDS_TO_ASK)
                )
            )
            port = await served.enter_async_context(listening(ManualClock()))
            at_port = inputs // 4
            complaints.found += await _at_sockets(api, random, inputs - at_port, knocked)
            complaints.found += await _at_port(port, random, at_port, knocked)
    except Exception as error:
        complaints.found.append(f"doors: {error!r}")
    finally:
        log.removeHandler(complaints)
        collect_cancelled_handshakes()
    return knocked, complaints.found


async def _at_sockets(api: ServedEngine, random: Random, inputs: int, knocked: Counter[str]) -> list[str]:
    """Send requests to both sockets, some at the same time; others are answered all the while."""
    found: list[str] = []
    for begun in range(0, inputs, ALERT_AT_ONCE):
        sent = [_wrong(REQUESTS, random) for _ in range(min(ALERT_AT_ONCE, inputs - begun))]
        places = [random.choice((api.socket, api.read_only)) for _ in sent]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(deliver(asyncio.open_unix_connection(str(place)), pieces))
                for place, pieces in zip(places, sent, strict=True)
            ]
        for task, place, pieces in zip(tasks, places, sent, strict=True):
            knocked["API" if place == api.socket else "API, read-only"] += 1
            if problem := task.result():
                found.append(f"{place.name}: {problem} for {pieces!r:.2000}")
        for place in (api.socket, api.read_only):
            async with patience():
                await api.get("/v1/status", place)
    return found


async def _at_port(port: Site, random: Random, inputs: int, knocked: Counter[str]) -> list[str]:
    """Connect to the port as somebody who cannot log in, and as a PBX that can; a real one gets in afterwards."""
    found: list[str] = []
    for _ in range(inputs):
        if random.random() < 0.5:
            tls = port.certificate.trust if random.random() < 0.8 else None
            pieces = _wrong(OPENINGS, random)
            problem = await deliver(asyncio.open_connection("127.0.0.1", port.port, ssl=tls), pieces, port.clock)
            said: object = pieces
        else:
            _, said = conversation(PBX, random)
            problem = await _talked(port, said, logs_in=random.random() < 0.7)
        knocked["port"] += 1
        if problem:
            found.append(f"port: {problem} for {said!r:.2000}")
        await port.clock.advance(FORGIVEN_AFTER.total_seconds() + 10)
    pbx = simulator(port.clock, pbx_user(1))
    before = len(port.heard.of(UsersComplete))
    async with port.connecting(pbx), patience():
        await port.heard.first(UsersComplete, before)
    return found


def _wrong(samples: tuple[bytes, ...], random: Random) -> list[bytes]:
    """Return something that is no proper request, in the pieces that it is sent in."""
    match random.randrange(5):
        case 0:
            sent = b"".join(random.choice(samples) for _ in range(random.randint(2, 30)))
        case 1:
            sent = random.choice(samples).replace(
                b"\r\n", b"\r\nX-Long: " + b"a" * random.randint(8000, 200_000) + b"\r\n", 1
            )
        case 2:
            many = b"".join(b"X-%d: y\r\n" % number for number in range(random.randint(100, 5000)))
            sent = random.choice(samples).replace(b"\r\n", b"\r\n" + many, 1)
        case _:
            sent = mutated(samples, random)
    if random.random() < 0.3:
        place = random.randint(0, len(sent))
        return [sent[:place], sent[place:]]
    return [sent]


async def deliver(
    connecting: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    pieces: list[bytes],
    clock: ManualClock | None = None,
) -> str:
    """Send pieces and take what comes until the end; return what is wrong about that, "" if nothing is."""
    try:
        async with asyncio.timeout(LONGEST_ANSWER):
            reader, writer = await connecting
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                answer = bytearray()
                while part := await _part(reader, clock):
                    answer += part
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:  # an OSError as well
        return "not ended in time"
    except (OSError, EOFError):
        return ""
    return _wrong_in(bytes(answer))


async def _part(reader: asyncio.StreamReader, clock: ManualClock | None) -> bytes:
    if clock is None:
        return await reader.read(1 << 16)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.005):
                return await reader.read(1 << 16)
        await clock.advance(3)


def _wrong_in(answer: bytes) -> str:
    if b"HTTP/1.1 500" in answer:
        return "a mistake of ours"
    if b"Traceback" in answer or SECRET.encode() in answer:
        return "a traceback or a secret is answered"
    return ""


async def _talked(port: Site, said: list[str], *, logs_in: bool) -> str:
    """Say something as a PBX does over a WebSocket, after its log-in if it `logs_in`."""
    connector = aiohttp.TCPConnector(ssl=port.certificate.trust)
    url = f"https://127.0.0.1:{port.port}{PATH}/calendar"
    try:
        async with (
            asyncio.timeout(LONGEST_ANSWER),
            aiohttp.ClientSession(connector=connector) as http,
            http.ws_connect(url.rpartition("/")[0]) as socket,
        ):
            if logs_in:
                await _log_in(socket)
            for text in said:
                await socket.send_str(text)
            await socket.ping()
            await socket.close()
    except TimeoutError:  # an OSError as well
        return "not ended in time"
    except (aiohttp.ClientError, OSError, UnicodeEncodeError):
        return ""
    return ""


async def _log_in(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str('{"mt":"AppChallenge"}')
    challenge = str(json.loads(await socket.receive_str())["challenge"])
    told = {"app": "calendar", "domain": "corp.example", "sip": "calendar", "guid": "aabb", "dn": "Calendar"}
    info = '{"appobj":"calendar"}'
    digest = login_digest(PASSWORD, challenge, info=info, **told)
    members = ",".join(f'"{name}":"{value}"' for name, value in told.items())
    await socket.send_str(f'{{"mt":"AppLogin",{members},"info":{info},"digest":"{digest}"}}')
    answer = json.loads(await socket.receive_str())
    assert answer.get("ok") is True, answer
