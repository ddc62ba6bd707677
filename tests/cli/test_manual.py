"""calendar-engine(8) describes exactly the commands and options of the parser."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from engine.cli import exit_codes
from engine.cli.commands import PROGRAM, make_parser
from engine.documents.access import HEADS
from tests.support.parsers import arguments, commands, options

PAGES = Path(__file__).parents[2] / "man"
PAGE = (PAGES / "calendar-engine.8").read_text()
SYNOPSIS, _, REST = PAGE.partition(".Sh SYNOPSIS\n")[2].partition(".Sh ")
DESCRIPTION = REST.partition(".Sh ENVIRONMENT")[0]


def named(text: str) -> str:
    """Return the words of all `Cm` macros in a piece of mdoc."""
    return " ".join(" ".join(re.findall(r"\bCm ((?:[a-z][\w-]*(?: |$))+)", text, re.M)).split())


def in_synopsis() -> dict[str, set[str]]:
    blocks = [block for block in SYNOPSIS.split(".Nm\n")[1:] if ".Cm" in block]
    return {named(block): {f"--{name}" for name in re.findall(r"\bFl -([\w-]+)", block)} for block in blocks}


def test_the_synopsis_has_every_command_with_its_options_and_no_others() -> None:
    assert in_synopsis() == {path: options(command) for path, command in commands(make_parser())}


@pytest.mark.slow
def test_the_synopsis_shows_what_may_be_left_out() -> None:
    for block in SYNOPSIS.split(".Nm\n")[1:]:
        parser = dict(commands(make_parser())).get(named(block))
        for action in arguments(parser) if parser else ():
            if action.option_strings and action.option_strings[-1] != "--help":
                name = action.option_strings[-1].removeprefix("--")
                assert bool(re.search(rf"^\.(Op|Oo) .*Fl -{name}\b", block, re.M)) is not action.required, block
                assert bool(re.search(rf"Fl -{name} Ar ", block)) is (action.nargs != 0), block


def test_every_command_and_option_is_described_and_nothing_else() -> None:
    described = {named(line) for line in re.findall(r"^\.It (Cm .*)$", DESCRIPTION, re.M)}
    assert described == {path for path, _ in commands(make_parser())}
    explained = {f"--{name}" for name in re.findall(r"^\.It Fl -([\w-]+)", DESCRIPTION, re.M)}
    known = set().union(*(options(command) for _, command in commands(make_parser())))
    assert explained == known | options(make_parser()) | {"--help"}


def test_every_command_says_what_it_is_for() -> None:
    for path, command in commands(make_parser()):
        assert command.description, path
        for action in arguments(command):
            assert action.help, (path, action.dest)


def test_the_columns_of_everybodys_access_are_named_in_their_order() -> None:
    assert f"with the columns\n.Li {' , '.join(HEADS)} .\n" in DESCRIPTION


def test_the_exit_statuses_are_listed() -> None:
    section = PAGE.partition(".Sh EXIT STATUS")[2].partition(".Sh ")[0]
    listed = {int(number) for number in re.findall(r"^\.It (\d+)$", section, re.M)}
    assert listed == {value for name, value in vars(exit_codes).items() if name.isupper()}


@pytest.mark.process
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.iterdir()))
async def test_the_pages_are_well_formed(page: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "mandoc", "-Tlint", "-Wwarning", str(PAGES / page), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output == b""


def test_the_page_is_that_of_the_program() -> None:
    assert f".Nm {PROGRAM}\n" in PAGE
