"""Servers that send control characters everywhere: no command lets them reach a terminal or a log."""

import asyncio
import itertools
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.cli.commands import make_parser
from engine.cli.main import main
from engine.core.presence.text import clean
from engine.documents.columns import columns
from tests.support.command import begun
from tests.support.eventually import patience
from tests.support.hostile import HOSTILE, NAME, harm_in, harm_in_lines
from tests.support.hostile_site import (
    ELSEWHERE,
    EVERYBODY,
    HALF,
    IN_HEADER,
    LONG_NAMED,
    PAGE,
    UNSHOWN,
    WELL,
    HostileSite,
    address,
    display_name,
    hostile_item,
    hostile_site,
    user_name,
)
from tests.support.parsers import commands

pytestmark = pytest.mark.slow

READING: dict[str, tuple[tuple[str, ...], ...]] = {
    "status": ((),),
    "users": ((), (HOSTILE,), (WELL,)),
    "explain": (*((name,) for name in EVERYBODY), (display_name(WELL),), (HOSTILE,), (f"nobody{HOSTILE}",)),
    "day": ((), ("--user", WELL), ("--user", HOSTILE)),
    "hold": ((), ("confirm",)),
    "resync": ((WELL,), ("--resolve", ELSEWHERE), (HOSTILE,), ()),
    "config show": ((),),
    "config get": (("presence.contact",), (HOSTILE,)),
    "config set": ((f"exclude={HOSTILE}",), (f"presence.contact={NAME}",), (f"pbx.users.exclude.names=['{NAME}']",)),
    "config check": ((), (f"pbx.host={NAME}",)),
    "config history": ((),),
    "config rollback": (("77",),),
    "config confirm": ((),),
    "config schema": ((),),
    "config vendor": ((),),
    "secret list": ((),),
    "secret delete": ((HOSTILE,),),
    "cloud certificate": (("show",), (), ("--out", f"/no/such{HOSTILE}/file"), ("delete",)),
    "cloud tenant": ((),),
    "log-in show": ((),),
    "log-in retry": ((),),
    "log show": ((), ("is:error",), (HOSTILE,), *((("--raw", str(number))) for number in range(1, 60))),
    "log stats": ((),),
    "log histogram": ((), ("is:error",), (HOSTILE,)),
    "log diagnose": ((),),
    "log export": (("--format", "curl", "--output", "-", "3"), ("--output", f"/no/such{HOSTILE}/file")),
    "log on": ((), ("--mailbox", NAME)),
    "log off": ((),),
    "probe": (("exchange", "--user", WELL), ("exchange", "--user", HOSTILE), ("pbx", "--user", f"{WELL}{NAME}")),
    "access": ((), ("--csv", f"/no/such{HOSTILE}/file"), ("--again", HOSTILE)),
    "preview": (("--set", f"presence.contact={NAME}"), ("--set", "presence.mapping.busy=dnd")),
    "version": ((),),
    "go-live": (("--pilots", HOSTILE), ("--pilots", NAME), ()),
    "go-back": (("--keep",), ()),
    "health": ((),),
    "remove": ((), ("--clear",)),
    "cluster status": ((),),
    "cluster drain": ((), (HOSTILE,)),
    "cluster undrain": ((HOSTILE,),),
    "cluster resume": ((HOSTILE,),),
}
"""Arguments of each command."""

OUR_COLOURS = re.compile(r"\x1b\[(?:[0-9]|3[0-9])?m")
NOT_OURS = "\x1b[45m"
ENDLESS = ("events", "log follow")
ELSEWHERE_TESTED = {"run", "demo", "setup", "secret set", "secret rotate-key", "completion", "backup", "restore"}
ELSEWHERE_TESTED |= {"cluster join", "cluster leave", "cluster migrate"}
"""What asks no running engine, or asks somebody to type."""


@pytest.fixture
async def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[HostileSite]:
    """A command in this process has it log to the streams of `capsys`, which therefore have to last longer."""
    async with hostile_site(tmp_path) as site:
        yield site


def test_no_command_is_forgotten() -> None:
    assert {*READING, *ENDLESS, *ELSEWHERE_TESTED} == {path for path, _ in commands(make_parser())}


