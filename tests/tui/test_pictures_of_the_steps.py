"""Snapshots of the steps of the set-up that are lists and grids, on every kind of terminal."""

import re
from pathlib import Path

import pytest
from pytest_snapshot.plugin import Snapshot

from calendar_tui.terminal import CharacterSet, TerminalCapabilities, ThemeName
from tests.support.service import changes_of
from tests.support.setting_up import answer
from tests.support.tui import Terminal, terminal
from tests.tui.setup_support import nothing_set_up, open_setup, right_secrets
from tests.tui.test_pictures import LOOKS, SNAPSHOTS, compare

EVERY_LOOK = LOOKS | {"console": TerminalCapabilities(ThemeName.ANSI, CharacterSet.NO_GLYPHS)}
SIZES = ((80, 24), (120, 40))
READY = {
    "users": "26 of 26 users",
    "access": "F again the",
    "presence": "Today's notes with this",
    "learn": "or goes on",
    "preview": r"(?s)\A(?!.* compared).*26 users [^\n]* 21 differ",
    "start": "answers as a file",
}
"""The pages, each with what is on the screen when everything is known."""

AT_RANDOM = (
    (re.compile(r"kept .*"), "kept"),
    (re.compile(r"\d+ s(?=$|  )", re.M), "0 s"),
    (re.compile(r"(?<=^[ ▸>])[✓✗+X](?=\d \w)", re.M), " "),  # a check ends whenever it ends
    (re.compile(r"[▸>] (?=(Aino|Anna) .* (○|A) available)"), "  "),  # rows are compared in any order
)


async def pictures(shown: Terminal, go: str) -> str:
    await shown.eventually(lambda: bool(re.search(READY[go], shown.grid())))
    await shown.pilot.pause()
    picture = shown.grid()
    for chance, instead in AT_RANDOM:
        picture = chance.sub(instead, picture)
    return "\n".join(row.rstrip() for row in picture.splitlines()) + "\n"


@pytest.mark.slow
async def test_pictures_of_the_steps(tmp_path: Path, snapshot: Snapshot) -> None:
    snapshot.snapshot_dir = SNAPSHOTS
    found: dict[str, str] = {}
    async with nothing_set_up(tmp_path) as served:
        status, _ = await served.ask("POST", "/v1/setup", {})
        assert status == 200
        settings = changes_of(served.company.settings(presence={"language": "en"}))
        await answer(served, settings=settings, secrets=right_secrets(served))
        for size, kind in [(SIZES[0], kind) for kind in EVERY_LOOK] + [(SIZES[1], "normal")]:
            look = EVERY_LOOK[kind]
            async with terminal(served.socket, look=look, size=size, real_time=served.clock.now) as shown:
                await answer(served, go="users")
                await open_setup(shown)
                for page in READY:
                    await answer(served, go=page)
                    await shown.shows({"users": "Who takes part"}.get(page, ""))
                    found[f"setup-{page}-{size[0]}x{size[1]}-{kind}"] = await pictures(shown, page)
    compare(snapshot, found)
