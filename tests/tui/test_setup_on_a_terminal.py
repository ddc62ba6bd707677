"""The set-up on a real terminal of 80x24: how few keys it takes, keys of one packet, and two administrators."""

import asyncio
from pathlib import Path

import pytest

from engine.simulator.company import EXCHANGE_PASSWORD, EXCHANGE_USER, PBX_PASSWORD
from tests.support.pty import PseudoTerminal, on_terminal
from tests.tui.setup_support import nothing_set_up

pytestmark = [pytest.mark.slow, pytest.mark.pty, pytest.mark.process]

ENTER, TRY, FIX = "\r", "\x12", "\x06"
READ = 1.0
"""Seconds for which a certificate is read before Enter trusts it."""


class Typist:
    """Presses keys, and counts those that are no values."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self.terminal = terminal
        self.presses = 0

    async def press(self, keys: str, then: str, *, value: str = "") -> None:
        """Type a value and press keys, and wait for a text."""
        self.presses += len(keys)
        self.terminal.press(value + keys)
        await self.terminal.shows(then)


async def test_pbx_site_and_exchange_take_few_keys(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, on_terminal("--socket", str(served.socket)) as terminal:
        typist = Typist(terminal)
        await terminal.shows("▸ Set up now")
        await typist.press(ENTER, "Who opens the connection?")
        await typist.press(ENTER, "[                            ]  pbx.host")
        terminal.press(f"127.0.0.1:{served.company.pbx.port}")
        await terminal.shows("^F use")
        await typist.press(FIX, "The next page shows")
        await typist.press(ENTER + ENTER, "Password of the App object")
        await typist.press(ENTER, "•••••• stored", value=PBX_PASSWORD.reveal())
        await typist.press(ENTER, "General › Certificates", value="headquarters")
        await asyncio.sleep(READ)
        await typist.press(ENTER, "Language and time of the notes")
        await typist.press(ENTER, "Time zone of the times")
        await typist.press(ENTER, "Who takes part", value="lisbon")
        assert "✓1 PBX" in terminal.text()
        assert "✓2 Site" in terminal.text()
        assert typist.presses == 10
        terminal.press("\x074")
        await terminal.shows("Where are the calendars?")
        await typist.press(ENTER, "The service account")
        await typist.press(ENTER, "Password of the service account", value=EXCHANGE_USER)
        await typist.press(TRY, "Get-ExchangeCertificate", value=EXCHANGE_PASSWORD.reveal())
        await asyncio.sleep(READ)
        await typist.press(ENTER, "✓4 Exchange")
        assert typist.presses == 14


async def test_keys_of_one_packet_go_where_they_belong(tmp_path: Path) -> None:
    async with nothing_set_up(tmp_path) as served, on_terminal("--socket", str(served.socket)) as terminal:
        await terminal.shows("▸ Set up now")
        port = served.company.pbx.port
        terminal.press("\r")
        await terminal.shows("Who opens the connection?")
        terminal.press(f"\r127.0.0.1\r\r{PBX_PASSWORD.reveal()}\rheadquarters\x0f\t{port}\x0f\x12\r\r")
        await terminal.shows("Is this your PBX?")
        await terminal.quiet()
        assert "Is this your PBX?" in terminal.text(), "keys typed ahead trust no certificate"
        await served.ask("POST", "/v1/setup/person", {"where": ""})
        await served.ask("PATCH", "/v1/setup", {"go": "pbx/fields"})
        fields = {each["key"]: each["text"] for each in (await served.get("/v1/setup"))["page"]["fields"]}
        typed = {"pbx.host": "127.0.0.1", "pbx.port": str(port), "pbx.master": "headquarters", "pbx.fingerprint": ""}
        assert fields.items() >= typed.items()


async def test_a_second_administrator_sees_the_first_and_takes_over(tmp_path: Path) -> None:
    socket = ("--socket",)
    async with nothing_set_up(tmp_path) as served, on_terminal(*socket, str(served.socket)) as first:
        await first.shows("▸ Set up now")
        first.press("\r")
        await first.shows("Who opens the connection?")
        first.press("\rpbx.corp")
        await first.shows("[pbx.corp")
        ssh = {"SSH_CONNECTION": "10.1.4.7 50000 10.1.4.1 22"}
        async with on_terminal(*socket, str(served.socket), environment=ssh) as second:
            await second.shows("▸ Set up now")
            second.press("\r")
            await second.shows("is at step 1, last key")
            second.press("\r")
            await second.shows("[pbx.corp")
            second.press("T")
            await second.shows("@10.1.4.7")
            await second.shows("^L later")
            await first.shows("@10.1.4.7 is at step 1")
            first.press("x\rT")
            await first.shows("^L later")
            await second.shows("T take over")
