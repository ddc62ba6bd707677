"""The event stream: a snapshot, then numbers without gaps; reconnecting misses nothing, slow clients are dropped."""

import itertools
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema import Actor, AuditEntry, AuditEvent, Topic, UsersEvent
from engine.server.event_log import ConsumerLagged, Events
from engine.server.event_stream import TOPICS, StreamTimeouts
from tests.support.eventually import eventually
from tests.support.idle_time import idle_seconds
from tests.support.served_engine import NINE, EventReader, InstantSource, ServedEngine, people, served_engine

USERS = people(20)
ENTRY = AuditEntry(at=NINE, actor=Actor(uid=0, pid=1), action="resync", subject="everybody")


@asynccontextmanager
async def listening(served: ServedEngine, query: str = "", last_id: str = "") -> AsyncIterator[EventReader]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with served.session().get(f"/v1/events{query}", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield EventReader(response)


async def collect(reader: EventReader, topic: str, number: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < number:
        name, data = await reader.next()
        if name == topic:
            found.append(data)
    return found


@pytest.mark.slow
async def test_a_snapshot_comes_first_and_then_what_happens(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with listening(served) as reader:
            name, snapshot = await reader.next()
            assert name == "snapshot"
            assert {user["guid"] for user in snapshot["users"]} == {user.guid for user in USERS}
            assert snapshot["status"]["users"] == len(USERS)
            assert snapshot["operations"] == []
            await served.clock.advance_to(NINE + timedelta(hours=1))
            changes = await collect(reader, "changes", len(USERS))
            assert {change["guid"] for change in changes} == {user.guid for user in USERS}
            assert [b["number"] - a["number"] for a, b in itertools.pairwise(changes)] == [1] * 19


async def test_what_changes_without_an_event_is_in_the_status_soon(tmp_path: Path) -> None:
    source = InstantSource()
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with listening(served, "?topics=status") as reader:
            assert (await reader.next())[1]["status"]["watched"] == 0
            source.watched |= {f"user{n}@corp.example" for n in range(len(USERS))}
            while True:
                [status] = await collect(reader, "status", 1)
                if status["status"]["watched"] == len(USERS):
                    break


async def test_a_snapshot_and_its_events_make_the_present_state(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served, listening(served, "?topics=users") as reader:
        name, snapshot = await reader.next()
        assert (name, snapshot["status"], snapshot["operations"]) == ("snapshot", None, None)
        known = {user["guid"]: user for user in snapshot["users"]}
        await eventually(lambda: len(served.engine.guids()) == len(USERS))
        served.link.remove(USERS[0].guid)
        number = None
        while len(known) != 19 or any(user["state"] != "current" for user in known.values()):
            name, event = await reader.next()
            assert name == "users"
            assert number is None or event["number"] == number + 1
            number = event["number"]
            known.update((user["guid"], user) for user in event["users"])
            for guid in event["gone"]:
                known.pop(guid, None)
        assert USERS[0].guid not in known


async def test_who_comes_back_gets_what_was_missed_and_no_snapshot(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with listening(served, "?topics=audit") as reader:
            assert (await reader.next())[0] == "snapshot"
            served.api_state.audit.add(ENTRY)
            [first] = await collect(reader, "audit", 1)
            last_id = reader.last_id
        for _ in range(3):
            served.api_state.audit.add(ENTRY)
        async with listening(served, "?topics=audit", last_id) as reader:
            missed = [await reader.next() for _ in range(3)]
        assert [(name, data["number"] - first["number"]) for name, data in missed] == [
            ("audit", 1),
            ("audit", 2),
            ("audit", 3),
        ]


@pytest.mark.parametrize("last_id", ["00000000-5", "nonsense", "-", "{boot}-99999999999", "{boot}-²", "{boot}--1"])
async def test_an_id_that_is_not_known_gets_a_snapshot(tmp_path: Path, last_id: str) -> None:
    async with served_engine(tmp_path, USERS) as served:
        known = last_id.format(boot=served.api_state.events.boot)
        async with listening(served, "?topics=status", known) as reader:
            assert (await reader.next())[0] == "snapshot"


async def test_a_silent_stream_says_that_it_is_still_there(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, patience=StreamTimeouts(heartbeat=0.1)) as served:
        await served.settled()
        async with listening(served, "?topics=audit") as reader:
            await reader.next()
            for _ in range(2):
                assert await reader.comment() == ": still here"
            served.api_state.audit.add(ENTRY)
            assert (await reader.next())[0] == "audit"


@pytest.mark.slow
async def test_the_many_changes_of_one_user_are_one_event_and_the_ledger_has_them_all(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with listening(served, "?topics=users,changes,audit") as reader:
            await reader.next()
            for hour in range(10, 12):
                await served.clock.advance_to(NINE + timedelta(hours=hour - 9))
                await served.settled()
            await eventually(lambda: not served.api_state.rows.has_news)
            served.api_state.audit.add(ENTRY)
            told: dict[str, list[Any]] = defaultdict(list)
            while "audit" not in told:
                name, event = await reader.next()
                told[name].append(event)
        assert len(told["changes"]) == len(USERS)
        assert 0 < len(told["users"]) < 20


@pytest.mark.slow
async def test_stopping_with_open_streams_takes_under_a_second(tmp_path: Path) -> None:
    deaf: list[socket.socket] = []
    async with served_engine(tmp_path, people(2000)) as served:
        await served.settled()
        for _ in range(20):
            deaf.append(connect_and_never_read(served.socket))
        sessions = [served.session(served.read_only) for _ in range(20)]
        responses = [await session.get("/v1/events") for session in sessions]
        await eventually(lambda: served.api_state.events.listeners == 40)
        before = idle_seconds()
        served.sessions.clear()
    waited = idle_seconds() - before
    for session, response in zip(sessions, responses, strict=True):
        response.close()
        await session.close()
    for each in deaf:
        each.close()
    assert waited < 1


def connect_and_never_read(path: Path) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    caller.connect(str(path))
    caller.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return caller


@pytest.mark.slow
async def test_a_listener_that_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(2000), patience=StreamTimeouts(stalled=0.2)) as served:
        await served.settled()
        deaf = connect_and_never_read(served.socket)
        await eventually(lambda: served.api_state.counters.listeners_cut_off == 1)
        assert served.api_state.events.listeners == 0
        assert "calendar_engine_event_listeners_cut_off_total 1" in await text(served, "/v1/metrics")
        deaf.close()


async def text(served: ServedEngine, path: str) -> str:
    async with served.session().get(path) as response:
        return await response.text()


@pytest.mark.slow
async def test_fifty_deaf_listeners_do_not_slow_the_engine(tmp_path: Path) -> None:
    async def an_hour(directory: Path, listeners: int) -> tuple[float, float]:
        """Return the seconds that it took the processor, and those in which everything waited."""
        async with served_engine(directory, people(500)) as served:
            await served.settled()
            deaf = [connect_and_never_read(served.socket) for _ in range(listeners)]
            await eventually(lambda: served.api_state.events.listeners == listeners)
            busy, idle = time.process_time(), idle_seconds()
            await served.clock.advance_to(NINE + timedelta(hours=1))
            await served.settled()
            busy, idle = time.process_time() - busy, idle_seconds() - idle
            assert all(presence.activity == "" for presence in served.link.shown.values())
            for each in deaf:
                each.close()
            return busy, idle

    alone = await an_hour(tmp_path / "alone", 0)
    watched = await an_hour(tmp_path / "watched", 50)
    assert sum(watched) < 2 * sum(alone) + 1


async def test_there_is_a_limit_to_the_listeners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.server.event_stream.MOST_LISTENERS", 1)
    async with served_engine(tmp_path, USERS) as served, listening(served) as reader:
        await reader.next()
        async with served.session().get("/v1/events") as response:
            assert response.status == 503
            assert (await response.json(content_type=None))["type"] == "too-many-listeners"


@pytest.mark.slow
@given(st.lists(st.sampled_from(["audit", "users"]), max_size=60), st.integers(0, 60), st.integers(300, 3000))
def test_the_tape_is_complete_or_says_that_it_is_not(written: list[Topic], place: int, capacity: int) -> None:
    events = Events("b", capacity)
    for topic in written:
        if topic == "audit":
            events.append(topic, lambda number: AuditEvent(number=number, entry=ENTRY))
        else:
            events.append(topic, lambda number: UsersEvent(number=number, users=(), gone=()))
    place = min(place, len(written))
    try:
        missed, reached = events.after(place, TOPICS)
    except ConsumerLagged:
        assert events.place(f"b-{place}") is None
        return
    assert events.place(f"b-{place}") == place
    names = [line[7:] for line in missed.decode().splitlines() if line.startswith("event: ")]
    ids = [line[6:] for line in missed.decode().splitlines() if line.startswith("id: ")]
    assert reached == len(written)
    assert names == written[place:]
    assert ids == [str(each) for each in range(place + 1, len(written) + 1)]
