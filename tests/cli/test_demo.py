"""Tests of the demo as `make demo` runs it without a terminal: output and exit status."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import PATIENCE

pytestmark = [pytest.mark.process, pytest.mark.slow]

COMMAND = (sys.executable, "-m", "engine.cli.main")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "demo", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )


def demo_for(seconds: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how it ended after so many seconds; where the machine has other work it gets more of them, up to 60."""
    for each in (seconds, 15, 60):
        ended = demo("--for", str(each), *arguments)
        if ended.returncode == 0:
            break
    return ended


@pytest.mark.parametrize("where", [(), ("--cloud",)])
def test_headless_json_shows_a_meeting_begin_and_end_and_names_the_unresolvable(where: tuple[str, ...]) -> None:
    ended = demo_for(4, "--headless", "--speed", "1200", "--json", *where)
    assert ended.returncode == 0, ended.stderr
    *presences, summary = (json.loads(line) for line in ended.stdout.splitlines())
    assert all(presence.keys() == {"user", "activity", "note", "time"} for presence in presences)
    assert summary["presences_set"] == len(presences)
    assert summary["users"] == summary["resolved"] + len(summary["unresolved"])
    assert {each["user"] for each in summary["unresolved"]} == {"Empfang", "Gerd Vorstand"}
    assert all(each["reason"] and each["remedy"] for each in summary["unresolved"])
    assert summary["errors"] == []
    assert meetings_seen(presences) >= 1


def meetings_seen(presences: list[dict[str, Any]]) -> int:
    """Count the users who were seen to become busy and then something else."""
    by_user: dict[str, list[str]] = {}
    for presence in presences:
        by_user.setdefault(presence["user"], []).append(presence["activity"])
    return sum("busy" in activities[1:-1] for activities in by_user.values())


def test_lines_for_people_end_with_a_summary() -> None:
    ended = demo_for(2, "--headless")
    assert ended.returncode == 0, ended.stderr
    assert "● busy" in ended.stdout
    assert "26 users, 24 with a calendar" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""


def test_it_ends_at_once_with_an_input_that_has_ended() -> None:
    ended = demo("--headless", "--json", "--until-eof")
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert summary["users"] == 0
    assert "Traceback" not in ended.stderr


def test_the_summary_is_of_the_engine_that_still_ran(tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    arguments = ("--headless", "--json", "--until-eof", "--socket", str(socket))
    with subprocess.Popen([*COMMAND, "demo", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + PATIENCE
        while watched(socket) < 24 and time.monotonic() < deadline:
            time.sleep(0.2)
        output, _ = process.communicate()
    assert json.loads(output.splitlines()[-1])["watched"] == 24


def watched(socket: Path) -> int:
    asked = subprocess.run([*COMMAND, "status", "--json", "--socket", str(socket)], capture_output=True, check=False)
    return int(json.loads(asked.stdout)["watched"]) if asked.returncode in (0, 1) and asked.stdout else 0
