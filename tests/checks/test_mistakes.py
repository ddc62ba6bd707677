"""Tests of the mistakes of a first set-up: each is found in the right field, and mended by the fix that is offered."""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.checks.check import AnyCheck, CheckStep, StepOutcome
from engine.checks.errors import ClockDiffers
from engine.checks.fixes import Fix
from engine.core.secret import Secret
from engine.core.users import User, address_candidates
from engine.settings.keys import KEYS
from engine.settings.problems import SettingsInvalid
from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.company import (
    CLIENT_SECRET,
    DOMAIN,
    EXCHANGE_PASSWORD,
    PBX_PASSWORD,
    CloudCompany,
    Company,
    PbxSite,
)
from engine.simulator.exchange.authentication import Domain, Seen
from engine.simulator.exchange.server import HOSTS
from engine.simulator.faults import ErrorCode
from engine.simulator.pbx.state import ALL_APIS
from engine.simulator.world import World
from engine.store.secrets import Secrets
from tests.checks.support import NOON, CheckResult, check_factory_of, settings_of
from tests.support.clock import ManualClock

Tables = dict[str, dict[str, Any]]
Side = Literal["pbx", "exchange"]
TEN_MINUTES = timedelta(minutes=10)


@dataclass
class Attempt:
    """A set-up with its mistakes: the settings and secrets typed."""

    company: PbxSite
    directory: Path
    tables: Tables = field(default_factory=dict)
    pbx_password: Secret = PBX_PASSWORD
    exchange_password: Secret = EXCHANGE_PASSWORD
    client_secret: Secret = CLIENT_SECRET
    user: str = "anna.mueller"
    domain: str = DOMAIN

    async def check(self, side: Side) -> CheckResult:
        factory = check_factory_of(self.company, ManualClock(NOON))
        settings = settings_of(self.company, **self.tables)
        secrets = Secrets(
            exchange_password=self.exchange_password,
            exchange_client_secret=self.client_secret,
            pbx_password=self.pbx_password,
        )
        user = User(guid="1", name=self.user)
        check: AnyCheck = (
            factory.pbx(settings, secrets.pbx_password)
            if side == "pbx"
            else factory.exchange(settings, secrets, address_candidates(user, settings.pbx.domain or self.domain))
        )
        reported: list[CheckStep] = []
        return CheckResult(await check.run(reported.append), reported)

    def set(self, settings: Mapping[str, Any]) -> None:
        for key, value in settings.items():
            *path, name = key.split(".")
            table: dict[str, Any] = self.tables
            for each in path:
                table = table.setdefault(each, {})
            table.pop(name, None)
            if value is not None:
                table[name] = list(value) if isinstance(value, tuple) else value

    def make(self, fix: Fix) -> None:
        self.set(fix.settings)
        for key, certificate in fix.certificates.items():
            file = self.directory / f"{key}.pem"
            file.write_text(certificate)
            self.set({key: str(file)})


Prepare = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True)
class Mistake:
    """A mistake made by `prepare`: the `step` that finds it, the `field` where the cursor belongs, the settings
    of the fixes, and what the administrator does instead where there is none."""

    side: Side
    prepare: Prepare
    step: str
    field: str
    fixes: tuple[str, ...] = ()
    mend: Prepare | None = None


def set_to(**tables: Mapping[str, Any]) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        for table, values in tables.items():
            attempt.set({f"{table}.{name}": value for name, value in values.items()})

    return prepare


def changed(**values: Any) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        for name, value in values.items():
            setattr(attempt, name, value)

    return prepare


def both(one: Prepare, other: Prepare) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        await one(attempt)
        await other(attempt)

    return prepare


def pbx_certificate(*names: str, flaw: Flaw | None = None, trusted: bool = False, whole: bool = False) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        company = attempt.company
        authority = company.authority if trusted else CertificateAuthority("Corp CA")
        await company.pbx.stop()
        company.pbx.tls = authority.issue(*names, flaw=flaw, with_issuer=whole).context
        await company.pbx.start()

    return prepare


