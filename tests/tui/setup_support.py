"""An engine without settings beside simulators, and the set-up in the terminal program."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

from calendar_tui.screens.setup import SetupView
from engine.simulator.company import Company, PbxSite
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.service import ServedService, changes_of, running_service
from tests.support.tui import Terminal

DAY = date(2026, 3, 2)


@asynccontextmanager
async def nothing_set_up(
    directory: Path, kind: type[PbxSite] = Company, **options: Any
) -> AsyncIterator[ServedService]:
    """An engine without settings, beside a PBX and servers for calendars."""
    world = corp_world(DAY)
    clock = ManualClock(world.instant("10:20"))
    async with (
        kind(world, directory, clock, **options) as company,
        running_service(company, clock, directory, None, with_secrets=False) as served,
    ):
        yield served


async def open_setup(shown: Terminal) -> None:
    shown.app.frame.set_up("all")
    await shown.shows(" of 9 ")


async def answered(served: ServedService, **body: Any) -> None:
    """Send answers as another program of the same administrator."""
    status, setup = await served.ask("PATCH", "/v1/setup", body)
    assert status == 200, setup


def right_answers(served: ServedService) -> dict[str, Any]:
    """Return the settings of the site."""
    return changes_of(served.company.settings())


def right_secrets(served: ServedService) -> Mapping[str, str]:
    return {name: secret.reveal() for name, secret in served.company.secrets.items()}


def setup_view(shown: Terminal) -> SetupView:
    assert isinstance(shown.view, SetupView)
    return shown.view


def under_cursor(shown: Terminal) -> str:
    return setup_view(shown).stop


async def has(shown: Terminal, **expected: str) -> None:
    """Wait until the engine says that this stands in the fields; `_` stands for the dot in a key."""

    def found() -> dict[str, str]:
        return {each.key.replace(".", "_", 1): each.text for each in setup_view(shown).page.fields}

    await shown.eventually(lambda: found().items() >= expected.items(), found)
