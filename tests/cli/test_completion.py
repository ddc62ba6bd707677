"""The completion scripts load in a shell, and complete what the parser accepts."""

import asyncio
import shutil
from pathlib import Path

import pytest

from calendar_tui.main import main as calendar_tui
from engine.cli.about import script
from engine.cli.commands import make_parser


async def in_shell(shell: str, code: str, directory: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        shell, "-c", code, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return output.decode()


@pytest.mark.process
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("calendar-engine ex", {"explain"}),
        ("calendar-engine resync --re", {"--resolve"}),
        ("calendar-engine completion ", {"bash", "zsh", "fish"}),
        ("calendar-engine run --settings si", {"site.toml"}),
    ],
)
async def test_bash_completes(words: str, completed: set[str], tmp_path: Path) -> None:
    (tmp_path / "completion").write_text(script(make_parser(), "bash"))
    (tmp_path / "site.toml").touch()
    *before, last = words.split(" ")
    listed = " ".join(f"'{word}'" for word in (*before, last))
    code = f"""
        source ./completion
        COMP_WORDS=({listed}) COMP_CWORD={len(before)} COMP_LINE='{words}'
        $(complete -p calendar-engine | sed 's/.*-F \\([^ ]*\\).*/\\1/') calendar-engine '{last}' '{before[-1]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert set((await in_shell("bash", code, tmp_path)).split()) == completed


@pytest.mark.process
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
async def test_calendar_tui_is_completed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        calendar_tui(["--completion", "bash"])
    assert ended.value.code == 0
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    assert "-F _shtab_calendar_tui" in await in_shell("bash", "source ./completion; complete -p calendar-tui", tmp_path)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
async def test_zsh_loads_it(tmp_path: Path) -> None:
    (tmp_path / "_calendar-engine").write_text(script(make_parser(), "zsh"))
    code = """
        zsh -n _calendar-engine
        fpath=($PWD $fpath)
        autoload -Uz compinit
        compinit -D -u
        print ${_comps[calendar-engine]}
    """
    assert await in_shell("zsh", code, tmp_path) == "_calendar-engine\n"


@pytest.mark.process
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
async def test_fish_completes(tmp_path: Path) -> None:
    (tmp_path / "completion").write_text(script(make_parser(), "fish"))
    code = "source ./completion; complete --do-complete 'calendar-engine ex'"
    assert (await in_shell("fish", code, tmp_path)).startswith("explain")