def exchange_certificate(*names: str, flaw: Flaw | None = None, trusted: bool = False, ews: bool = True) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        company = attempt.company
        assert isinstance(company, Company)
        authority = company.authority if trusted else CertificateAuthority("Corp CA")
        await company.exchange.show_certificate(authority.issue(*names, flaw=flaw))
        if ews:
            attempt.set({"exchange.ews_url": company.exchange.ews_url})

    return prepare


def tick(apis: frozenset[str]) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        attempt.company.pbx.behaviour.apis = apis

    return prepare


def clocks(ahead: timedelta) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        attempt.company.pbx.behaviour.clock_ahead = ahead
        if isinstance(attempt.company, Company):
            attempt.company.exchange.clock_ahead = ahead

    return prepare


def right(given: bool) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        assert isinstance(attempt.company, Company)
        faults = attempt.company.exchange.faults
        faults.clear()
        if not given:
            faults.add(ErrorCode("ErrorImpersonationFailed", in_fault=True), operation="FindItem")

    return prepare


def scope(includes_anna: bool) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        world = attempt.company.world
        (world.put_into_scope if includes_anna else world.take_out_of_scope)(world.person("anna.mueller"))

    return prepare


def consent(given: bool) -> Prepare:
    async def prepare(attempt: Attempt) -> None:
        assert isinstance(attempt.company, CloudCompany)
        attempt.company.tenant.scoped_role = given

    return prepare


WRONG = Secret("another password")
LOCALHOST = ("localhost", "127.0.0.1")

AT_THE_PBX = {
    "wrong password": Mistake(
        "pbx", changed(pbx_password=WRONG), "log-in", "pbx.password", mend=changed(pbx_password=PBX_PASSWORD)
    ),
    "wrong App name": Mistake(
        "pbx", set_to(pbx={"app": "kalender"}), "log-in", "pbx.password", mend=set_to(pbx={"app": "calendar"})
    ),
    "missing check mark": Mistake("pbx", tick(ALL_APIS - {"PbxTableUsers"}), "rights", "", mend=tick(ALL_APIS)),
    "wrong PBX name": Mistake("pbx", set_to(pbx={"master": "master"}), "master PBX", "pbx.master", ("pbx.master",)),
    "self-signed": Mistake(
        "pbx", pbx_certificate(*LOCALHOST, flaw=Flaw.SELF_SIGNED), "TLS", "pbx.fingerprint", ("pbx.fingerprint",)
    ),
    "unknown CA": Mistake("pbx", pbx_certificate(*LOCALHOST), "TLS", "pbx.fingerprint", ("pbx.fingerprint",)),
    "unknown CA that is sent along": Mistake(
        "pbx", pbx_certificate(*LOCALHOST, whole=True), "TLS", "pbx.fingerprint", ("pbx.fingerprint", "pbx.ca_file")
    ),
    "expired": Mistake(
        "pbx",
        pbx_certificate(*LOCALHOST, flaw=Flaw.EXPIRED, trusted=True),
        "TLS",
        "",
        mend=pbx_certificate(*LOCALHOST, trusted=True),
    ),
    "other name": Mistake(
        "pbx", pbx_certificate("localhost", trusted=True), "TLS", "pbx.host", ("pbx.host", "pbx.fingerprint")
    ),
    "nobody takes part": Mistake(
        "pbx",
        set_to(pbx={"users": {"include": {"groups": ["none"]}}}),
        "users",
        "pbx.users",
        tuple(key for key in KEYS if key.startswith("pbx.users.")),
    ),
}

