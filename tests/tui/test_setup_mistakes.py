"""Each mistake of a first set-up is made and mended in the wizard, in so many presses beside the values."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from calendar_tui.screens import setup_kinds
from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.company import (
    CLIENT_SECRET,
    EXCHANGE_PASSWORD,
    PBX_PASSWORD,
    CloudCompany,
    Company,
    PbxSite,
)
from engine.simulator.exchange.server import HOSTS
from engine.simulator.pbx.state import ALL_APIS
from tests.support.service import ServedService
from tests.support.setting_up import check
from tests.support.tui import Terminal, terminal
from tests.tui.setup_support import answered, nothing_set_up, open_setup, right_answers, right_secrets, under_cursor

pytestmark = pytest.mark.slow

Change = Callable[[Any], Awaitable[None]]
"""What is done over there, at a site of the kind that the mistake is about."""

PBX_PAGE, EXCHANGE_PAGE, APPLICATION_PAGE = "pbx/fields", "exchange/account", "exchange/application"
ANNA = "anna.mueller@corp.example"
REMEDIES = ("→ ", "^F ", "Do this in the ", "Enter Is this your ", "▸ Trust exactly ")
"""What introduces what can be done about a problem, on the page that tells it."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in the `answers` or in what `made` changes over there. `tried` shows it: the wizard says `told`, with
    the cursor in the field `wrong`; `keys` mend it, a text among them being typed, after `mended` over there. Then it
    shows `well`, and `copied` was to be pasted there.

    Unless there is a test `user`, the users of the PBX are known, and any of them is read.
    """

    page: str
    told: str
    keys: tuple[str, ...]
    wrong: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    made: Change | None = None
    mended: Change | None = None
    tried: tuple[str, ...] = ("ctrl+r",)
    well: str = ""
    copied: str = ""
    user: str = ANNA
    kind: type[PbxSite] = Company
    options: Mapping[str, Any] = field(default_factory=dict)

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


def every_third_in_scope(given: bool) -> Change:
    async def change(company: PbxSite) -> None:
        people = [person for person in company.world.people if person.mailbox][::3]
        (company.world.put_into_scope if given else company.world.take_out_of_scope)(*people)

    return change


def role_in_exchange_online(given: bool) -> Change:
    async def change(company: CloudCompany) -> None:
        company.tenant.scoped_role = given

    return change


async def other_system_name(company: PbxSite) -> None:
    company.pbx.domain = "pbx.local"


LOCALHOST = ("localhost", "127.0.0.1")
EVERY_THIRD = "15 ✓  11 ✗   of 26"
ALL_BUT_TWO = "24 ✓  2 ✗   of 26"
GROUP = {"setup.group": "Phone users"}
ADDED = f"Add-DistributionGroupMember 'Phone users' -Member '{ANNA}'"

MISTAKES = {
    "https:// in the host": Mistake(
        PBX_PAGE,
        "✗ Address is not a host name",
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
        "Get-ExchangeCertificate",
        ("enter",),
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
    "no autodiscover": Mistake(
        EXCHANGE_PAGE,
        '^F use "https://mail.corp.example/EWS/',
        ("ctrl+f",),
        "exchange.ews_url",
        options={"hosts": ("localhost", "mail.corp.example"), "internal_host": "mail.corp.example"},
    ),
    "impersonation for two thirds": Mistake(
        EXCHANGE_PAGE,
        EVERY_THIRD,
        ("c", "F"),
        well=ALL_BUT_TWO,
        copied=ADDED,
        user="",
        answers=GROUP,
        made=every_third_in_scope(False),
        mended=every_third_in_scope(True),
    ),
    "mail domain is not the PBX's": Mistake(
        EXCHANGE_PAGE,
        '^F use "corp.example"  pbx.domain',
        ("ctrl+f",),
        well=ALL_BUT_TWO,
        user="",
        made=other_system_name,
    ),
    "consent missing": Mistake(
        APPLICATION_PAGE,
        "→ In the app registration, under API permissions",
        (),
        tried=(),
        well=ALL_BUT_TWO,
        user="",
        kind=CloudCompany,
        made=role_in_exchange_online(False),
        mended=role_in_exchange_online(True),
    ),
    "consent for too few": Mistake(
        APPLICATION_PAGE,
        EVERY_THIRD,
        ("c", "F"),
        tried=(),
        well=ALL_BUT_TWO,
        copied=ADDED,
        user="",
        kind=CloudCompany,
        answers=GROUP,
        made=every_third_in_scope(False),
        mended=every_third_in_scope(True),
    ),
    "secret's ID": Mistake(
        APPLICATION_PAGE,
        '→ What was entered is the "Secret ID"',
        (f"type {CLIENT_SECRET.reveal()}", "enter"),
        "exchange.client_secret",
        tried=(),
        kind=CloudCompany,
        secrets={"exchange.client_secret": "0a1b2c3d-1111-2222-3333-444455556666"},
    ),
}


async def made(mistake: Mistake, served: ServedService) -> None:
    """Answer everything right but for the mistake, and go to its page."""
    company = served.company
    if mistake.made is not None:
        await mistake.made(company)
    answers = right_answers(served)
    texts = {key: str(text).format(port=company.pbx.port) for key, text in mistake.answers.items()}
    status, _ = await served.ask("POST", "/v1/setup", {})
    assert status == 200
    secrets = {**right_secrets(served), **mistake.secrets}
    await answered(served, settings=answers, secrets=secrets)
    await answered(served, texts={"setup.user": mistake.user} | texts)
    if not mistake.user:
        assert (await check(served, PBX_PAGE))["passed"]
    await answered(served, go=mistake.page)


async def mended(mistake: Mistake, served: ServedService, shown: Terminal) -> None:
    """Press the keys that mend it, after something was done over there."""
    if "F" in mistake.keys:
        await shown.shows("F again the ✗")  # the check is over
    if mistake.mended is not None:
        await mistake.mended(served.company)
    for key in mistake.keys:
        await shown.press(*(key.removeprefix("type ") if key.startswith("type ") else (key,)))
    step = "✓1 PBX" if mistake.page == PBX_PAGE else "✓4 Exchange"
    await shown.shows(mistake.well or step)
    assert mistake.copied in shown.app.clipboard


@pytest.fixture(autouse=True)
def quick_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are read at once: the keys are not typed ahead."""
    monkeypatch.setattr(setup_kinds, "READING", 0.0)


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_made_and_mended(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    async with nothing_set_up(tmp_path, mistake.kind, **mistake.options) as served:
        await made(mistake, served)
        async with terminal(served.socket) as shown:
            await open_setup(shown)
            await shown.press(*mistake.tried)
            await shown.shows(mistake.told)
            await shown.eventually(lambda: any(each in shown.grid() for each in REMEDIES))
            if mistake.wrong:
                await shown.eventually(lambda: under_cursor(shown) == mistake.wrong, lambda: under_cursor(shown))
            await mended(mistake, served, shown)
    assert mistake.presses <= 4
