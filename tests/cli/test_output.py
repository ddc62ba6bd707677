"""If the output cannot be written, or its reader has gone, a command ends with a message and no traceback."""

import io
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendar_tui.main import make_parser as tui_parser
from engine.cli.commands import make_parser as cli_parser
from engine.cli.output import say
from tests.support.eventually import PATIENCE
from tests.support.hostile import HOSTILE, harm_in

pytestmark = pytest.mark.slow

ENGINE = [sys.executable, "-m", "engine.cli.main"]
TUI = [sys.executable, "-m", "calendar_tui.main"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text(st.characters(codec=None, categories=None)) | st.just(HOSTILE))
def test_a_line_is_a_line(text: str) -> None:
    for output in (io.StringIO(), Terminal()):
        say(f"a{text}b", output)
        assert output.getvalue().endswith("\n")
        assert not harm_in(output.getvalue()[:-1].replace("\x1b[", ""))


def test_colours_are_for_a_terminal() -> None:
    terminal, file = Terminal(), io.StringIO()
    for output in (terminal, file):
        say("\x1b[31mred\x1b[0m\x1b[2J", output)
    assert terminal.getvalue() == "\x1b[31mred\x1b[0m␛[2J\n"
    assert file.getvalue() == "␛[31mred␛[0m␛[2J\n"


@pytest.mark.parametrize(
    ("parser", "arguments"),
    [
        (cli_parser(), ["status", HOSTILE]),
        (cli_parser(), ["status", "--instance", HOSTILE]),
        (cli_parser(), [HOSTILE]),
        (tui_parser(), [HOSTILE]),
        (tui_parser(), ["--instance", HOSTILE]),
        (tui_parser(), ["--idle", HOSTILE]),
        (tui_parser(), [f"--{HOSTILE}=5"]),
    ],
)
def test_a_wrong_argument_is_quoted_visibly(
    parser: ArgumentParser, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    usage, _, said = capsys.readouterr().err.rpartition(f"{parser.prog}")
    assert "ERROR" in said
    assert not harm_in(said.removesuffix("\n"))
    assert not harm_in(usage.replace("\n", ""))


@pytest.mark.process
@pytest.mark.parametrize(
    "command",
    [
        [*ENGINE, "--help"],
        [*ENGINE, "--version"],
        [*ENGINE, "version", "--json"],
        [*ENGINE, "completion", "bash"],
        [*ENGINE, "config", "schema", "--settings", "/dev/null"],
        [*ENGINE, "config", "show", "--settings", "/dev/null", "--json"],
        [*TUI, "--version"],
        [*TUI, "--help"],
        [*TUI, "--completion", "bash"],
    ],
    ids=lambda command: " ".join(command[2:4]),
)
def test_a_full_disk_ends_in_a_word(command: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "The output cannot be written: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.process
def test_both_outputs_full_is_an_exit_status_alone() -> None:
    with open("/dev/full", "wb") as full:
        command = [*ENGINE, "config", "schema", "--settings", "/dev/null"]
        assert subprocess.run(command, stdout=full, stderr=full, timeout=PATIENCE, check=False).returncode in (1, 120)


@pytest.mark.process
def test_whoever_has_seen_enough_is_told_nothing() -> None:
    shell = f"{' '.join(ENGINE)} config schema --settings /dev/null | head -1"
    ended = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.stderr == ""
    assert ended.stdout.count("\n") == 1


@pytest.mark.process
def test_the_locale_of_ascii_gets_ascii(tmp_path: Path) -> None:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for name in ("LANG", "LC_ALL"):
        ended = subprocess.run(
            [*ENGINE, "config", "get", "presence.priority_words", "--settings", str(_named(tmp_path))],
            env=clean | {name: "C"},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (0, b'["Rucksprache - A~"]\n'), ended.stderr


def _named(directory: Path) -> Path:
    file = directory / "settings.toml"
    file.write_text('[presence]\npriority_words = ["Rücksprache – Ä…"]\n', encoding="utf-8")
    return file
