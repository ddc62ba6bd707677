"""What a process that is no engine may answer on the socket, and what is sent to it."""

import asyncio
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import client, event_parser
from engine.api.client import ApiClient
from engine.api.errors import AnswerNotUnderstood, ClientFailure, EngineUnreachable, RequestRefused
from engine.api.schema import About, UsersQuestion
from tests.support.eventually import eventually
from tests.support.raw_answer import answering

ABOUT = (
    b'{"api":1,"version":"1.0","boot":"b","capabilities":[],"rights":{"read":true,"change":true},'
    b'"actor":{"uid":0,"pid":1}}'
)
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields, b"", body))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def heard(socket: Path, seen: list[bytes]) -> None:
    """Add the data of all events to `seen`, until they end with a failure."""
    async for event in ApiClient(socket).events():
        seen.append(event.data)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"", EngineUnreachable),
        (b"220 mail.example ESMTP\r\n\r\n", AnswerNotUnderstood),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", AnswerNotUnderstood),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", EngineUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Le", EngineUnreachable),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000, AnswerNotUnderstood),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000, AnswerNotUnderstood),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", AnswerNotUnderstood),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", EngineUnreachable),
        (answer(zlib.compress(ABOUT), b"Content-Encoding: deflate"), AnswerNotUnderstood),
        (b"HTTP/1.1 302 Found\r\nLocation: /v1\r\nContent-Length: 0\r\n\r\n", AnswerNotUnderstood),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", RequestRefused),
    ],
    ids=[
        "hangs up",
        "something else",
        "other JSON",
        "cut off",
        "cut off in the head",
        "endless head",
        "endless line",
        "no chunk",
        "cut off in a chunk",
        "compressed",
        "redirect",
        "no problem+json",
    ],
)
async def test_what_is_not_our_engine(tmp_path: Path, said: bytes, failure: type[ClientFailure]) -> None:
    async with answering(tmp_path / "s", said) as asked:
        with pytest.raises(failure):
            await ApiClient(tmp_path / "s").get("/v1", About)
    assert len(asked) == 1


@pytest.mark.slow
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", EVENTS, EVENTS + chunk(b"id: 1\ndata: {")])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
async def test_nothing_that_comes_is_an_internal_error(tmp_path: Path, said: bytes, before: bytes) -> None:
    async with answering(tmp_path / "s", before + said):
        with pytest.raises(ClientFailure):
            await ApiClient(tmp_path / "s").get("/v1", About)
        with pytest.raises(ClientFailure):
            await heard(tmp_path / "s", [])
    (tmp_path / "s").unlink(missing_ok=True)


async def test_an_answer_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1000)
    async with answering(tmp_path / "s", b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1001, hang_up=False):
        with pytest.raises(AnswerNotUnderstood, match="more than 1000 bytes"):
            await ApiClient(tmp_path / "s").get("/v1", About)


async def test_an_event_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_parser, "LARGEST_EVENT", 1000)
    async with answering(tmp_path / "s", EVENTS + chunk(b"data: 1\n\ndata: " + b"1" * 1000), hang_up=False):
        with pytest.raises(AnswerNotUnderstood, match="more than 1000 bytes"):
            await heard(tmp_path / "s", [])


async def test_events_that_are_cut_off_end_with_what_was_complete(tmp_path: Path) -> None:
    seen: list[bytes] = []
    async with answering(tmp_path / "s", EVENTS + chunk(b"data: 1\n\ndata: 2\n")):
        with pytest.raises(EngineUnreachable):
            await heard(tmp_path / "s", seen)
    assert seen == [b"1"]


async def test_silent_events_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENCE", 0.1)
    async with answering(tmp_path / "s", EVENTS + chunk(b"data: 1\n\n"), hang_up=False):
        events = ApiClient(tmp_path / "s").events()
        assert (await anext(events)).data == b"1"
        with pytest.raises(EngineUnreachable, match="no data for"):
            await anext(events)


async def test_a_listener_that_leaves_closes_its_connection(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", EVENTS + chunk(b"data: 1\n\n"), hang_up=False):
        seen: list[bytes] = []
        listening = asyncio.get_running_loop().create_task(heard(tmp_path / "s", seen))
        await eventually(lambda: seen == [b"1"])
        listening.cancel()
    assert listening.cancelled()


async def test_a_path_is_sent_as_it_is(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", answer(ABOUT)) as asked:
        api = ApiClient(tmp_path / "s")
        for path in ("/v1/users/..", "/v1/users/a%2Fb", f"/v1/users/{'x' * 100_000}"):
            await api.get(path, About)
            assert asked.pop().startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_requests_have_what_the_engine_needs_and_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with answering(tmp_path / "s", answer(ABOUT, b"Set-Cookie: a=b")) as asked:
        api = ApiClient(tmp_path / "s")
        await api.patch("/v1/settings", About, UsersQuestion(filter="x"), etag='"1"')
        await api.get("/v1", About)
    change, query = ({*each.lower().split(b"\r\n")} for each in asked)
    assert {b"host: localhost", b"connection: close", b'if-match: "1"', b"content-type: application/json"} <= change
    assert {b"host: localhost", b"connection: close", b"accept-encoding: identity"} <= query
    assert not any(field.startswith((b"authorization", b"cookie")) for field in change | query)


async def test_the_place_in_the_stream_is_sent(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", EVENTS) as asked:
        with pytest.raises(EngineUnreachable):
            await anext(ApiClient(tmp_path / "s").events("users,audit", "b-7"))
    assert asked[0].startswith(b"GET /v1/events?topics=users%2Caudit HTTP/1.1\r\n")
    assert b"\r\nlast-event-id: b-7\r\n" in asked[0].lower()


async def test_what_does_not_fit_into_one_read_is_whole(tmp_path: Path) -> None:
    body = b"0123456789" * 100_000
    async with answering(tmp_path / "s", answer(body)):
        assert await ApiClient(tmp_path / "s").read("/v1/log/har") == body
