"""Tests of `calendar-engine log` in separate processes over a real socket."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from engine.api.schema.log import LogBody
from engine.cli.main import main
from engine.cli.terminal import AnsiPalette
from engine.documents.log_entry import body_document
from engine.exchange.impersonation import grant
from tests.server.test_log import ON, changes
from tests.support.command import Ended, command
from tests.support.eventually import eventually
from tests.support.served_engine import ServedEngine, an_exchange, people, served_engine

pytestmark = pytest.mark.slow

USERS = people(3)


async def log(served: ServedEngine, action: str, *arguments: str) -> Ended:
    return await command("log", action, "--socket", str(served.socket), *arguments)


@pytest.mark.process
async def test_what_happened_is_shown_counted_explained_and_exported(tmp_path: Path) -> None:
    archive, har = tmp_path / "support.zip", tmp_path / "x.har"
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served, **changes("NoError"))
        await an_exchange(served, **changes("ErrorImpersonateUserDenied", status=500))
        listed, one, raw, stats, diagnosis, wrong, program, exported, again, curl = await asyncio.gather(
            log(served, "show", "user:number", "is:error"),
            log(served, "show", "2"),
            log(served, "show", "2", "--raw"),
            log(served, "stats"),
            log(served, "diagnose"),
            log(served, "show", "foo:1"),
            log(served, "show", "--json"),
            log(served, "export", "--output", str(archive), "is:error"),
            log(served, "export", "--format", "har", "--output", str(har)),
            log(served, "export", "--format", "curl", "is:error"),
        )
        taken = await log(served, "export", "--format", "har", "--output", str(har))
    [heads, row] = listed.out.splitlines()
    assert heads.split() == [
        "number",
        "date",
        "and",
        "time",
        *["operation", "outcome", "took", "size", "decision", "mailbox"],
    ]
    assert row.startswith("       2 03-02 09:05:00.000 FindItem")
    assert "✗ ErrorImpersonateUserDenied" in row
    assert row.endswith("mailbox again in 1 min   user1@corp.example (user User Number 1)")
    assert "\n  <m:ResponseCode>ErrorImpersonateUserDenied</m:ResponseCode>\n" in one.out
    assert "<m:Envelope><m:ResponseCode>ErrorImpersonateUserDenied</m:ResponseCode></m:Envelope>" in raw.out
    assert "\n send ▏ 10   server ██████ 200   receive █ 40 ms\n" in one.out
    assert stats.out.startswith(" 2 entries, 1 error\n")
    assert grant("'svc@corp.example'") in diagnosis.out
    assert (wrong.status, "column 1: there is no field foo" in wrong.err) == (2, True)
    assert [json.loads(line)["id"] for line in program.out.splitlines()] == [1, 2]
    assert (exported.status, again.status, taken.status, curl.status) == (0, 0, 2, 2)
    assert stat.S_IMODE(archive.stat().st_mode) == stat.S_IMODE(har.stat().st_mode) == 0o600
    assert len(json.loads(har.read_bytes())["log"]["entries"]) == 2
    assert "\x1b" not in listed.out + one.out


@pytest.mark.process
async def test_switched_on_and_off(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        nothing = await log(served, "show")
        on = await log(served, "on", "--mailbox", "user1@corp.example", "--for", "30m")
        assert served.log.capture.on
        off = await log(served, "off", "--json")
        assert not served.log.capture.status().switch.on
    assert "Nothing has been captured yet.\n · not capturing" in nothing.err
    assert " ● capturing user1@corp.example until 2026-03-02 09:35:00 " in on.out
    assert json.loads(off.out)["on"] is False


@pytest.mark.process
async def test_following_shows_what_fits_as_it_happens(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        following = asyncio.ensure_future(log(served, "follow", "--json", "is:error"))  # noqa: TID251 (ends by itself)
        await eventually(lambda: served.api_state.events.listeners == 1)
        await an_exchange(served, **changes("NoError"))
        await an_exchange(served, **changes("ErrorServerBusy"))
        await eventually(lambda: served.api_state.events.last > 1)
        await asyncio.sleep(0.5)
        served.api_state.events.close()
        ended = await following
    assert [json.loads(line)["codes"] for line in ended.out.splitlines()] == [["ErrorServerBusy"]]
    assert ended.status == 69


def test_markup_is_coloured_on_a_terminal_alone() -> None:
    body = b'<a b="c">'
    told = LogBody(size=len(body), kept=len(body), media_type="text/xml")
    shown = body_document("Request", told, body, raw=False)
    plain, colour = (list(AnsiPalette(colour=each).printed(shown))[-1] for each in (False, True))
    assert plain == '<a b="c">'
    assert colour == '\x1b[36m<a\x1b[0m \x1b[36mb\x1b[0m=\x1b[33m"c"\x1b[0m\x1b[36m>\x1b[0m'


@pytest.mark.parametrize("number", ["0", "-2", "many"])
def test_a_limit_is_a_number_of_exchanges(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["log", "show", f"--limit={number}"])
    assert ended.value.code == 2
    assert f"{number} is not a whole number above 0" in capsys.readouterr().err
