"""Tests of the API client against the real API."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from calendar_tui.model import Attached, Lost, Model
from calendar_tui.session import EngineSession, VersionsDiffer
from engine.api import client
from engine.api.client import ApiClient, quoted_segment, reachable_socket
from engine.api.errors import EngineUnreachable, RequestRefused, SocketForbidden
from engine.api.paths import read_only_twin
from engine.api.schema import About, Operation, ResyncQuestion, Status, UserDetail, UsersPage, UsersQuestion
from tests.support.eventually import eventually, patience
from tests.support.raw_answer import answering
from tests.support.served_engine import people, served_engine

USERS = people(3)


async def test_answers_are_typed(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        api = ApiClient(served.socket)
        assert (await api.get("/v1/status", Status)).users == 3
        user = await api.get(f"/v1/users/{quoted_segment(USERS[0].guid)}", UserDetail)
        assert user.name == "user0"
        assert [part.presence.activity for part in user.day] == ["available", "busy", "available"]
        operation = await api.post("/v1/resync", Operation, ResyncQuestion(users=(USERS[0].guid,)))
        assert operation.total == 1
        assert (await api.delete(f"/v1/operations/{operation.id}", Operation)).id == operation.id


async def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        with pytest.raises(RequestRefused) as refused:
            await ApiClient(served.socket).get("/v1/users/nobody", UserDetail)
        assert (refused.value.status, refused.value.detail) == (404, "There is no such user")
        assert "GET /v1/users" in refused.value.remedy
        with pytest.raises(SocketForbidden, match="read-only"):
            await ApiClient(served.read_only).post("/v1/resync", Operation)


async def test_the_socket_is_found_as_the_commands_find_it(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "engine.sock", tmp_path / "engine.sock"
    with pytest.raises(EngineUnreachable, match=str(first)):
        reachable_socket((first, second), "ask")
    async with served_engine(tmp_path, USERS) as served:
        assert reachable_socket((first, second), "ask") == served.socket
        assert reachable_socket((first, second), "read") == read_only_twin(second)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_a_socket_of_others(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        with pytest.raises(SocketForbidden):
            reachable_socket((path,), "ask")


class Watched:
    """A session, and all states of its model."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.model = Model(lambda: datetime.now(UTC))
        self.news = asyncio.Event()
        self.session = EngineSession(
            self.model,
            lambda: reachable_socket((path,), "read" if read_only else "ask"),
            self.news.set,
            read_only=read_only,
            random=Random(1),
        )

    async def until(self, kind: type[Attached] | type[Lost]) -> None:
        await eventually(lambda: isinstance(self.model.attachment, kind), lambda: self.model.attachment)


@asynccontextmanager
async def watching(path: Path, *, read_only: bool = False) -> AsyncIterator[Watched]:
    watched = Watched(path, read_only=read_only)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watched.session.run())
        yield watched
        task.cancel()


async def test_it_comes_back_by_itself(tmp_path: Path) -> None:
    async with watching(tmp_path / "engine.sock") as watched:
        await watched.until(Lost)
        assert isinstance(watched.model.attachment, Lost)
        assert "calendar-engine run" in watched.model.attachment.remedy
        async with served_engine(tmp_path, USERS) as served:
            await served.settled()
            await watched.until(Attached)
            await eventually(lambda: len(watched.model.users.rows) == 3)
        await watched.until(Lost)
        assert len(watched.model.users.rows) == 3
        async with served_engine(tmp_path, people(5)) as served:
            await watched.until(Attached)
            await eventually(lambda: len(watched.model.users.rows) == 5)


async def test_changes_from_before_and_after_are_each_there_once(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        async with watching(served.socket) as watched:
            await watched.until(Attached)
            await eventually(lambda: bool(watched.model.changes))
            await served.clock.advance(3600)
            await served.settled()
            everything = served.api_state.history.recent
            await eventually(lambda: len(watched.model.changes) == len(everything))
            assert [change.number for change in watched.model.changes] == [change.number for change in everything]
            assert sum(watched.model.last_hour.changes(watched.model.now)) == 3
            assert str(watched.model.zone) == "UTC"


@pytest.mark.parametrize("read_only", [False, True])
async def test_rights_are_recognised(tmp_path: Path, read_only: bool) -> None:
    async with served_engine(tmp_path, USERS) as served, watching(served.socket, read_only=read_only) as watched:
        await watched.until(Attached)
        assert watched.model.may_change is not read_only


async def test_another_version_of_the_api(tmp_path: Path) -> None:
    about = (
        b'{"api":2,"version":"9.0","boot":"b","capabilities":[],"rights":{"read":true,"change":true},'
        b'"actor":{"uid":0,"pid":1}}'
    )
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(about), about)
    async with answering(tmp_path / "engine.sock", answer), watching(tmp_path / "engine.sock") as watched:
        await watched.until(Lost)
        assert isinstance(watched.model.attachment, Lost)
        assert isinstance(watched.model.attachment.failure, VersionsDiffer)
        assert "9.0" in str(watched.model.attachment.failure)


async def test_an_engine_that_does_not_answer_is_told_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    monkeypatch.setattr(client, "UNANSWERED", 0.01)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        told: list[str] = []
        asked = ApiClient(tmp_path / "s", lambda: told.append("waits"))
        with pytest.raises(EngineUnreachable, match="no answer within"):
            await asked.get("/v1", About)
        async with patience():
            with pytest.raises(EngineUnreachable, match="no answer within"):
                await anext(aiter(asked.events()))
    assert told == ["waits", "waits"]


async def test_refusals_name_what_does_not_fit(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        with pytest.raises(RequestRefused) as refused:
            await ApiClient(served.socket).get("/v1/users", UsersPage, UsersQuestion(filter="x", per_page=1001))
        assert refused.value.status == 400
        assert refused.value.parts == ("per_page: Expected `int` <= 1000",)
