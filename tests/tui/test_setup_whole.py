"""The whole set-up on a real terminal of 80x24, from nothing to the first presence, with few keys."""

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from engine.core.secret import Secret
from engine.simulator.company import (
    CLIENT_ID,
    EXCHANGE_PASSWORD,
    EXCHANGE_USER,
    PBX_PASSWORD,
    CloudCompany,
    PbxSite,
)
from engine.simulator.entra import TENANT
from engine.simulator.pbx.connection import AppObject
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.pty import PseudoTerminal, on_terminal
from tests.tui.setup_support import nothing_set_up

pytestmark = [pytest.mark.slow, pytest.mark.pty, pytest.mark.process]

ENTER, TRY, FIX, ADVANCED, UP, DOWN = "\r", "\x12", "\x06", "\x0f", "\x1b[A", "\x1b[B"
SITE = "Language and time of the notes"
READ = 0.6
"""Seconds for which a certificate is read before Enter trusts it."""

MOST_PRESSES = 20
TO_WRITE_AT_ONCE = 3
"""Presses more than for a dry run, with which it would begin without them."""

LONGEST = 300.0
"""Seconds to the first presence at most, also on a machine that does much else."""


class Typist:
    """Presses keys, and counts those that are no values: those of a site without faults in `presses`, those that are
    due to a fault in `mending`, such as a certificate that has to be trusted."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self.terminal = terminal
        self.presses = self.mending = 0
        self.begun = 0.0

    async def begin(self) -> None:
        """Press the first key."""
        await self.terminal.shows("▸ Set up now")
        self.begun = time.monotonic()
        await self.press(ENTER, then="Who opens the connection?")

    async def press(self, *keys: str, then: str, value: str = "") -> None:
        """Type a value and press keys, and wait for a text."""
        self.presses += len(keys)
        self.terminal.press(value + "".join(keys))
        await self.terminal.shows(then)

    async def reads(self, pattern: str) -> str:
        """Return what is on the screen in this place."""
        found = await eventually(lambda: re.search(pattern, self.terminal.text()), self.terminal.text)
        return str(found[1])

    async def mend(self, *keys: str, then: str, value: str = "") -> None:
        """Press keys because of a fault."""
        await self.press(*keys, then=then, value=value)
        self.presses -= len(keys)
        self.mending += len(keys)

    async def trust(self, *, then: str) -> None:
        """Trust a certificate that has been read; on a busy machine the first key may come before it is counted so."""
        self.mending += 1

        async def is_trusted() -> bool:
            if then in self.terminal.text():
                return True
            if "Trust exactly" in self.terminal.text():
                self.terminal.press(ENTER)
            await asyncio.sleep(READ)
            return False

        await eventually(is_trusted, self.terminal.text)


async def connect(typist: Typist, port: int) -> None:
    """Answer the step PBX, where the engine connects."""
    await typist.begin()
    await typist.press(ENTER, then="[                            ]  pbx.host")
    typist.terminal.press(f"127.0.0.1:{port}")
    await typist.terminal.shows("^F use")
    await typist.mend(FIX, then="The next page shows")
    await typist.press(ENTER, ENTER, then="Password of the App object")
    await typist.press(ENTER, then="•••••• stored", value=PBX_PASSWORD.reveal())
    await typist.press(ENTER, then="Is this your PBX?", value="headquarters")
    await typist.trust(then=SITE)


async def log_in(typist: Typist) -> None:
    """Answer the step Exchange with a service account on premises."""
    await typist.press(ENTER, then="The service account")
    await typist.press(ENTER, then="Password of the service account", value=EXCHANGE_USER)
    await typist.press(TRY, then="Get-ExchangeCertificate", value=EXCHANGE_PASSWORD.reveal())
    await typist.trust(then="✓4 Exchange")


async def register(typist: Typist, cloud: CloudCompany, directory: Path) -> None:
    """Answer the step Exchange with an application in Entra, in a cloud that is none of Microsoft's."""
    await typist.press(DOWN, ENTER, then="[(certificate) ")
    await typist.press("w", then="Written to")
    certificate = (directory / "calendar-engine.pem").read_bytes()
    cloud.application.certificates.append(x509.load_pem_x509_certificate(certificate))
    await typist.mend(ADVANCED, *[DOWN] * 8, then="Log-in service of a national cloud")
    await typist.mend(ENTER, DOWN, then="Microsoft Graph of a national cloud", value=cloud.entra.url)
    await typist.mend(ENTER, then="File (PEM) with the authority", value=cloud.graph.url)
    await typist.mend(ENTER, ADVANCED, then="1 entra.microsoft.com", value=str(cloud.ca_file))
    await typist.press(DOWN, then="Tenant ID of the app registration")
    await typist.press(ENTER, then="Client ID of the app registration", value=TENANT)
    await typist.press(ENTER, then="✓4 Exchange", value=CLIENT_ID)


