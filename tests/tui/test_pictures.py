"""Snapshots of every screen in both sizes and on every kind of terminal, with real simulators and engine."""

import re
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace
from pytest_snapshot.plugin import Snapshot

from calendar_tui.terminal import CharacterSet, TerminalCapabilities, ThemeName, written
from engine.api.schema import RecentChanges
from engine.simulator.world.scenarios import corp_world
from engine.sync.calendar_reader import BEGINNING
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.tui import Terminal, served_site, terminal

MONDAY = date(2026, 3, 2)
SIZES = ((80, 24), (120, 40))
LOOKS = {
    "normal": TerminalCapabilities(),
    "no-colour": TerminalCapabilities(ThemeName.ANSI, colour=False),
    "ascii": TerminalCapabilities(letters=CharacterSet.ASCII),
}
AT_RANDOM = (
    (re.compile(r"(?<=live since )(\d\d \w{3} )?\d\d:\d\d"), "10:20"),  # by the clock of the network
    (re.compile(r"(?<=Overview [✗X])\d"), "2"),  # a busy machine holds the loop, which is a third problem
    (re.compile(r"(?<=next reading   )[\w :]+"), "03 Mar 08:00"),  # jitter
    (re.compile(r"[?·] unknown  (?=  (Empfang|Gerd))"), "○ available"),  # perhaps learned from the PBX, perhaps not
    (re.compile(r"(?<=Shows    )[?·] unknown  "), "○ available"),
)

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_pictures(tmp_path: Path, snapshot: Snapshot, size: tuple[int, int]) -> None:
    clock = ManualClock(corp_world(MONDAY).instant("10:20"))
    snapshot.snapshot_dir = SNAPSHOTS
    found: dict[str, str] = {}
    async with served_site(corp_world(MONDAY), tmp_path, clock) as (site, socket):
        await site.settled()
        await eventually(lambda: site.engine.status().watched == 24)
        await clock.advance(BEGINNING.total_seconds())  # who is watched is looked at after so long, and only then told
        for kind, look in looks_at(size, LOOKS).items():
            async with terminal(socket, look=look, size=size, real_time=clock.now) as shown:
                for name, picture in (await pictures(shown)).items():
                    found[f"{name}-{size[0]}x{size[1]}-{kind}"] = without_chance(picture)
    compare(snapshot, found)


def looks_at(size: tuple[int, int], looks: dict[str, TerminalCapabilities]) -> dict[str, TerminalCapabilities]:
    """Return every look at the design size; where there is more room, those that draw with other characters."""
    return looks if size == SIZES[0] else {kind: looks[kind] for kind in ("normal", "ascii")}


def compare(snapshot: Snapshot, pictures: dict[str, str]) -> None:
    """Compare all snapshots before reporting a difference."""
    different: list[str] = []
    for name, picture in pictures.items():
        try:
            snapshot.assert_match(picture, f"{name}.txt")
        except AssertionError as error:
            different.append(str(error))
    assert not different, "\n".join(different)


async def pictures(shown: Terminal) -> dict[str, str]:
    found: dict[str, str] = {}
    await shown.shows("24 up to date")
    await shown.shows("since 10:20")
    rows = shown.app.model.users.rows
    await shown.eventually(
        lambda: all(row.state in ("current", "problem") for row in rows.values()),
        lambda: str([row for row in rows.values() if row.state not in ("current", "problem")]),
    )
    put_in_order(shown)
    found["overview"] = shown.grid()
    await shown.press("question_mark")
    found["help"] = shown.grid()
    await shown.press("escape", "ctrl+p", *"user")
    found["palette"] = shown.grid()
    await shown.press("escape", "2")
    await shown.shows("26 users")
    await shown.shows("Because" if shown.app.frame.is_wide else "Aino")
    found["users"] = shown.grid()
    await shown.press("d")
    await shown.shows("Monday 2 March")
    await shown.eventually(lambda: "▓▓▓" in shown.grid() or "===" in shown.grid())
    found["day"] = shown.grid()
    await shown.press("d", "e", "slash", *"empf")
    await shown.eventually(lambda: "Empfang" in shown.grid() and "Gerd" not in shown.grid())
    found["users-filtered"] = shown.grid()
    await shown.press("enter", "enter")
    await shown.shows("Give the user object in the PBX an e-mail")
    found["user-without-mailbox"] = shown.grid()
    await shown.press("escape", "x", "slash", *"anna", "enter", "enter")
    await shown.shows("] next [ prev")
    await shown.shows("private subjects are never shown")
    found["user"] = shown.grid()
    await shown.press("pagedown")
    found["user-below"] = shown.grid()
    return found


def without_chance(picture: str) -> str:
    for chance, instead in AT_RANDOM:
        picture = chance.sub(written(instead, CharacterSet.ASCII) if picture.isascii() else instead, picture)
    return picture


def put_in_order(shown: Terminal) -> None:
    """Sort changes of the same instant, which have no fixed order."""
    changes = sorted(shown.app.model.changes, key=lambda change: (change.at, change.kind, change.label), reverse=True)
    numbered = [replace(change, number=1000 - place) for place, change in enumerate(changes)]
    shown.app.model.recall(RecentChanges(changes=tuple(numbered)))
    shown.view.show()


@pytest.mark.parametrize("picture", sorted(SNAPSHOTS.glob("*-ascii.txt")), ids=lambda path: path.stem)
def test_ascii_is_ascii(picture: Path) -> None:
    assert picture.read_text().isascii()


@pytest.mark.parametrize("picture", sorted(SNAPSHOTS.glob("*-no-colour.txt")), ids=lambda path: path.stem)
def test_nothing_is_said_by_colour_alone(picture: Path) -> None:
    with_colour = picture.with_name(picture.name.replace("no-colour", "normal"))
    assert without_brackets(picture) == without_brackets(with_colour)


def without_brackets(picture: Path) -> list[str]:
    """Return the rows of a picture without brackets, which stand where otherwise a background colour is."""
    return [row.replace("[", " ").replace("]", " ").rstrip() for row in picture.read_text().splitlines()]
