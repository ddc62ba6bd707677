"""Snapshots of the log and the settings in both sizes and on every kind of terminal."""

import re
from pathlib import Path

import pytest
from pytest_snapshot.plugin import Snapshot

from calendar_tui.terminal import CharacterSet, TerminalCapabilities, ThemeName
from tests.support.logged import logged_engine, some_exchanges
from tests.support.tui import Terminal, terminal
from tests.tui.test_pictures import LOOKS as USUAL_LOOKS
from tests.tui.test_pictures import SIZES, SNAPSHOTS, compare, looks_at

pytestmark = pytest.mark.slow

LOOKS = {
    **USUAL_LOOKS,
    "console": TerminalCapabilities(ThemeName.ANSI, CharacterSet.NO_GLYPHS),
}
AT_RANDOM = (
    (re.compile(r"\d+(\.\d)? k?B of"), "99 kB of"),
    (re.compile(r" +\S*/settings\.toml"), "   /etc/calendar-engine.toml"),
    (re.compile(r"(?<=Overview )[✗X]\d"), "  "),  # a busy machine holds the loop
    (re.compile(r"in \d\d s\."), "in 59 s."),
    (re.compile(r"by \w+$", re.M), "by root"),
)


@pytest.mark.parametrize("size", SIZES)
async def test_pictures(tmp_path: Path, snapshot: Snapshot, size: tuple[int, int]) -> None:
    snapshot.snapshot_dir = SNAPSHOTS
    found: dict[str, str] = {}
    async with logged_engine(tmp_path, some_exchanges()) as logged:
        for kind, look in looks_at(size, LOOKS).items():
            async with terminal(logged.socket, look=look, size=size) as shown:
                pictures = {**await of_the_log(shown), **await of_the_settings(shown)}
            found |= {f"{name}-{size[0]}x{size[1]}-{kind}": without_chance(pictures[name]) for name in pictures}
    compare(snapshot, found)


async def of_the_log(shown: Terminal) -> dict[str, str]:
    found: dict[str, str] = {}
    await shown.press("3")
    await shown.shows("09:05:00")
    await shown.shows("300 kept")
    await shown.shows("3 errors E")
    await beside(shown, "Exchange.asmx")
    found["log"] = shown.grid()
    await shown.press("e", "up", "slash", *"nam:5")
    await shown.shows("there is no field nam")
    await beside(shown, "Exchange asks for a pause")
    found["log-mistake"] = shown.grid()
    await shown.press(*["backspace"] * 5, *"op:Sub")
    await shown.shows("Tab: op:Subscribe")
    await beside(shown, "Exchange asks for a pause")
    found["log-completions"] = shown.grid()
    await shown.press("escape", "end", "enter")
    await shown.shows("Get-ManagementScope")
    await shown.shows("For Exchange's own logs")
    found["log-entry"] = shown.grid()
    await shown.press("tab")
    await shown.shows("<m:FindItem")
    found["log-request"] = shown.grid()
    await shown.press("tab", "tab")
    await shown.shows("X-FEServer")
    found["log-headers"] = shown.grid()
    await shown.press("shift+tab", "shift+tab", "shift+tab", "left_square_bracket")
    await shown.shows("Tries")
    found["log-tries"] = shown.grid()
    await shown.press("equals_sign")
    await shown.shows("+ this one")
    await shown.shows("equal")
    found["log-comparison"] = shown.grid()
    await shown.press("escape", "escape", "c")
    await shown.shows("is:error")
    found["conditions"] = shown.grid()
    await shown.press("escape", "s", "i")
    await shown.shows("Subscribe  ErrorImpersonateUser")
    found["figures"] = shown.grid()
    await shown.press("escape", "C")
    await shown.shows("Enter starts")
    await shown.shows("Mailboxes")
    found["capture"] = shown.grid()
    await shown.press("escape")
    return found


async def beside(shown: Terminal, text: str) -> None:
    """Wait until the pane beside the list shows a text, where there is one."""
    if shown.app.frame.is_wide:
        await shown.shows(text)


async def of_the_settings(shown: Terminal) -> dict[str, str]:
    found: dict[str, str] = {}
    await shown.press("4")
    await shown.shows("PBX: which one")
    found["settings"] = shown.grid()
    await shown.press("slash", *"writes_per", "enter", "enter", *["backspace"] * 6, *"5000")
    await shown.shows("out of range")
    found["settings-mistake"] = shown.grid()
    await shown.press("escape", "slash", *["backspace"] * 10, *"mapping.busy", "enter", "space", "d")
    await shown.shows("User Number 7")
    found["review"] = shown.grid()
    await shown.press("escape", "U", "h")
    await shown.shows("version 1")
    found["versions"] = shown.grid()
    await shown.press("escape", "p")
    await shown.shows("exchange.password")
    found["secrets"] = shown.grid()
    await shown.press("enter", *"Tr0ub4dor")
    await shown.shows("new exchange.password")
    found["secrets-typed"] = shown.grid()
    return found


def without_chance(picture: str) -> str:
    for chance, instead in AT_RANDOM:
        picture = chance.sub(instead, picture)
    return re.sub(r" +(?=[✓+] m$)", "  ", picture, flags=re.M)
