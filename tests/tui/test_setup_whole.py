"""The whole set-up on a real terminal of 80x24, from nothing to the first presence, with few keys."""

import asyncio
import time
from pathlib import Path

import pytest

from engine.simulator.company import EXCHANGE_PASSWORD, EXCHANGE_USER, PBX_PASSWORD
from tests.support.eventually import eventually
from tests.support.pty import PseudoTerminal, on_terminal
from tests.tui.setup_support import nothing_set_up

pytestmark = [pytest.mark.slow, pytest.mark.pty, pytest.mark.process]

ENTER, TRY, FIX, DOWN = "\r", "\x12", "\x06", "\x1b[B"
READ = 0.6
"""Seconds for which a certificate is read before Enter trusts it."""

MOST_PRESSES = 20
MENDING = 5
"""Presses that are due to faults: a port within the address, and two certificates to be looked at and trusted."""


class Typist:
    """Presses keys, and counts those that are no values."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self.terminal = terminal
        self.presses = 0

    async def press(self, *keys: str, then: str, value: str = "") -> None:
        """Type a value and press keys, and wait for a text."""
        self.presses += len(keys)
        self.terminal.press(value + "".join(keys))
        await self.terminal.shows(then)

    async def trust(self, *, then: str) -> None:
        """Trust a certificate that has been read; on a busy machine the first key may come before it is counted so."""
        self.presses += 1

        async def is_trusted() -> bool:
            if then in self.terminal.text():
                return True
            if "Trust exactly" in self.terminal.text():
                self.terminal.press(ENTER)
            await asyncio.sleep(READ)
            return False

        await eventually(is_trusted, self.terminal.text)


async def connect(typist: Typist, port: int) -> None:
    """Answer the steps PBX and Site."""
    terminal = typist.terminal
    await terminal.shows("▸ Set up now")
    await typist.press(ENTER, then="Who opens the connection?")
    await typist.press(ENTER, then="[                            ]  pbx.host")
    terminal.press(f"127.0.0.1:{port}")
    await terminal.shows("^F use")
    await typist.press(FIX, then="Enter shows it")
    await typist.press(ENTER, ENTER, then="Password of the App object")
    await typist.press(ENTER, then="•••••• stored", value=PBX_PASSWORD.reveal())
    await typist.press(ENTER, then="Is this your PBX?", value="headquarters")
    await typist.trust(then="Language and time of the notes")
    await typist.press(ENTER, then="Time zone of the times")
    await typist.press(ENTER, then="Who takes part", value="lisbon")


async def test_from_nothing_to_the_first_presence_on_premises(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, on_terminal("--socket", str(served.socket)) as terminal:
        typist, begun = Typist(terminal), time.monotonic()
        await connect(typist, served.company.pbx.port)
        await terminal.shows("26 of 26 users")
        await typist.press(ENTER, then="Where are the calendars?")
        await typist.press(ENTER, ENTER, then="The service account")
        await typist.press(ENTER, then="Password of the service account", value=EXCHANGE_USER)
        await typist.press(TRY, then="Enter Is this your Exchange?", value=EXCHANGE_PASSWORD.reveal())
        await typist.press(ENTER, then="Get-ExchangeCertificate")
        await typist.trust(then="✓4 Exchange")
        await terminal.shows("24 ✓  2 ✗   of 26")
        await typist.press(ENTER, then="What an appointment shows")
        await typist.press(ENTER, then="Learn how this PBX behaves")
        await typist.press(ENTER, then="What would change")
        await terminal.shows("26 users")
        await typist.press(ENTER, then="Ready. How do you want to begin?")
        await typist.press(DOWN, DOWN, ENTER, ENTER, then="✓ Set up. Everybody is written since")
        await terminal.shows("calendar-engine backup FILE")
        guids = [person.guid for person in served.company.world.people]
        await eventually(lambda: any(served.company.pbx.presence_entries(guid) for guid in guids))
        assert typist.presses - MENDING <= MOST_PRESSES, "also with three to begin with everybody at once"
        assert time.monotonic() - begun < 300
