"""Mistakes made in the set-up over the API: each is told at its field, and mended by what is offered there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.company import Company
from engine.simulator.exchange.authentication import Seen
from engine.simulator.exchange.server import HOSTS
from engine.simulator.faults import ErrorCode
from engine.simulator.pbx.state import ALL_APIS
from tests.support.clock import ManualClock
from tests.support.service import changes_of, running_service
from tests.support.setting_up import SECRETS, answer, begun, check, field, states

pytestmark = pytest.mark.slow

Do = Callable[[Company], Awaitable[None]]


async def nothing(company: Company) -> None:
    pass


def pbx_shows(flaw: Flaw | None) -> Do:
    async def show(company: Company) -> None:
        await company.pbx.stop()
        authority = CertificateAuthority("Corp CA")
        company.pbx.tls = authority.issue("localhost", "127.0.0.1", flaw=flaw).context
        await company.pbx.start()

    return show


def ticked(apis: frozenset[str]) -> Do:
    async def tick(company: Company) -> None:
        company.pbx.behaviour.apis = apis

    return tick


async def exchange_signs_itself(company: Company) -> None:
    await company.exchange.show_certificate(CertificateAuthority("Corp CA").issue(*HOSTS, flaw=Flaw.SELF_SIGNED))


def right(*, given: bool) -> Do:
    async def give(company: Company) -> None:
        company.exchange.faults.clear()
        if not given:
            company.exchange.faults.add(ErrorCode("ErrorImpersonationFailed", in_fault=True), operation="FindItem")

    return give


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong over there, or typed here; the page that is checked, the field and the page it is told at, and what
    mends it: a fix that is offered (its keys), else what is done there or typed here."""

    wrong: Do = nothing
    typed: tuple[tuple[str, Any], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    page: str
    field: str
    elsewhere: str = ""
    fix: tuple[str, ...] = ()
    right: Do = nothing
    corrected: tuple[tuple[str, Any], ...] = ()
    corrected_secrets: tuple[tuple[str, str], ...] = ()


MISTAKES = {
    "wrong PBX password": Mistake(
        secrets=(("pbx.password", "wrong"),),
        page="pbx/fields",
        field="pbx.password",
        corrected_secrets=(("pbx.password", SECRETS["pbx.password"]),),
    ),
    "wrong App name": Mistake(
        typed=(("pbx.app", "kalender"),), page="pbx/fields", field="pbx.password", corrected=(("pbx.app", "calendar"),)
    ),
    "missing check mark": Mistake(
        wrong=ticked(ALL_APIS - {"PbxTableUsers"}),
        page="pbx/fields",
        field="",
        elsewhere="pbx/app",
        right=ticked(ALL_APIS),
    ),
    "wrong PBX name": Mistake(
        typed=(("pbx.master", "master"),), page="pbx/fields", field="pbx.master", fix=("pbx.master",)
    ),
    "self-signed PBX": Mistake(
        wrong=pbx_shows(Flaw.SELF_SIGNED),
        page="pbx/fields",
        field="pbx.fingerprint",
        elsewhere="pbx/certificate",
        fix=("pbx.fingerprint",),
    ),
    "self-signed Exchange": Mistake(
        wrong=exchange_signs_itself,
        page="exchange/account",
        field="exchange.fingerprint",
        elsewhere="exchange/certificate",
        fix=("exchange.fingerprint",),
    ),
    "wrong Exchange password": Mistake(
        secrets=(("exchange.password", "wrong"),),
        page="exchange/account",
        field="exchange.password",
        corrected_secrets=(("exchange.password", SECRETS["exchange.password"]),),
    ),
    "no impersonation": Mistake(
        wrong=right(given=False), page="exchange/account", field="", elsewhere="exchange/right", right=right(given=True)
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_told_at_its_field_and_mended_there(
    company: Company, clock: ManualClock, tmp_path: Path, name: str
) -> None:
    mistake = MISTAKES[name]
    step = mistake.page.partition("/")[0]
    await mistake.wrong(company)
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        own = {"setup.user": "anna.mueller@corp.example"}
        answers = changes_of(company.settings()) | dict(mistake.typed)
        await answer(served, settings=answers, secrets=SECRETS | dict(mistake.secrets), texts=own)
        tried = await check(served, mistake.page)
        told = [each for each in tried["rungs"] if each["outcome"] == "failed"]
        assert (tried["passed"], tried["wrong"], tried["page"]) == (False, mistake.field, mistake.elsewhere), told
        setup = await served.get("/v1/setup")
        assert states(setup)[step] == "failed"
        shown = {each["key"] for each in setup["page"]["fields"]}
        if mistake.field in shown:
            assert setup["page"]["cursor"] == mistake.field
            assert field(setup, mistake.field)["problem"]["remedy"]
        if mistake.elsewhere:
            setup = await answer(served, go=mistake.elsewhere)
            assert setup["page"]["name"] == mistake.elsewhere.partition("/")[2]
        if setup["page"]["kind"] == "certificate":
            assert setup["page"]["certificate"]["fingerprint"]
            assert setup["page"]["certificate"]["fits"]
        offered = {tuple(each["keys"]): each["id"] for each in tried["fixes"]}
        assert (mistake.fix in offered) == bool(mistake.fix), offered
        await mistake.right(company)
        await answer(
            served,
            fix=offered[mistake.fix] if mistake.fix else None,
            settings=dict(mistake.corrected),
            secrets=dict(mistake.corrected_secrets),
        )
        again = await check(served, mistake.page)
        assert again["passed"], again["rungs"]
        assert states(await served.get("/v1/setup"))[step] == "done"


async def test_an_address_in_the_host_is_put_right_by_one_key(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        typed = {"pbx.host": f"https://{company.pbx.host}:{company.pbx.port}/", "pbx.ca_file": str(company.ca_file)}
        setup = await answer(served, texts=typed, go="pbx/fields")
        wrong = field(setup, "pbx.host")
        assert wrong["text"].startswith("https://")
        [fix] = wrong["fixes"]
        assert fix["keys"] == ["pbx.host", "pbx.port", "pbx.tls"]
        setup = await answer(served, fix=fix["id"])
        assert field(setup, "pbx.host")["text"] == company.pbx.host
        assert field(setup, "pbx.port")["text"] == str(company.pbx.port)
        reach = await check(served, "pbx/fields", log_in=False)
        assert reach["passed"], reach["rungs"]
        assert company.pbx.ledger.logins == []


async def test_an_account_without_its_domain_is_completed_by_one_key(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company)
        assert (await check(served, "pbx/fields"))["passed"]

        async def offered(user: str) -> Any:
            setup = await answer(served, texts={"exchange.user": user}, go="exchange/account")
            assert field(setup, "exchange.user")["problem"]["remedy"]
            [fix] = (await check(served, "exchange/account", log_in=False))["fixes"]
            return fix

        fix = await offered("CORP\\svc-calendar")
        assert fix["keys"] == ["exchange.autodiscover_url"]
        fix = await offered("svc-calendar")
        assert fix["label"] == 'use "CORP\\svc-calendar"'
        setup = await answer(served, fix=fix["id"])
        assert field(setup, "exchange.user")["text"] == "CORP\\svc-calendar"
        assert field(setup, "exchange.user")["problem"] is None
        assert (await check(served, "exchange/account", log_in=False))["passed"]
        assert set(company.exchange.log_ins) <= {Seen.ANONYMOUS, Seen.CHALLENGED}
        await answer(served, settings={"pbx.writes_per_second": 5})  # what was found in the PBX is forgotten with it
        tried = await check(served, "exchange/account")
        assert tried["passed"], tried["rungs"]
        assert "master PBX" in tried["names"]
        assert (await check(served, "pbx/fields"))["passed"]
        await company.exchange.refuse_connections()
        await answer(served, texts={"exchange.autodiscover_url": ""})
        assert (await offered("svc-calendar"))["label"] == 'use "svc-calendar@corp.example"'


async def test_a_selection_that_leaves_nobody_is_refused_and_one_of_few_doubted(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company)
        assert (await check(served, "pbx/fields"))["passed"]
        setup = await answer(served, selection={"mode": "only", "patterns": ["nobody*"]}, go="users")
        users = setup["page"]["users"]
        assert (users["taken"], users["refusal"], users["selection"]["mode"]) == (0, "Nobody takes part.", "only")
        setup = await answer(served, selection={"mode": "only", "patterns": ["a*"]})
        assert (setup["page"]["users"]["refusal"], setup["page"]["users"]["doubt"][:15]) == ("", "This leaves out")
        listed = await served.get("/v1/setup/users?taken=false&per_page=3")
        assert listed["total"] == setup["page"]["users"]["total"] - setup["page"]["users"]["taken"]
        assert len(listed["users"]) == 3
        setup = await answer(served, selection={"mode": "everybody"})
        assert setup["page"]["users"]["taken"] == setup["page"]["users"]["total"] == 26
