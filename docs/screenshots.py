"""Makes the pictures in this directory again: `make screenshots`."""

import asyncio
import tempfile
from datetime import date
from pathlib import Path

from calendar_tui.terminal import TerminalCapabilities, ThemeName
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.logged import logged_engine, some_exchanges
from tests.support.quiescence import QuiescentLoop
from tests.support.tui import Terminal, served_site, terminal
from tests.tui.setup_support import nothing_set_up, open_setup

HERE = Path(__file__).parent
DAY = date(2026, 3, 2)
SIZE = (100, 30)


async def main() -> None:
    """Run engine and simulators at a morning that is always the same, and take the pictures."""
    world = corp_world(DAY)
    clock = ManualClock(world.instant("09:05"))
    with tempfile.TemporaryDirectory() as name:
        async with served_site(world, Path(name), clock) as (site, socket):
            await site.settled()
            await eventually(lambda: site.engine.status().watched > 20)
            for _ in range(25):
                await site.pass_time(3)
            async with terminal(socket, size=SIZE) as shown:
                await shown.shows("24 up to date")
                save(shown, "overview")
                await shown.press("2")
                await shown.shows("1–26")
                save(shown, "users")
                await shown.press("slash", *"anna", "enter", "enter")
                await shown.shows("Appointments")
                save(shown, "user")
            async with terminal(socket, look=TerminalCapabilities(ThemeName.LIGHT), size=SIZE) as shown:
                await shown.press("2")
                await shown.shows("1–26")
                save(shown, "users-light")


async def of_the_set_up() -> None:
    """Run an engine without settings, and take the picture of what it asks first."""
    with tempfile.TemporaryDirectory() as name:
        async with nothing_set_up(Path(name)) as served, terminal(served.socket, size=SIZE) as shown:
            await open_setup(shown)
            save(shown, "set-up")


async def of_the_log() -> None:
    """Run an engine with a log that is always the same, and take the pictures of it and of the settings."""
    with tempfile.TemporaryDirectory() as name:
        async with logged_engine(Path(name), some_exchanges()) as logged, terminal(logged.socket, size=SIZE) as shown:
            await shown.press("3")
            await shown.shows("09:05:00  FindItem")
            await shown.shows("300 kept")
            save(shown, "log")
            await shown.press("e")
            await shown.eventually(lambda: "✓ ok" not in shown.grid())
            await shown.press("end", "enter")
            await shown.shows("The engine:")
            save(shown, "exchange")
            await shown.press("4", "slash", *"mapping.busy", "enter", "space", "d")
            await shown.shows("User Number 7")
            save(shown, "settings")


def save(shown: Terminal, name: str) -> None:
    """Write the picture of what is shown now."""
    (HERE / f"{name}.svg").write_text(shown.app.export_screenshot(title="calendar-tui"), encoding="utf-8")


if __name__ == "__main__":
    for pictures in (main, of_the_set_up, of_the_log):
        with asyncio.Runner(loop_factory=QuiescentLoop) as runner:
            runner.run(pictures())