AT_EXCHANGE = {
    "self-signed": Mistake(
        "exchange",
        exchange_certificate(*HOSTS, flaw=Flaw.SELF_SIGNED),
        "TLS",
        "exchange.fingerprint",
        ("exchange.fingerprint",),
    ),
    "self-signed, found by autodiscover": Mistake(
        "exchange",
        exchange_certificate("exchange01", flaw=Flaw.SELF_SIGNED, ews=False),
        "autodiscover",
        "exchange.fingerprint",
        ("exchange.fingerprint",),
    ),
    "expired": Mistake(
        "exchange",
        exchange_certificate(*HOSTS, flaw=Flaw.EXPIRED, trusted=True),
        "TLS",
        "",
        mend=exchange_certificate(*HOSTS, trusted=True),
    ),
    "other name": Mistake(
        "exchange",
        exchange_certificate("mail.corp.example", trusted=True),
        "TLS",
        "exchange.ews_url",
        ("exchange.ews_url", "exchange.fingerprint"),
    ),
    "wrong password": Mistake(
        "exchange",
        changed(exchange_password=WRONG),
        "autodiscover",
        "exchange.password",
        mend=changed(exchange_password=EXCHANGE_PASSWORD),
    ),
    "wrong Windows domain": Mistake(
        "exchange",
        set_to(exchange={"user": "FIRMA\\svc-calendar", "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}),
        "log-in",
        "exchange.user",
        ("exchange.user",),
    ),
    "wrong URL": Mistake(
        "exchange",
        set_to(exchange={"ews_url": "https://mail.corp.invalid/EWS/Exchange.asmx"}),
        "name lookup",
        "exchange.ews_url",
        ("exchange.ews_url",),
    ),
    "wrong path": Mistake(
        "exchange",
        set_to(exchange={"ews_url": "https://mail.corp.example/ews/"}),
        "log-in",
        "exchange.ews_url",
        ("exchange.ews_url",),
    ),
    "wrong method": Mistake(
        "exchange",
        set_to(exchange={"auth": "basic", "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}),
        "web services",
        "exchange.auth",
        ("exchange.auth", "exchange.auth"),
    ),
    "no right": Mistake("exchange", right(False), "impersonation", "", mend=right(True)),
    "outside the scope": Mistake("exchange", scope(False), "impersonation", "", mend=scope(True)),
    "other mail domain": Mistake(
        "exchange", changed(domain="pbx.local"), "autodiscover", "pbx.domain", ("pbx.domain",)
    ),
    "other mail domain, known URL": Mistake(
        "exchange",
        both(changed(domain="pbx.local"), set_to(exchange={"ews_url": "https://mail.corp.example/EWS/Exchange.asmx"})),
        "mailbox",
        "pbx.domain",
        ("pbx.domain",),
    ),
}


async def is_mended(mistake: Mistake, attempt: Attempt) -> None:
    await mistake.prepare(attempt)
    step = (await attempt.check(mistake.side)).failed_at(mistake.step)
    assert step.field == mistake.field
    offered = [key for fix in step.fixes for key in (*fix.settings, *fix.certificates)]
    assert tuple(offered) == mistake.fixes
    if mistake.mend is not None:
        await mistake.mend(attempt)
        assert (await attempt.check(mistake.side)).all_well
    before = deepcopy(attempt.tables)
    for fix in step.fixes:
        attempt.tables = deepcopy(before)
        attempt.make(fix)
        result = await attempt.check(mistake.side)
        assert result.all_well, [each for each in result.steps.values() if each.failure]


@pytest.mark.parametrize("name", AT_THE_PBX)
async def test_a_mistake_about_the_pbx(company: Company, tmp_path: Path, name: str) -> None:
    await is_mended(AT_THE_PBX[name], Attempt(company, tmp_path))


@pytest.mark.parametrize("name", AT_EXCHANGE)
async def test_a_mistake_about_exchange(company: Company, tmp_path: Path, name: str) -> None:
    await is_mended(AT_EXCHANGE[name], Attempt(company, tmp_path))


@pytest.mark.parametrize("side", ["pbx", "exchange"])
@pytest.mark.parametrize("ahead", [TEN_MINUTES, -TEN_MINUTES])
async def test_a_clock_that_is_ten_minutes_off(company: Company, tmp_path: Path, side: Side, ahead: timedelta) -> None:
    attempt = Attempt(company, tmp_path)
    await clocks(ahead)(attempt)
    result = await attempt.check(side)
    [step] = [step for step in result.steps.values() if step.outcome is StepOutcome.FAILED]
    assert isinstance(step.failure, ClockDiffers)
    assert (step.name, step.field, step.fixes) == ("clock", "", ())
    assert f"it is 10 min {'behind' if ahead > timedelta() else 'ahead of'} that of" in step.failure.detail
    await clocks(timedelta())(attempt)
    assert (await attempt.check(side)).all_well


async def test_no_autodiscover(world: World, tmp_path: Path) -> None:
    hosts = ("localhost", "mail.corp.example")
    async with Company(world, tmp_path, ManualClock(), hosts=hosts, internal_host="mail.corp.example") as company:
        mistake = Mistake("exchange", set_to(), "autodiscover", "exchange.ews_url", ("exchange.ews_url",))
        await is_mended(mistake, Attempt(company, tmp_path))


async def test_a_mail_address_that_is_no_name_of_the_account(world: World, tmp_path: Path) -> None:
    domain = Domain("CORP", "ad.corp.example", "ad.corp.example")
    async with Company(world, tmp_path, ManualClock(), domain=domain) as company:
        attempt, keys = Attempt(company, tmp_path), ("exchange.user", "exchange.autodiscover_url")
        await is_mended(Mistake("exchange", set_to(), "autodiscover", "exchange.password", keys), attempt)
        refused = company.exchange.log_ins[Seen.REFUSED]
        attempt = Attempt(company, tmp_path)
        for _ in range(2):
            step = (await attempt.check("exchange")).failed_at("autodiscover")
            assert [fix.label for fix in step.fixes] == ['use "CORP\\svc-calendar"']
            assert "CORP (ad.corp.example)" in step.remedy
        assert company.exchange.log_ins[Seen.REFUSED] - refused == 2 * 2
        attempt = Attempt(company, tmp_path, exchange_password=WRONG)
        attempt.set(step.fixes[0].settings)
        assert (await attempt.check("exchange")).failed_at("autodiscover").fixes == ()


async def test_a_server_outside_the_mail_domain(world: World, tmp_path: Path) -> None:
    hosts = ("localhost", "autodiscover.corp.example", "ews.hosting.example")
    async with Company(
        world,
        tmp_path,
        ManualClock(),
        hosts=hosts,
        external_host="ews.hosting.example",
        internal_host="ews.hosting.example",
    ) as company:
        key = "exchange.trusted_hosts"
        await is_mended(Mistake("exchange", set_to(), "autodiscover", key, (key,)), Attempt(company, tmp_path))


async def test_a_url_typed_for_a_host(company: Company, tmp_path: Path) -> None:
    attempt = Attempt(company, tmp_path)
    attempt.set({"pbx.host": f"https://{company.pbx.host}:{company.pbx.port}/PBX0", "pbx.port": 1})
    with pytest.raises(SettingsInvalid) as refused:
        await attempt.check("pbx")
    [problem] = refused.value.problems
    assert problem.key == "pbx.host"
    attempt.set(problem.instead)
    assert (await attempt.check("pbx")).all_well


IN_THE_CLOUD = {
    "consent missing": Mistake("exchange", consent(False), "mailbox", "", mend=consent(True)),
    "consent for too few": Mistake("exchange", scope(False), "mailbox", "", mend=scope(True)),
    "the secret's ID": Mistake(
        "exchange",
        changed(client_secret=Secret("0a1b2c3d-1111-2222-3333-444455556666")),
        "token",
        "exchange.client_secret",
        mend=changed(client_secret=CLIENT_SECRET),
    ),
    "wrong tenant": Mistake(
        "exchange",
        set_to(exchange={"tenant_id": "00000000-0000-0000-0000-000000000001"}),
        "token",
        "exchange.tenant_id",
    ),
    "wrong client": Mistake(
        "exchange",
        set_to(exchange={"client_id": "00000000-0000-0000-0000-000000000001"}),
        "token",
        "exchange.client_id",
    ),
}


@pytest.mark.parametrize("name", IN_THE_CLOUD)
async def test_a_mistake_in_entra(world: World, tmp_path: Path, name: str) -> None:
    async with CloudCompany(world, tmp_path, ManualClock()) as company:
        await is_mended(IN_THE_CLOUD[name], Attempt(company, tmp_path))


async def test_the_id_of_a_secret_is_called_by_its_name(world: World, tmp_path: Path) -> None:
    async with CloudCompany(world, tmp_path, ManualClock()) as company:
        attempt = Attempt(company, tmp_path, client_secret=Secret("0a1b2c3d-1111-2222-3333-444455556666"))
        step = (await attempt.check("exchange")).failed_at("token")
        assert '"Secret ID"' in step.remedy
        attempt.client_secret = Secret("wrong")
        assert '"Secret ID"' not in (await attempt.check("exchange")).failed_at("token").remedy