def lines_of(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


async def said(site: HostileSite, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Run a command in a thread of this process, and return its output."""
    capsys.readouterr()
    status = await asyncio.to_thread(main, [*arguments, "--socket", str(site.socket)])
    out, err = capsys.readouterr()
    assert status != 70, (arguments, err)
    return out, err


@pytest.mark.pty
@pytest.mark.parametrize("on_terminal", [False, True])
async def test_no_command_lets_any_of_it_through(
    on_terminal: bool, site: HostileSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_terminal:
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True)
        monkeypatch.delenv("NO_COLOR", raising=False)
    shown, coloured = 0, 0
    for command, each in READING.items():
        for arguments in each:
            out, err = await said(site, capsys, *command.split(), *arguments)
            text = out + err
            plain = OUR_COLOURS.sub("", text) if on_terminal else text
            assert text
            assert not harm_in_lines(plain), (command, arguments, text)
            assert NOT_OURS not in text
            shown += "ERROR forged" in text
            coloured += plain != text
    assert shown > 40
    assert (coloured > 40) is on_terminal


async def test_each_row_is_one_line_of_the_terminal(
    site: HostileSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = await said(site, capsys, "users")
    assert len(lines_of(out)) == 1 + len(EVERYBODY)
    assert max(map(columns, lines_of(out))) <= 80
    for words in ((), ("is:error",)):
        out, _ = await said(site, capsys, "log", "show", "--limit", "9999", *words)
        as_json, _ = await said(site, capsys, "log", "show", "--limit", "9999", "--json", *words)
        numbers = [json.loads(line)["id"] for line in lines_of(as_json)]
        shown = [int(line.split()[0]) for line in lines_of(out)[1:]]
        assert len(shown) > 4
        assert shown == numbers[: len(shown)]


async def test_programs_get_it_as_it_is(site: HostileSite, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of a surrogate pair is no text (RFC 8259, section 8.2): the sign for it stands there from the first. A
    subject is what a note makes of it."""

    async def got(*arguments: str) -> Any:
        return json.loads((await said(site, capsys, *arguments, "--json"))[0])

    whole = {name: display_name(name).replace("\ud83d", "\ufffd") for name in EVERYBODY}
    page = await got("users")
    assert {user["display_name"] for user in page["users"]} == set(whole.values())
    assert {user["name"] for user in page["users"]} == set(map(user_name, EVERYBODY))
    concerned = (await got("status"))["concerns"]
    assert {user["label"] for each in concerned for user in each["users"]} < set(whole.values())
    user = await got("explain", WELL)
    assert (user["groups"], user["node"]) == ([NAME], NAME)
    [appointment] = user["decision"]["appointments"]
    assert appointment["subject"] == clean(HALF)
    unshown = await got("explain", UNSHOWN)
    assert unshown["acknowledged"]["presence"]["note"] == NAME
    out, _ = await said(site, capsys, "log", "show", "--json", "--limit", "9999")
    exchanges = [json.loads(line) for line in lines_of(out)]
    assert whole[WELL] in {each["user"] for each in exchanges}
    of_page = next(each for each in exchanges if each["mailbox"] == address(PAGE) and each["failure"])
    headers = (await got("log", "show", str(of_page["id"])))["response_headers"]
    assert {"name": "x-feserver", "value": IN_HEADER} in headers


@pytest.mark.process
@pytest.mark.parametrize("endless", ENDLESS)
async def test_what_happens_is_shown_without_it(endless: str, site: HostileSite) -> None:
    process = await begun(*endless.split(), "--socket", str(site.socket), COLUMNS="500")
    assert process.stdout is not None
    async with patience(), asyncio.TaskGroup() as group:
        activity = group.create_task(keep_active(site))
        lines = [await process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        activity.cancel()
    shown = (b"".join(lines) + out + err).decode()
    assert "ERROR forged" in shown
    assert not harm_in_lines(shown)
    assert process.returncode == 0


async def keep_active(site: HostileSite) -> None:
    """Move an appointment back and forth until cancelled."""
    world = site.company.world
    for end in itertools.cycle(("11:00", "10:00")):
        world.put(address(WELL), hostile_item(world, f"09:00-{end}"))
        await asyncio.sleep(0.2)


async def test_every_record_of_the_log_is_one_line(site: HostileSite) -> None:
    """Where a record tells of a mistake, the lines that lead there are below it, and begin with blanks."""
    lines = lines_of(site.log.getvalue())
    assert not [line for line in lines if harm_in(line)]
    assert len([line for line in lines if not line.startswith("  ")]) == len(site.records)
    for name in set(EVERYBODY) - {LONG_NAMED}:
        assert any(f" {name} " in line and "ERROR forged" in line for line in lines), name
