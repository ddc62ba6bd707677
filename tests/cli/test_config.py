"""Tests of `calendar-engine config` and `secret`, with and without a running engine."""

import asyncio
import io
import json
import re
import signal
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.cli.main import main
from tests.cli.service import read_until, running
from tests.support.served_engine import people, served_engine

SETTINGS = """
# of the head office
[pbx]
master = "headquarters"
host = "127.0.0.1"
port = 9

[exchange]
type = "on-premises"
user = "svc@corp.example"

[engine]
state_dir = "{directory}/state"
socket = "{directory}/engine.sock"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("EXCHANGE_PASSWORD", "PBX_PASSWORD"):
        monkeypatch.delenv(f"CALENDAR_ENGINE_{name}", raising=False)
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS.format(directory=tmp_path))
    return path


@pytest.mark.slow
def test_settings_without_an_engine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["config", *arguments, "--settings", str(file)])
        return status, *capsys.readouterr()

    assert run("get", "pbx.port")[:2] == (0, "9\n")
    assert run("check")[:2] == (0, "The settings are valid.\n")
    status, out, _ = run("show")
    assert status == 0
    assert "presence.language" in out
    assert re.search(r"^   presence\.language +en +default$", out, re.MULTILINE)
    status, _, err = run("check", "exchange.connections=4")
    assert (status, "calendar-engine preview --set exchange.connections=4" in err) == (0, True)
    status, out, _ = run("schema")
    assert "   Port of the PBX\n   whole number from 1 to 65535; default: 443. When changed, the PBX " in out
    status, out, _ = run("vendor")
    assert "   Exchange-Server to use" in out
    assert "exchange.server\n" in out
    assert any(row["keys"] == ["pbx.master"] for row in json.loads(run("vendor", "--json")[1]))
    assert not (file.parent / "state").exists()

    status, out, err = run("set", "presence.language=de", "presence.priority_words=Kunde,Chef", "pbx.port=")
    assert status == 0
    assert " presence.language\n   - en (default)\n   + de\n" in out
    assert "again" not in out
    assert 'priority_words = ["Kunde", "Chef"]' in file.read_text()
    assert "port" not in file.read_text()
    assert "# of the head office" in file.read_text()

    status, out, err = run("set", "pbx.port=0", "exchange.connections=many")
    assert (status, out) == (2, "")
    assert "pbx.port is out of range" in err
    assert "exchange.connections must be a whole number" in err
    status, _, err = run("get", "presence.langage")
    assert (status, "did you mean presence.language?" in err) == (66, True)
    status, _, err = run("check", "pbx.port=0")
    assert (status, "out of range" in err) == (2, True)

    status, _, err = run("set", "presence.language")
    assert (status, "Write key=value" in err) == (2, True)
    assert run("get", "presence.language")[1] == '"de"\n'

    assert run("set", "presence.language=fr")[0] == 0
    status, out, _ = run("history", "--json")
    assert [each["action"] for each in json.loads(out)["versions"]] == ["change", "change", "found"]
    assert run("rollback")[0] == 0
    assert run("get", "presence.language")[1] == '"de"\n'
    assert run("confirm")[0] == 2


@pytest.mark.slow
def test_an_invalid_file_is_told_by_every_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(file.read_text().replace("port = 9", "port = 99999"))
    assert main(["config", "check", "--settings", str(file)]) == 2
    assert "pbx.port is out of range" in capsys.readouterr().err
    assert main(["config", "show", "--settings", str(file)]) == 2
    assert main(["config", "set", "pbx.port=10", "--settings", str(file)]) == 0
    assert main(["config", "check", "--settings", str(file)]) == 0


@pytest.mark.slow
def test_secrets_without_an_engine(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = main(["secret", *arguments, "--settings", str(file)])
        return status, *capsys.readouterr()

    assert run("set", "pbx.password", typed="hunter2\n")[0] == 0
    assert run("set", "exchange.password", typed="")[0] == 2
    assert run("set", "ldap.password", typed="hunter2\n")[0] == 66
    _, out, _ = run("list", "--json")
    origins = {each["name"]: each["origin"] for each in json.loads(out)["secrets"]}
    others = dict.fromkeys(("exchange.password", "exchange.client_secret", "exchange.proxy_password"))
    assert origins == {**others, "pbx.password": "store"}
    assert "missing" in run("list")[1]
    assert run("rotate-key")[0] == 0
    assert run("delete", "pbx.password")[0] == 0
    assert run("delete", "pbx.password")[0] == 66
    assert "hunter2" not in out


class Untouched(io.StringIO):
    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        raise AssertionError("it asked for a value")


def test_a_secret_that_does_not_exist_is_not_asked_for(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Untouched())
    assert main(["secret", "set", "ldap.password", "--settings", str(file)]) == 66
    names = "exchange.password, exchange.client_secret, exchange.proxy_password, pbx.password"
    assert names in capsys.readouterr().err


def test_a_secret_that_is_given_otherwise_is_said_to_be(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALENDAR_ENGINE_PBX_PASSWORD", "given")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    assert main(["secret", "set", "pbx.password", "--settings", str(file)]) == 0
    err = capsys.readouterr().err
    assert "pbx.password is also given by the environment, which takes precedence" in err
    assert "Stored." in err


@pytest.mark.slow
async def test_settings_of_a_running_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served_engine(tmp_path, people(3)) as served:
        await served.settled()

        async def run(*arguments: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(main, [*arguments, "--socket", str(served.socket)])
            return status, *capsys.readouterr()

        status, out, _ = await run("config", "set", "presence.language=de", "--confirm-within", "60")
        assert status == 0
        assert "all presences are decided again" in out
        assert "unless it is confirmed" in out
        assert (await run("config", "confirm"))[0] == 0
        status, _, err = await run("config", "set", "presence.language=fr", "--confirm-within", "3")
        assert (status, "confirm_within: Expected" in err) == (2, True)
        [newest, *_] = json.loads((await run("config", "history", "--json"))[1])["versions"]
        status, out, _ = await run("config", "set", "presence.timezone=Asia/Tokyo")
        assert status == 0
        local = datetime.fromisoformat(newest["at"]).astimezone(ZoneInfo("Asia/Tokyo"))
        assert f"{local:%Y-%m-%d %H:%M:%S}" in (await run("config", "history"))[1]
        status, out, _ = await run("config", "set", "pbx.app=other")
        assert "the PBX is connected to again (about 5 s); all calendars are read again" in " ".join(out.split())
        answer: Any = json.loads((await run("config", "rollback", "--json"))[1])
        assert [each["key"] for each in answer["changes"]] == ["pbx.app"]
        status, out, _ = await run("secret", "list")
        assert "environment" in out


async def test_what_only_reads_asks_the_socket_for_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served_engine(tmp_path, people(3)) as served:
        await served.settled()
        served.socket.unlink()
        for arguments in (["config", "show"], ["config", "history"], ["secret", "list"]):
            assert await asyncio.to_thread(main, [*arguments, "--socket", str(served.socket)]) == 0
        assert await asyncio.to_thread(main, ["config", "confirm", "--socket", str(served.socket)]) == 69
        capsys.readouterr()


@pytest.mark.process
@pytest.mark.slow
def test_a_running_engine_reads_its_file_again_at_sighup(file: Path) -> None:
    with running(file) as process:
        read_until(process, "local API")
        file.write_text(file.read_text() + "[presence]\nlanguage = 7\n")
        process.send_signal(signal.SIGHUP)
        assert "settings.toml" in read_until(process, "The settings cannot be used")
        file.write_text(file.read_text().replace("language = 7", 'language = "de"'))
        process.send_signal(signal.SIGHUP)
        assert "presence.language" in read_until(process, "edited by hand")
        assert main(["config", "set", "presence.language=fr", "--settings", str(file)]) == 2