async def be_called(typist: Typist, port: int, directory: Path) -> AppObject:
    """Answer the step PBX, where the PBX connects, up to the App object; return it as the page says."""
    await typist.begin()
    await typist.press(DOWN, ENTER, then="Enter makes one")
    await typist.mend(UP, UP, UP, then="Port on which the engine listens")
    await typist.mend(ENTER, then="Names and addresses of this machine", value=str(port))
    await typist.mend(ENTER, ENTER, then="Enter makes one", value="127.0.0.1")
    await typist.press(ENTER, then="•••••• stored")
    await typist.press(ENTER, then="[x] Websocket", value="headquarters")
    await typist.press("p", then="shows or hides it")
    password = await typist.reads(r"Password +(\w{4}-\w{4}-\w{4}) ")
    url = await typist.reads(r"(https://\S+/calendar)\s")  # whole, with the name of the App object
    await eventually((directory / "state" / "pbx-listen.pem").exists, typist.terminal.text)
    return AppObject(url=url, password=Secret(password))


async def choose_the_rest(typist: Typist) -> None:
    """Answer the steps Site and Users."""
    await typist.press(ENTER, then="Time zone of the times")
    await typist.press(ENTER, then="Who takes part", value="lisbon")
    await typist.terminal.shows("26 of 26 users")
    await typist.press(ENTER, then="Where are the calendars?")


async def go_live(typist: Typist, company: PbxSite) -> float:
    """Go on from Access to everybody's presences; return the seconds from the first key to the first presence."""
    await typist.terminal.shows("24 ✓  2 ✗   of 26")
    await typist.terminal.shows("F again the ✗")
    await typist.press(ENTER, then="What an appointment shows")
    await typist.press(ENTER, then="Learn how this PBX behaves")
    await typist.press(ENTER, then="What would change")
    await typist.terminal.shows("26 users")
    await typist.press(ENTER, then="Ready. How do you want to begin?")
    await typist.press(DOWN, DOWN, ENTER, ENTER, then="✓ Set up. Everybody is written since")
    await typist.terminal.shows("calendar-engine backup FILE")
    await eventually(lambda: bool(company.pbx.ledger.writes))
    return time.monotonic() - typist.begun


Record = Callable[[str, object], None]


def is_quick(typist: Typist, seconds: float, kind: str, record: Record) -> None:
    figures = f"{typist.presses} presses, {typist.mending} due to faults, {seconds:.0f} s to the first presence"
    record(f"set-up {kind}", figures)
    assert typist.presses - TO_WRITE_AT_ONCE <= MOST_PRESSES
    assert seconds < LONGEST


async def test_from_nothing_to_the_first_presence_on_premises(
    tmp_path: Path, record_testsuite_property: Record
) -> None:
    async with nothing_set_up(tmp_path) as served, on_terminal("--socket", str(served.socket)) as terminal:
        typist = Typist(terminal)
        await connect(typist, served.company.pbx.port)
        await choose_the_rest(typist)
        await log_in(typist)
        is_quick(typist, await go_live(typist, served.company), "on premises", record_testsuite_property)


async def test_from_nothing_to_the_first_presence_by_graph(
    tmp_path: Path, record_testsuite_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with (
        nothing_set_up(tmp_path, CloudCompany) as served,
        on_terminal("--socket", str(served.socket)) as terminal,
    ):
        typist = Typist(terminal)
        assert isinstance(served.company, CloudCompany)
        await connect(typist, served.company.pbx.port)
        await choose_the_rest(typist)
        await register(typist, served.company, tmp_path)
        is_quick(typist, await go_live(typist, served.company), "by Graph", record_testsuite_property)


async def test_from_nothing_to_the_first_presence_where_the_pbx_connects(
    tmp_path: Path, record_testsuite_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))  # as systemd does
    async with nothing_set_up(tmp_path) as served, on_terminal("--socket", str(served.socket)) as terminal:
        typist = Typist(terminal)
        app_object = await be_called(typist, free_port(), tmp_path)
        trust = ssl.create_default_context(cafile=tmp_path / "state" / "pbx-listen.pem")
        async with served.company.pbx.connecting(app_object, trust):
            await terminal.shows(SITE)
            await choose_the_rest(typist)
            await log_in(typist)
            is_quick(typist, await go_live(typist, served.company), "listen", record_testsuite_property)
