"""Snapshots of the pages of the set-up on every kind of terminal."""

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import pytest
from pytest_snapshot.plugin import Snapshot

from calendar_tui.terminal import CharacterSet, TerminalCapabilities, ThemeName
from tests.support.service import ServedService
from tests.support.tui import Terminal, terminal
from tests.tui.setup_support import answered, nothing_set_up, open_setup, right_secrets, setup_view
from tests.tui.test_pictures import LOOKS, SNAPSHOTS, compare

CONSOLE = {"console": TerminalCapabilities(ThemeName.ANSI, CharacterSet.NO_GLYPHS)}
EVERY_LOOK = LOOKS | CONSOLE
AT_RANDOM = (
    (re.compile(r"kept .*"), "kept"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:443"),
    (re.compile(r"(?<=Valid {6}).*"), "(today)"),
    (re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){15}"), ":".join(["AB"] * 16)),
    (re.compile(r"(?<=Name lookup, connection).*"), ", …"),
    (re.compile(r"\d\d:\d\d:\d\d"), "10:20:00"),
    (re.compile(r"looked .*"), "looked"),
    (re.compile(r"(?<=now )\d\d:\d\d"), "10:20"),
    (re.compile(r"(?<=^[ ▸>])[✓✗+X](?=\d \w)", re.M), " "),  # a check ends whenever it ends
)

PAGES = {
    "link": "pbx/link",
    "fields": "pbx/fields",
    "certificate": "pbx/certificate",
    "app": "pbx/app",
    "site": "site/site",
    "kind": "exchange/kind",
    "account": "exchange/account",
    "right": "exchange/right",
    "application": "exchange/application",
}


SOME = ("fields", "certificate", "right")
"""The pages that are drawn on terminals with fewer letters or colours."""


def without_chance(picture: str) -> str:
    for chance, instead in AT_RANDOM:
        picture = chance.sub(instead if not picture.isascii() else instead.replace("…", "~"), picture)
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


async def half_answered(served: ServedService) -> None:
    """Begin a set-up whose PBX has a certificate that nobody knows, and another name."""
    status, _ = await served.ask("POST", "/v1/setup", {"over": True})
    assert status == 200
    port = served.company.pbx.port
    texts = {"pbx.host": "127.0.0.1", "pbx.port": str(port), "pbx.master": "master", "presence.language": "en"}
    account = {"exchange.type": "on-premises", "exchange.user": "svc-calendar@corp.example"}
    await answered(served, texts=texts | account, secrets=right_secrets(served))


def is_at(shown: Terminal, page: str) -> bool:
    found = setup_view(shown).page
    return f"{found.step}/{found.name}" == page


async def pictures(served: ServedService, shown: Terminal, names: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    view = setup_view(shown)
    for name, page in [(name, PAGES[name]) for name in names]:
        if name == "application":
            await answered(served, texts={"exchange.type": "cloud-graph", "exchange.authority": "https://127.0.0.1:9"})
        await answered(served, go=page)
        await shown.eventually(partial(is_at, shown, page))
        if name in ("fields", "account", "application"):
            await shown.eventually(lambda: view.page.reach is not None and view.page.reach.operation.state != "running")
        if name == "application":
            await shown.shows("[(certificate) ")
        if name in ("app", "right"):
            await shown.eventually(lambda: view.page.watch is not None and bool(view.page.watch.looked))
        await shown.pilot.pause()
        found[name] = shown.grid()
        await served.ask("DELETE", "/v1/setup/check")
        await shown.eventually(lambda: view.page.check is None or view.page.check.operation.state != "running")
    await answered(served, texts={"exchange.type": "on-premises", "exchange.authority": ""})
    return found


@pytest.mark.slow
async def test_pictures_of_the_setup(tmp_path: Path, snapshot: Snapshot) -> None:
    snapshot.snapshot_dir = SNAPSHOTS
    found: dict[str, str] = {}
    async with nothing_set_up(tmp_path) as served:
        for kind, look in EVERY_LOOK.items():
            await half_answered(served)
            async with terminal(served.socket, look=look, real_time=served.clock.now) as shown:
                await open_setup(shown)
                for name, picture in (await pictures(served, shown, PAGES if kind == "normal" else SOME)).items():
                    found[f"setup-{name}-80x24-{kind}"] = without_chance(picture)
        await half_answered(served)
        async with terminal(served.socket, size=(120, 40), real_time=served.clock.now) as shown:
            await open_setup(shown)
            await answered(served, go="pbx/fields")
            await shown.eventually(partial(is_at, shown, PAGES["fields"]))
            await shown.shows("The next page shows it.")
            await shown.shows("Name of the App object")
            found["setup-fields-120x40-normal"] = without_chance(shown.grid())
    compare(snapshot, found)
