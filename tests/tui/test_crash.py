"""An internal error of the program: what remains on the terminal."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calendar_tui.private_files import crash_report, report
from tests.support.eventually import PATIENCE
from tests.support.pty import on_terminal

SECRET = "Kuendigung-Meier"
SHOW = """
def mistaken(self, *room):
    subject = "-".join(["Kuendigung", "Meier"])
    raise LookupError(f"what of {subject}?")
"""
PROGRAM = """
import sys
from calendar_tui.main import main
from calendar_tui.screens.overview import OverviewView
from calendar_tui.session import EngineSession
{show}
{place} = mistaken
sys.exit(main())
"""
PLACES = {
    "a view": PROGRAM.format(show=SHOW, place="OverviewView.sheet"),
    "a worker": PROGRAM.format(show=SHOW.replace("def", "async def"), place="EngineSession.run"),
}


@pytest.mark.pty
@pytest.mark.slow
@pytest.mark.parametrize("program", PLACES.values(), ids=PLACES)
async def test_nothing_of_what_was_shown_is_left(program: str, tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    async with on_terminal(
        "--socket", str(tmp_path / "none.sock"), size=(200, 40), environment=environment, program=("-c", program)
    ) as seen:
        assert await asyncio.wait_for(seen.process.wait(), PATIENCE) == 70
        await seen.shows("calendar-tui has crashed because of a bug (LookupError)")
        await seen.shows("Start calendar-tui again.")
        assert seen.is_in_order()
        assert SECRET.encode() not in seen.received
        assert b"Traceback" not in seen.received
        file = tmp_path / "state" / "calendar-tui" / "crash.txt"
        assert str(file) in seen.text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    text = file.read_text()
    assert SECRET not in text
    assert "builtins.LookupError" in text
    assert "<string>:9 mistaken" in text


def test_every_error_that_led_to_it_is_told() -> None:
    def fail() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ExceptionGroup(SECRET, [ValueError(SECRET)]) from error

    with pytest.raises(ExceptionGroup) as caught:
        fail()
    text = report(caught.value, datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert [line for line in text.splitlines() if line.startswith("builtins.")] == [
        "builtins.ExceptionGroup",
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert SECRET not in text


def test_nowhere_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert "could not be written to" in crash_report(ValueError(SECRET))
