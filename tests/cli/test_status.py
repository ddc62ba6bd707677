"""Tests of the commands that query a running engine, in separate processes over a real socket."""

import asyncio
import json
import platform
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.paths import socket_path
from engine.core.appointments import Appointment, Oddity, Sensitivity
from engine.exchange.errors import MailboxNotFound
from tests.support.command import Ended, command
from tests.support.eventually import eventually
from tests.support.served_engine import NINE, SETTINGS, InstantSource, ServedEngine, people, served_engine

pytestmark = pytest.mark.slow

USERS = people(12)


async def ask(served: ServedEngine, name: str, *arguments: str) -> Ended:
    return await command(name, "--socket", str(served.socket), *arguments)


@pytest.fixture
def source() -> InstantSource:
    source = InstantSource()
    source.failures["user7@corp.example"] = MailboxNotFound("user7@corp.example is not in the directory")
    return source


@pytest.mark.process
async def test_status_for_people_and_for_programs(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        people, program = await asyncio.gather(ask(served, "status"), ask(served, "status", "--json"))
    assert (people.status, people.err, program.status) == (0, "", 0)
    assert " PBX       ✓ working " in people.out
    assert " 12 users   11 up to date   0 waiting   1 problem\n" in people.out
    assert "✗ No mailbox found" in people.out
    assert "\x1b" not in people.out
    assert all(len(line) <= 80 for line in people.out.splitlines())
    assert "   User Number 7\n" in people.out
    assert json.loads(program.out)["unresolved"] == 1


@pytest.mark.process
async def test_times_are_those_of_the_notes_and_not_of_the_machine(tmp_path: Path) -> None:
    source = InstantSource()
    source.watched |= {f"user{n}@corp.example" for n in range(11)}
    settings = SETTINGS.replace('"UTC"', '"Europe/Berlin"')
    async with served_engine(tmp_path, USERS, settings=settings, source=source) as served:
        await served.settled()
        await served.clock.advance(150)
        elsewhere = {"TZ": "America/New_York"}
        explained, status = await asyncio.gather(
            command("explain", "user1", "--socket", str(served.socket), **elsewhere),
            command("status", "--socket", str(served.socket), **elsewhere),
        )
    assert "until 11am" in explained.out
    assert "   10:00–11:00  busy " in explained.out
    assert "(user1), 2026-03-02 10:07 Europe/Berlin\n" in explained.out
    assert " Calendar  user1@corp.example · live · read 10:05\n" in explained.out
    assert " Next     11:00  ○ available" in explained.out
    assert " PBX       ✓ working   since 10:05\n" in status.out
    assert " 12 users   12 up to date   0 waiting\n" in status.out
    assert " 11 live, oldest reading 10:05, times in Europe/Berlin\n" in status.out


@pytest.mark.process
async def test_what_was_left_out_and_why_a_subject_is_hidden_is_told(tmp_path: Path, source: InstantSource) -> None:
    usual = Appointment(id="m", start=NINE, end=NINE + timedelta(hours=1), subject="Jour fixe")
    source.calendars["user1@corp.example"] = (
        replace(usual, sensitivity=Sensitivity.PRIVATE, subject="Doctor"),
        replace(usual, id="n", end=NINE, subject="", oddities=(Oddity.NOT_UNDERSTOOD,)),
    )
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        explained, told = await asyncio.gather(
            ask(served, "explain", "user1"), ask(served, "explain", "user1", "--json")
        )
    assert "Doctor" not in explained.out + told.out
    said = " ".join(explained.out.split())
    assert "09:00–10:00 busy (private)" in said
    assert "time unknown busy (" in said
    assert "left out: its start or end is unknown; odd: it has no readable start" in said
    appointments = json.loads(told.out)["decision"]["appointments"]
    assert {each["outcome"] for each in appointments} == {"active", "left out"}
    assert "private" in {each["hidden"] for each in appointments}


@pytest.mark.process
async def test_users_are_listed_and_found(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        everybody, some = await asyncio.gather(ask(served, "users"), ask(served, "users", "number", "7", "--json"))
    heads, first, *others = everybody.out.splitlines()
    assert heads.split() == ["shows", "name", "note", "until", "read"]
    assert first.startswith("  ● busy       User Number 0         Busy: Jour fixe until 10am  ")
    assert first.split()[-2:] == ["10:00", "09:05"]
    assert len(others) == 11
    assert everybody.err == "12 users\n"
    [user] = json.loads(some.out)["users"]
    assert (user["name"], user["problem"]) == ("user7", "mailbox-not-found")


@pytest.mark.process
async def test_explain_says_why(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        exact, none, many, note = await asyncio.gather(
            ask(served, "explain", "user1"),
            ask(served, "explain", "nobody"),
            ask(served, "explain", "number"),
            ask(served, "explain", "until"),
        )
        noted = await ask(served, "users", "until")
    assert exact.status == 0
    assert "   changes        read now and then\n" in exact.out
    assert "   next reading   " in exact.out
    assert "   server         https://mail.corp.example/EWS/Exchange.asmx\n" in exact.out
    assert re.search(r" 09:00–10:00 +busy +Jour fixe +shown now\n", exact.out)
    assert " Because  09:00–10:00 Jour fixe is busy now.\n" in exact.out
    assert (none.status, many.status) == (66, 2)
    assert (noted.err, note.status) == ("11 users\n", 66), "a note is looked through, but does not name anybody"
    assert "No such user: no user matches 'nobody'" in none.err
    assert "12 users match 'number': user0, user1" in many.err


@pytest.mark.process
async def test_resync_waits_and_needs_the_right(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        before = source.reads
        everybody = await ask(served, "resync")
        assert (everybody.status, everybody.out) == (0, "Reading calendars again: 12 of 12, 1 failed. Done.\n")
        assert source.reads == before + 11
        assert (await ask(served, "resync", "user7")).status == 1
        some = await ask(served, "resync", "--resolve", "user1", "user2")
        assert some.out == "Looking for mailboxes again: 2 of 2. Done.\n"
        assert [operation.kind for operation in served.api_state.operations.all()] == ["reresolve", "resync", "resync"]
        refused = await command("resync", "--socket", str(served.read_only))
        assert refused.status == 77
        assert "read-only" in refused.err
        readable = await command("status", "--socket", str(served.read_only))
        assert readable.status == 0


@pytest.mark.process
async def test_events_until_the_engine_ends(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        lines = asyncio.create_subprocess_exec
        process = await lines(
            sys.executable,
            "-m",
            "engine.cli.main",
            "events",
            "--json",
            "--socket",
            str(served.socket),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        assert (first["event"], len(first["data"]["users"])) == ("snapshot", 12)
        shown = asyncio.gather(ask(served, "events"))
        await eventually(lambda: served.api_state.events.listeners == 2)
        await served.clock.advance(3600)
        await served.settled()
    out, err = await process.communicate()
    [people] = await shown
    assert process.returncode == people.status == 69
    events = [json.loads(line) for line in out.decode().splitlines()]
    assert sum(event["event"] == "changes" for event in events) == 12
    assert b"closed the event stream" in err
    assert len(re.findall(r"^ \d\d:\d\d:\d\d  ○ available  User Number \d+$", people.out, re.M)) == 12


@pytest.mark.process
async def test_no_engine(tmp_path: Path) -> None:
    nobody = await command("status", "--socket", str(tmp_path / "engine.sock"))
    assert (nobody.status, nobody.out) == (69, "")
    assert "calendar-engine run" in nobody.err
    assert "Traceback" not in nobody.err
    default = await command("users", XDG_RUNTIME_DIR=str(tmp_path), RUNTIME_DIRECTORY="")
    assert default.status == 69
    assert str(tmp_path / "calendar-engine" / "engine.sock") in default.err


@pytest.mark.process
async def test_versions_with_and_without_an_engine(tmp_path: Path) -> None:
    nowhere = {"XDG_RUNTIME_DIR": str(tmp_path), "RUNTIME_DIRECTORY": ""}
    async with served_engine(tmp_path, USERS) as served:
        people, program, alone, wrong = await asyncio.gather(
            ask(served, "version"),
            ask(served, "version", "--json"),
            command("version", "--json", **nowhere),
            command("version", "--socket", str(tmp_path / "nothing.sock")),
        )
    own = json.loads(alone.out)
    assert own["engine"] is None
    assert own["python"] == platform.python_version()
    assert json.loads(program.out)["engine"]["version"] == own["version"]
    assert people.out.startswith(f"calendar-engine {own['version']}, API 1, Python ")
    assert f"The running engine is {own['version']}, API 1." in people.out
    assert (wrong.status, wrong.out) == (69, "")


def test_where_the_socket_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_path(tmp_path / "own.sock", {"RUNTIME_DIRECTORY": "/run/a"}) == tmp_path / "own.sock"
    assert socket_path(None, {"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a/engine.sock")
    assert socket_path(None, {}) == tmp_path / "calendar-engine" / "engine.sock"


@pytest.mark.process
async def test_a_day_is_shown_as_bars(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        everybody, one, wrong = await asyncio.gather(
            ask(served, "day"),
            ask(served, "day", "--user", "user7", "--user", "user1", "--date", "2026-03-03", "--json"),
            ask(served, "day", "--date", "tomorrow"),
        )
    lines = everybody.out.splitlines()
    assert lines[0] == " 12 users · Monday 2 March"
    assert "█" in next(line for line in lines if line.startswith(" User Number 0 "))
    assert any(line.startswith(" ✗ ") for line in lines)
    assert [day["user"]["name"] for day in json.loads(one.out)["days"]] == ["user7", "user1"]
    assert "tomorrow is not a date" in wrong.err
