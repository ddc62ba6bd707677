"""The terminal: its capabilities, determined once, ASCII replacements for missing glyphs, and the pager."""

import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.display import SIGNS, ascii_letter
from engine.documents.columns import columns

USUAL_PAGER = "less"

SMALLEST = (60, 18)
"""Minimum number of columns and rows."""


class CharacterSet(StrEnum):
    """The characters available: all, letters but few glyphs (as on consoles), or only ASCII."""

    ALL = "all"
    NO_GLYPHS = "no glyphs"
    ASCII = "ascii"


class ThemeName(StrEnum):
    """The themes; `ansi` uses the colours of the terminal, which suits consoles with sixteen colours."""

    DARK = "dark"
    LIGHT = "light"
    ANSI = "ansi"


class TerminalUnfit(Exception):
    """This terminal cannot be used; the message names an alternative."""


@dataclass(frozen=True, slots=True)
class TerminalCapabilities:
    """The appearance: theme, characters and mouse."""

    theme: ThemeName = ThemeName.DARK
    letters: CharacterSet = CharacterSet.ALL
    colour: bool = True

    @property
    def is_ascii(self) -> bool:
        """Whether there is nothing but ASCII."""
        return self.letters is CharacterSet.ASCII

    @property
    def brackets(self) -> bool:
        """Whether brackets stand where otherwise a background colour is."""
        return self.is_ascii or not self.colour


def look_of(
    environment: Mapping[str, str], encoding: str, *, theme: ThemeName | None = None, ascii_only: bool = False
) -> TerminalCapabilities:
    """Return the capabilities of the terminal that `environment` and `encoding` describe. Raises `TerminalUnfit`."""
    terminal = environment.get("TERM", "")
    if terminal in ("", "dumb", "unknown"):
        raise TerminalUnfit(
            f"This terminal (TERM={terminal}) cannot move the cursor.\n"
            "Use instead: calendar-engine status, users, explain, events"
        )
    is_console = terminal in ("linux", "vt100", "vt102", "vt220", "cons25")
    colour = "NO_COLOR" not in environment
    letters = CharacterSet.NO_GLYPHS if is_console else CharacterSet.ALL
    if ascii_only or encoding.lower().replace("-", "") != "utf8":
        letters = CharacterSet.ASCII
    if is_console or not colour:
        theme = ThemeName.ANSI
    return TerminalCapabilities(theme or ThemeName.DARK, letters, colour)


_SIGNS = str.maketrans(SIGNS)


def written(text: str, letters: CharacterSet) -> str:
    """Return `text` with characters that the terminal has, and with the same width."""
    if letters is CharacterSet.ALL or text.isascii():
        return text
    text = text.translate(_SIGNS)
    return text if letters is CharacterSet.NO_GLYPHS or text.isascii() else "".join(map(_as_ascii, text))


def _as_ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    width = columns(letter)
    return ascii_letter(letter) if width == 1 else "?" * width


def show_in_pager(text: str, environment: Mapping[str, str]) -> str:
    """Run the pager until it ends; return why it could not be run, "" if it could.

    ^C, which the terminal sends to this program too, is left to the pager.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)  # ignored, it would be so in the pager as well
    try:
        command = shlex.split(environment.get("PAGER", "") or USUAL_PAGER)
        subprocess.run(  # noqa: S603 - the administrator's own pager, without a shell
            command, input=text, text=True, errors="replace", check=False
        )
    except (OSError, ValueError) as error:
        return f"The pager cannot be run: {error}."
    finally:
        signal.signal(signal.SIGINT, before)
    return ""
