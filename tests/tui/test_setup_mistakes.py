"""Each mistake of a first set-up is made and mended in the wizard, in so many presses beside the values."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from calendar_tui.screens import setup_kinds
from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.simulator.exchange.server import HOSTS
from engine.simulator.pbx.state import ALL_APIS
from tests.support.service import ServedService
from tests.support.tui import Terminal, terminal
from tests.tui.setup_support import answered, nothing_set_up, open_setup, right_answers, right_secrets, under_cursor

pytestmark = pytest.mark.slow

Change = Callable[[Company], Awaitable[None]]
PBX_PAGE, EXCHANGE_PAGE = "pbx/fields", "exchange/account"
ANNA = "anna.mueller@corp.example"


@dataclass(frozen=True)
class Mistake:
    """A mistake in the `answers` or in what `made` changes over there. The wizard shows `told`, with the cursor in the
    field `wrong`; `keys` mend it, a text among them being typed, after `mended` over there."""

    page: str
    told: str
    keys: tuple[str, ...]
    wrong: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    made: Change | None = None
    mended: Change | None = None

    @property
    def presses(self) -> int:
        """The presses of keys beside the values."""
        return sum(not each.startswith("type ") for each in self.keys)


def pbx_certificate(*names: str, flaw: Flaw | None = None, trusted: bool = False) -> Change:
    async def change(company: Company) -> None:
        authority = company.authority if trusted else CertificateAuthority("Corp CA")
        await company.pbx.stop()
        company.pbx.tls = authority.issue(*names, flaw=flaw).context
        await company.pbx.start()

    return change


def exchange_certificate(*names: str, flaw: Flaw) -> Change:
    async def change(company: Company) -> None:
        await company.exchange.show_certificate(CertificateAuthority("Corp CA").issue(*names, flaw=flaw))

    return change


def ticks(apis: frozenset[str]) -> Change:
    async def change(company: Company) -> None:
        company.pbx.behaviour.apis = apis

    return change


def clock_ahead(minutes: int) -> Change:
    async def change(company: Company) -> None:
        company.pbx.behaviour.clock_ahead = timedelta(minutes=minutes)

    return change


def right_to_read(given: bool) -> Change:
    async def change(company: Company) -> None:
        (company.world.put_into_scope if given else company.world.take_out_of_scope)(
            company.world.person("anna.mueller")
        )

    return change


LOCALHOST = ("localhost", "127.0.0.1")

MISTAKES = {
    "https:// in the host": Mistake(
        PBX_PAGE,
        "✗ Is not a host name",
        ("ctrl+f", "ctrl+r"),
        "pbx.host",
        {"pbx.host": "https://127.0.0.1:{port}/PBX0"},
    ),
    "wrong PBX password": Mistake(
        PBX_PAGE,
        "✗ The PBX refuses the log-in",
        (f"type {PBX_PASSWORD.reveal()}", "enter"),
        "pbx.password",
        secrets={"pbx.password": "wrong"},
    ),
    "wrong App name": Mistake(
        PBX_PAGE,
        "✗ The PBX refuses the log-in",
        ("ctrl+o", "up", "ctrl+u", "type calendar", "ctrl+r"),
        "pbx.password",
        {"pbx.app": "kalender"},
    ),
    "missing check mark": Mistake(
        PBX_PAGE,
        "Do this in the PBX",
        (),
        made=ticks(ALL_APIS - {"PbxTableUsers"}),
        mended=ticks(ALL_APIS),
    ),
    "wrong PBX name": Mistake(PBX_PAGE, '^F use "headquarters"', ("ctrl+f",), "pbx.master", {"pbx.master": "master"}),
    "self-signed PBX": Mistake(
        PBX_PAGE, "General › Certificates", ("enter",), made=pbx_certificate(*LOCALHOST, flaw=Flaw.SELF_SIGNED)
    ),
    "expired certificate": Mistake(
        PBX_PAGE,
        "✗ TLS",
        ("ctrl+r",),
        made=pbx_certificate(*LOCALHOST, flaw=Flaw.EXPIRED, trusted=True),
        mended=pbx_certificate(*LOCALHOST, trusted=True),
    ),
    "name not in the certificate": Mistake(
        PBX_PAGE, "^F use ", ("ctrl+f",), "pbx.host", made=pbx_certificate("localhost", trusted=True)
    ),
    "clock 10 minutes off": Mistake(PBX_PAGE, "✗ Clock", ("ctrl+r",), made=clock_ahead(10), mended=clock_ahead(0)),
    "wrong Exchange password": Mistake(
        EXCHANGE_PAGE,
        "✗ Exchange refuses the",
        (f"type {EXCHANGE_PASSWORD.reveal()}", "enter"),
        "exchange.password",
        secrets={"exchange.password": "wrong"},
    ),
    "self-signed Exchange": Mistake(
        EXCHANGE_PAGE,
        "Enter Is this your Exchange?",
        ("enter", "enter"),
        made=exchange_certificate(*HOSTS, flaw=Flaw.SELF_SIGNED),
    ),
    "no impersonation": Mistake(
        EXCHANGE_PAGE,
        "Do this in the Exchange",
        (),
        made=right_to_read(False),
        mended=right_to_read(True),
    ),
    "wrong address of Exchange": Mistake(
        EXCHANGE_PAGE,
        "^F use ",
        ("ctrl+f",),
        "exchange.ews_url",
        {"exchange.ews_url": "https://mail.corp.invalid/EWS/Exchange.asmx"},
    ),
}


async def made(mistake: Mistake, served: ServedService) -> None:
    """Answer everything right but for the mistake, and go to its page."""
    company = served.company
    assert isinstance(company, Company)
    if mistake.made is not None:
        await mistake.made(company)
    answers = right_answers(served)
    texts = {key: str(text).format(port=company.pbx.port) for key, text in mistake.answers.items()}
    status, _ = await served.ask("POST", "/v1/setup", {})
    assert status == 200
    secrets = {**right_secrets(served), **mistake.secrets}
    await answered(served, settings=answers, secrets=secrets)
    await answered(served, texts={"setup.user": ANNA} | texts, go=mistake.page)


async def mended(mistake: Mistake, served: ServedService, shown: Terminal) -> None:
    """Press the keys that mend it, after something was done over there."""
    assert isinstance(served.company, Company)
    if mistake.mended is not None:
        await mistake.mended(served.company)
    for key in mistake.keys:
        await shown.press(*(key.removeprefix("type ") if key.startswith("type ") else (key,)))
    step = "✓1 PBX" if mistake.page == PBX_PAGE else "✓4 Exchange"
    await shown.shows(step)


@pytest.fixture(autouse=True)
def quick_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are read at once: the keys are not typed ahead."""
    monkeypatch.setattr(setup_kinds, "READING", 0.0)


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_made_and_mended(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    async with nothing_set_up(tmp_path) as served:
        await made(mistake, served)
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.press("ctrl+r")
            await shown.shows(mistake.told)
            if mistake.wrong:
                await shown.eventually(lambda: under_cursor(shown) == mistake.wrong, lambda: under_cursor(shown))
            await mended(mistake, served, shown)
    assert mistake.presses <= 4
