"""Names, subjects and server texts with control characters are harmless in the output of every command and in the
log."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.core.presence.model import Presence
from engine.daemon.log_formats import text_on
from engine.daemon.log_handler import LogHandler
from engine.daemon.log_messages import log
from engine.exchange.errors import MailboxNotFound
from engine.sync.events import ConnectionLost, PresenceConfirmed, Side, UserTrouble
from tests.support.hostile import HOSTILE, NAME, USERS, harm_in_lines, hostile_source
from tests.support.served_engine import NINE, SETTINGS, ServedEngine, an_exchange, served_engine

COMMANDS: list[tuple[str, ...]] = [
    ("status",),
    ("users",),
    ("users", HOSTILE),
    ("explain", "user1"),
    ("explain", NAME),
    ("explain", f"nobody{HOSTILE}"),
    ("resync", "user1"),
    ("resync", HOSTILE),
    ("config", "show"),
    ("config", "get", HOSTILE),
    ("config", "set", f"exclude={HOSTILE}"),
    ("config", "set", f"presence.contact={NAME}"),
    ("config", "check", f"pbx.host={NAME}"),
    ("config", "history"),
    ("config", "schema"),
    ("config", "vendor"),
    ("secret", "list"),
    ("secret", "delete", HOSTILE),
    ("log", "show"),
    ("log", "show", "1"),
    ("log", "show", "--raw", "1"),
    ("log", "show", HOSTILE),
    ("log", "stats"),
    ("log", "diagnose"),
    ("log", "export", "--output", f"/no/such{HOSTILE}/file"),
    ("log", "on", "--mailbox", NAME),
    ("log", "off"),
    ("preview", "--set", f"presence.contact={NAME}"),
    ("version",),
]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    settings = f"{SETTINGS}[debug_log]\news = true\n"
    async with served_engine(tmp_path, USERS, source=hostile_source(), settings=settings) as served:
        await served.settled()
        await an_exchange(
            served,
            response_headers={"X-Name": NAME},
            request=f"<a>{NAME}</a>".encode(),
            response=f'<b c="{NAME}">\n{NAME}</b>'.encode(),
            status=500,
            failure=NAME,
        )
        yield served


async def said(served: ServedEngine, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in a thread of this process, and return its output."""
    command = [*arguments, "--socket", str(served.socket)]
    capsys.readouterr()
    status = await asyncio.to_thread(main, command)
    return status, *capsys.readouterr()


@pytest.mark.slow
async def test_no_command_lets_any_of_it_through(
    served: ServedEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")  # no name is broken or cut
    shown = 0
    for arguments in COMMANDS:
        status, out, err = await said(served, capsys, *arguments)
        assert not harm_in_lines(out + err), (arguments, out, err)
        assert status != 70, (arguments, err)
        shown += "ERROR forged" in out + err
    assert shown > 12


async def test_programs_get_it_as_it_is(served: ServedEngine, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = await said(served, capsys, "users", "--json")
    assert {user["display_name"] for user in json.loads(out)["users"]} == {NAME}
    _, out, _ = await said(served, capsys, "explain", "user1", "--json")
    assert json.loads(out)["groups"] == [NAME]


@pytest.mark.parametrize(
    "event",
    [
        PresenceConfirmed(USERS[0], Presence(), NINE),
        UserTrouble(USERS[0], MailboxNotFound(NAME)),
        ConnectionLost(Side.PBX, MailboxNotFound(NAME), None),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_forges_a_line_of_the_log(event: UserTrouble) -> None:
    stream = io.StringIO()
    handler, logger = LogHandler(text_on(stream)), logging.getLogger("engine")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        log(event)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    [line] = stream.getvalue().removesuffix("\n").split("\n")
    assert not harm_in_lines(line)
