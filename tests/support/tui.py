"""The terminal program with an engine on a real socket, without a terminal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from rich.cells import cell_len
from textual.pilot import Pilot

from calendar_tui.app import CalendarApp
from calendar_tui.model import Attached
from calendar_tui.screens.view import View
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.line_view import LineView
from engine.api.client import reachable_socket
from engine.server.app import ApiServer
from engine.server.sockets import open_sockets
from engine.server.state import ApiState
from engine.simulator.world import World
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence
from tests.support.serving import once
from tests.support.site import Site, running_site

DESIGN_SIZE = (80, 24)

ROUNDS = 2
"""How often the screen is drawn until it rests."""


async def _idle(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Wait until the program and what it talks to have nothing to do, at most `max_sleep` seconds.

    Textual's own pilot waits until the process uses no processor, which takes it 20 ms or more for each key, and up to
    a second while an engine works in the same process.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(max_sleep):
            await quiescence()


class Terminal:
    """Controls the program, and returns its screen."""

    def __init__(self, app: CalendarApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def view(self) -> View:
        return self.app.frame.view

    def line_view(self, id: str) -> LineView:  # noqa: A002
        return self.app.frame.line_view(id)

    def grid(self) -> str:
        """The picture as text; Textual has a public name for it as SVG alone."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    def row(self) -> str:
        """The second row, which says where one is."""
        return self.grid().splitlines()[1]

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await eventually(lambda: self.app.typist.rests or not self.app.is_running, between=self.pilot.pause)
        await self.settled()

    async def click(self, text: str) -> None:
        """Click on the first occurrence of a text."""
        for y, row in enumerate(self.grid().splitlines()):
            if text in row:
                await self.pilot.click(offset=(cell_len(row[: row.index(text)]), y))
                await self.pilot.pause()
                return
        raise AssertionError(f"{text!r} is not in\n{self.grid()}")

    async def shows(self, text: str) -> None:
        await self.eventually(lambda: text in self.grid(), lambda: f"{text!r} is not in\n{self.grid()}")

    async def eventually(self, condition: Callable[[], bool], otherwise: Callable[[], object] | None = None) -> None:
        """Wait as everywhere, while the program draws, and until it has drawn what came with it."""
        await eventually(condition, otherwise or self.grid, between=self.pilot.pause)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is left to draw: a new layout gives widgets a size, at which they draw once more."""
        for _ in range(ROUNDS):
            await self.pilot.pause()


@asynccontextmanager
async def terminal(
    socket: Path,
    *,
    look: TerminalCapabilities | None = None,
    size: tuple[int, int] = DESIGN_SIZE,
    read_only: bool = False,
    attached: bool = True,
    real_time: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Terminal]:
    app = CalendarApp(
        lambda: reachable_socket((socket,), "read" if read_only else "ask"),
        look or TerminalCapabilities(),
        read_only=read_only,
        real_time=real_time,
    )
    with patch("textual.app.wait_for_idle", _idle), patch("textual.pilot.wait_for_idle", _idle):
        async with app.run_test(size=size) as pilot:
            shown = Terminal(app, pilot)
            if attached:
                await shown.eventually(lambda: isinstance(app.model.attachment, Attached))
                await shown.eventually(lambda: app.is_up_to_date)
            yield shown


@asynccontextmanager
async def served_site(world: World, directory: Path, clock: ManualClock) -> AsyncIterator[tuple[Site, Path]]:
    """Context manager of a whole site with simulators, and the socket of its API."""
    async with running_site(world, directory, clock, presence={"show_subject": True}) as site:
        with open_sockets(directory / "engine.sock", None, {}) as sockets:
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(ApiServer(ApiState(site.engine, clock), sockets, once).serve())
                try:
                    yield site, sockets.main
                finally:
                    serving.cancel()
