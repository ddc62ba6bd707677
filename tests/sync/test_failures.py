"""Every failure is reported by its name, and everything else goes on."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.errors import Failure
from engine.core.presence.model import CLEARED
from engine.exchange.errors import (
    CertificateNotTrusted,
    ExchangeBusy,
    ExchangeTooOld,
    ExchangeUnreachable,
    LoginPage,
    LoginRefused,
    LoginUnproved,
    NotUnderstood,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.pbx.errors import PbxCertificateNotTrusted, PbxLoginRefused, PbxUnreachable, PresenceRefused, WrongPbx
from engine.settings.reader import read_settings
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import Company
from engine.simulator.exchange.authentication import Seen
from engine.simulator.faults import HTML, Cut, Delay, ErrorCode, Reply, garbage, html_page, redirect, server_busy
from engine.sync.clocks import SteadyClock
from engine.sync.events import ConnectionLost, ConnectionRestored, Side, UserRecovered, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence
from tests.support.site import Site, running_engine, running_site
from tests.support.worlds import few_people

pytestmark = [pytest.mark.slow, pytest.mark.few]

MONDAY = date(2026, 3, 2)
EWS_URL = "https://mail.corp.example/EWS/Exchange.asmx"


ANNA_ALONE: dict[str, dict[str, Any]] = {"pbx": {"users": {"include": {"names": ["anna.mueller"]}}}}


async def trouble(site: Site, side: Side, failure: type[Failure]) -> ConnectionLost:
    return await site.happens(ConnectionLost, lambda each: each.side is side and isinstance(each.failure, failure))


async def recovery(site: Site, side: Side) -> None:
    await site.happens(ConnectionRestored, lambda each: each.side is side)


async def much_later(site: Site, network_clock: ManualClock) -> None:
    """Advance time by hours until Exchange works again."""
    for _ in range(200):
        if site.engine.status().exchange.works:
            break
        await network_clock.advance(400)
        await quiescence()
    await recovery(site, Side.EXCHANGE)


async def test_a_wrong_password_is_tried_twice_at_most_and_the_remedy_said(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    right = dict(company.exchange.accounts)
    company.exchange.accounts.update(dict.fromkeys(right, "something else"))
    network_clock = ManualClock()
    async with company, running_engine(company, clock, tmp_path, {}, network_clock) as site:
        event = await trouble(site, Side.EXCHANGE, LoginRefused)
        assert "password" in event.failure.remedy
        for _ in range(10):
            await network_clock.advance(60)
            await quiescence()
        assert company.exchange.log_ins[Seen.REFUSED] <= 2
        assert isinstance(site.engine.status().exchange.failure, LoginRefused)

        company.exchange.accounts.update(right)
        await much_later(site, network_clock)


async def test_exchange_down_at_the_start_and_back_later(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with company, running_engine(company, clock, tmp_path, {"exchange": {"ews_url": EWS_URL}}) as site:
        await company.exchange.refuse_connections()
        await trouble(site, Side.EXCHANGE, ExchangeUnreachable)
        assert company.pbx.ledger.writes == []
        await company.exchange.listen()
        await site.settled()
        assert site.wrong() == {}


async def test_while_exchange_is_down_presences_still_end_in_time(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with company, running_engine(company, clock, tmp_path, {"exchange": {"ews_url": EWS_URL}}) as site:
        await site.settled()
        before = {each.guid: site.shown(each) for each in company.world.people}
        await company.exchange.refuse_connections()
        await clock.advance(30 * 60)
        await eventually(lambda: not site.wrong())
        ended = [each for each in company.world.people if before[each.guid].activity and not site.shown(each).activity]
        assert ended
        await eventually(lambda: site.engine.status().watched == 0)
        await clock.advance(3 * 60)
        await trouble(site, Side.EXCHANGE, ExchangeUnreachable)


@pytest.mark.parametrize("what", ["confirmed", "not confirmed", "under another name of the PBX"])
async def test_after_a_restart_without_exchange_presences_still_end_in_time(
    company: Company, clock: ManualClock, tmp_path: Path, what: str
) -> None:
    def busy() -> set[str]:
        return {p.name for p in company.world.people if company.pbx.calendar_presence(p.guid).activity == "busy"}

    tables = {"exchange": {"ews_url": EWS_URL}}
    async with company:
        company.pbx.behaviour.answers_presence = what != "not confirmed"
        async with running_engine(company, clock, tmp_path, tables) as site:
            await (eventually(lambda: len(busy()) > 5) if what == "not confirmed" else site.settled())
        before = busy()
        written = len(company.pbx.ledger.writes)
        company.pbx.behaviour.answers_presence = True
        await company.exchange.refuse_connections()
        if what == "under another name of the PBX":
            tables["pbx"] = {"host": "localhost"}
        async with running_engine(company, clock, tmp_path, tables) as site:
            await trouble(site, Side.EXCHANGE, ExchangeUnreachable)
            await recovery(site, Side.PBX)
            assert busy() == before
            assert len(company.pbx.ledger.writes) == written
            await clock.advance(12 * 60 * 60)
            await eventually(lambda: not busy())
        assert len(before) > 5


async def test_pbx_down_and_back_sends_only_what_changed(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        before = {person.guid: site.shown(person) for person in company.world.people}
        written = len(company.pbx.ledger.writes)
        await company.pbx.stop()
        await trouble(site, Side.PBX, PbxUnreachable)
        await clock.advance(15 * 60)
        await company.pbx.start()
        await site.settled()
        assert site.wrong() == {}
        changed = [person for person in company.world.people if site.shown(person) != before[person.guid]]
        assert changed
        assert len(company.pbx.ledger.writes) == written + len(changed)


@pytest.mark.parametrize("names", [("elsewhere.example",), ("mail.corp.example",)], ids=["wrong name", "foreign CA"])
async def test_an_untrusted_exchange_certificate(
    company: Company, clock: ManualClock, tmp_path: Path, names: tuple[str, ...]
) -> None:
    authority = company.authority if names == ("elsewhere.example",) else CertificateAuthority("Somebody else's CA")
    async with company:
        await company.exchange.show_certificate(authority.issue(*names))
        async with running_engine(company, clock, tmp_path, {"exchange": {"ews_url": EWS_URL}}) as site:
            event = await trouble(site, Side.EXCHANGE, CertificateNotTrusted)
            assert "mail.corp.example" in str(event.failure)
            fitting = "exchange.ews_url" if names == ("elsewhere.example",) else "exchange.ca_file"
            assert fitting in event.failure.remedy
            assert company.exchange.log_ins.total() == 0


async def test_an_untrusted_pbx_certificate(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.pbx.tls = CertificateAuthority("Somebody else's CA").issue("127.0.0.1").context
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        event = await trouble(site, Side.PBX, PbxCertificateNotTrusted)
        assert "pbx.ca_file" in event.failure.remedy
        assert company.pbx.ledger.logins == []


async def test_the_wrong_pbx_is_never_written_to(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with company, running_engine(company, clock, tmp_path, {"pbx": {"master": "branch-office"}}) as site:
        event = await trouble(site, Side.PBX, WrongPbx)
        assert "headquarters" in str(event.failure)
        assert company.pbx.ledger.writes == []


async def test_a_refused_pbx_log_in(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with company, running_engine(company, clock, tmp_path, {"pbx": {"app": "nosuchapp"}}) as site:
        event = await trouble(site, Side.PBX, PbxLoginRefused)
        assert "pbx.app" in event.failure.remedy


async def test_autodiscover_in_a_circle_ends_with_its_name(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    for host, other in (("autodiscover.corp.example", "corp.example"), ("corp.example", "autodiscover.corp.example")):
        for path in ("/autodiscover/autodiscover.svc", "/autodiscover/autodiscover.xml"):
            company.exchange.faults.add(redirect(f"https://{other}{path}"), host=host, path=path)
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        event = await trouble(site, Side.EXCHANGE, AutodiscoverFailed)
        assert "autodiscover_url" in event.failure.remedy
        asked = len(company.exchange.ledger.records())
        assert asked < 60
        company.exchange.faults.clear()
        await site.settled()
        assert site.wrong() == {}


@pytest.mark.parametrize("answer", [garbage(), html_page()], ids=["garbage", "log-in page"])
async def test_a_mailbox_that_answers_garbage_concerns_its_user_alone(
    company: Company, clock: ManualClock, tmp_path: Path, answer: Reply
) -> None:
    anna = company.world.person("anna.mueller")
    company.exchange.faults.add(answer, operation="FindItem", mailbox=anna.mailbox or "")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        assert set(site.wrong()) == {"anna.mueller"}
        found = await site.happens(UserTrouble, lambda each: each.user.guid == anna.guid)
        assert isinstance(found.failure, NotUnderstood | LoginPage)
        assert site.engine.status().exchange.works

        company.exchange.faults.clear()
        await site.pass_time(minutes=6)
        assert site.wrong() == {}
        await site.happens(UserRecovered, lambda each: each.user.guid == anna.guid)


@pytest.mark.parametrize(
    "answer",
    [
        redirect("https://adfs.corp.example/adfs/ls/?wctx=s3cr3t"),
        redirect("/owa/auth/logon.aspx?s3cr3t", status=307),
        Reply(440),
        html_page(),
    ],
    ids=["ADFS", "OWA", "440", "page"],
)
@pytest.mark.parametrize("before_the_log_in", [True, False])
async def test_a_log_in_page_in_front_of_exchange_is_one_problem_of_the_service(
    company: Company, clock: ManualClock, tmp_path: Path, answer: Reply, before_the_log_in: bool
) -> None:
    settings = {"exchange": {"ews_url": EWS_URL}}
    fault = company.exchange.faults.add(answer, anonymous=before_the_log_in)
    network_clock = ManualClock()
    async with company, running_engine(company, clock, tmp_path, settings, network_clock) as site:
        where = answer.headers.get("Location", "").partition("?")[0] or f"HTTP {answer.status}"
        event = await trouble(site, Side.EXCHANGE, LoginPage)
        assert "direct address" in event.failure.remedy
        for _ in range(10):
            await network_clock.advance(60)
            await quiescence()
        status = site.engine.status()
        assert isinstance(status.exchange.failure, LoginPage if before_the_log_in else LoginUnproved)
        for failure in (event.failure, status.exchange.failure):
            assert where in failure.detail
            assert "s3cr3t" not in str(failure)
        assert not status.exchange.works
        assert status.unresolved == ()
        assert len(company.exchange.ledger.records()) < 30
        assert company.exchange.log_ins[Seen.LOGGED_IN] <= 2
        assert not any(isinstance(each, UserTrouble) for each in site.events)
        company.exchange.faults.clear(fault)
        await much_later(site, network_clock)


@pytest.mark.parametrize(
    "answer",
    [
        redirect("https://adfs.corp.example/adfs/ls/"),
        html_page(),
        Reply(401, b"<html><form action='/my.policy'></form></html>", HTML),
        Reply(401, b"", {"WWW-Authenticate": "Bearer"}),
    ],
    ids=["ADFS", "page", "form", "Bearer"],
)
async def test_where_one_user_takes_part_a_log_in_page_is_the_services_trouble_all_the_same(
    company: Company, clock: ManualClock, tmp_path: Path, answer: Reply
) -> None:
    settings = {"exchange": {"ews_url": EWS_URL}, **ANNA_ALONE}
    company.exchange.faults.add(answer, anonymous=True)
    async with company, running_engine(company, clock, tmp_path, settings) as site:
        await trouble(site, Side.EXCHANGE, LoginPage)
        status = site.engine.status()
        assert isinstance(status.exchange.failure, LoginPage)
        assert status.unresolved == ()
        assert not any(isinstance(each, UserTrouble) for each in site.events)


@pytest.mark.parametrize("tables", [{}, ANNA_ALONE], ids=["everybody", "one user"])
async def test_a_log_in_page_that_comes_in_the_middle_of_work_is_the_services_trouble(
    company: Company, clock: ManualClock, tmp_path: Path, tables: dict[str, dict[str, Any]]
) -> None:
    async with company, running_engine(company, clock, tmp_path, tables) as site:
        await site.settled()
        company.exchange.faults.add(redirect("https://adfs.corp.example/adfs/ls/"))
        for person in company.world.people:
            site.engine.resync(person.guid)
        await trouble(site, Side.EXCHANGE, LoginPage)
        assert not site.engine.status().exchange.works
        company.exchange.faults.clear()
        await eventually(lambda: site.engine.status().exchange.works)


@pytest.mark.parametrize("code", ["ErrorInvalidServerVersion", "ErrorInvalidSchemaVersionForMailboxVersion"])
@pytest.mark.parametrize("in_fault", [True, False])
async def test_an_exchange_that_is_too_old_is_one_problem_of_the_service(
    company: Company, clock: ManualClock, tmp_path: Path, code: str, in_fault: bool
) -> None:
    company.exchange.faults.add(ErrorCode(code, in_fault=in_fault))
    settings = {"exchange": {"ews_url": EWS_URL}}
    async with company, running_engine(company, clock, tmp_path, settings) as site:
        event = await trouble(site, Side.EXCHANGE, ExchangeTooOld)
        assert "2013 SP1 or newer" in event.failure.meaning
        assert "report this" not in event.failure.remedy
        status = site.engine.status()
        assert not status.exchange.works
        assert status.unresolved == ()
        assert not any(isinstance(each, UserTrouble) for each in site.events)


async def test_a_mailbox_whose_answers_break_off_delays_nobody(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person("anna.mueller")
    company.exchange.faults.add(Cut(after=10), operation="FindItem", mailbox=anna.mailbox or "")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        for _ in range(5):
            await site.pass_time(minutes=2)
            assert set(site.wrong()) <= {"anna.mueller"}
        assert len([each for each in site.events if isinstance(each, ConnectionLost)]) <= 1


async def test_a_slow_mailbox_delays_nobody(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    anna = company.world.person("anna.mueller")
    slow = company.exchange.faults.add(Delay(30), operation="FindItem", mailbox=anna.mailbox or "")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await eventually(lambda: set(site.wrong()) == {"anna.mueller"})
        assert not [each for each in site.events if isinstance(each, ConnectionLost)]
        company.exchange.faults.clear(slow)


async def test_a_busy_server_gets_the_pause_it_asks_for(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    busy = company.exchange.faults.add(server_busy(7000), operation="FindItem")
    network_clock = ManualClock()
    tables = {"exchange": {"connections": 1}}
    async with company, running_engine(company, clock, tmp_path, tables, network_clock) as site:
        event = await trouble(site, Side.EXCHANGE, ExchangeBusy)
        assert event.until == network_clock.now() + timedelta(seconds=7)
        company.exchange.faults.clear(busy)
        # Visits that had begun already are on their way.
        await quiescence()
        asked = company.exchange.ledger.operations["FindItem"]
        await network_clock.advance(6.9)
        await quiescence()
        assert company.exchange.ledger.operations["FindItem"] == asked
        await network_clock.advance(0.2)
        await recovery(site, Side.EXCHANGE)


async def test_one_throttled_mailbox_waits_alone(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    anna = company.world.person("anna.mueller")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        company.exchange.faults.add(server_busy(60_000), operation="FindItem", mailbox=anna.mailbox or "", times=1)
        troubles = len([each for each in site.events if isinstance(each, ConnectionLost)])
        site.engine.resync(anna.guid)
        await site.pass_time(minutes=3)
        found = await site.happens(UserTrouble, lambda each: each.user.guid == anna.guid)
        assert isinstance(found.failure, ExchangeBusy)
        await site.pass_time(minutes=2)
        assert site.wrong() == {}
        assert len([each for each in site.events if isinstance(each, ConnectionLost)]) == troubles


async def test_control_characters_in_a_subject_reach_nobody(tmp_path: Path, clock: ManualClock) -> None:
    async with running_site(few_people(MONDAY), tmp_path, clock, presence={"show_subject": True}) as site:
        await site.settled()
        note = site.shown(site.company.world.person("ilona.szoke")).note
        assert "Fax" in note
        assert note.isprintable()


async def test_a_refused_presence_is_shown_once_and_tried_when_it_changes(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person("anna.mueller")
    company.pbx.behaviour.refused_presence[anna.guid] = "object locked"
    # What is refused is tried again after a minute of the network's time: that must not pass on a busy machine.
    async with company, running_engine(company, clock, tmp_path, {}, network_clock=SteadyClock()) as site:
        await site.settled()
        assert set(site.wrong()) == {"anna.mueller"}
        [refused] = site.engine.status().refused
        assert isinstance(refused.failure, PresenceRefused)
        assert "object locked" in str(refused.failure)
        assert len(company.pbx.ledger.writes_of(anna.guid)) == 1

        await site.pass_time(minutes=4)
        assert len(company.pbx.ledger.writes_of(anna.guid)) == 1

        company.pbx.behaviour.refused_presence.clear()
        await site.pass_time(minutes=15)
        assert site.wrong() == {}
        assert site.engine.status().refused == ()


async def test_who_is_deselected_is_cleared_although_the_pbx_refuses_it_at_first(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    busy = company.world.person("kweiss")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        assert site.shown(busy) != CLEARED
        before = len(company.pbx.ledger.writes_of(busy.guid))
        company.pbx.behaviour.refused_presence[busy.guid] = "object locked"
        outside = {"pbx": {"users": {"exclude": {"names": [busy.name]}}}}
        site.engine.adjust(read_settings(company.settings(**outside), default_zone=company.world.zone))
        await eventually(lambda: len(company.pbx.ledger.writes_of(busy.guid)) > before)
        company.pbx.behaviour.refused_presence.clear()
        await eventually(lambda: company.pbx.calendar_presence(busy.guid) == CLEARED)
        await site.happens(UserTrouble, lambda each: each.user.guid == busy.guid)


async def test_deleted_and_deselected_users_are_cleared(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with company:
        async with running_engine(company, clock, tmp_path, {}) as site:
            await site.settled()
            busy = company.world.person("kweiss")
            assert site.shown(busy) != CLEARED
            company.pbx.delete_user(busy.guid)
            await eventually(lambda: site.engine.status().users == len(company.world.people) - 1)
            await site.settled()
            assert site.engine.status().refused == ()
        selection = {"pbx": {"users": {"exclude": {"names": ["juergen.*"]}}}}
        juergen = company.world.person("juergen.gross")
        assert company.pbx.calendar_presence(juergen.guid) != CLEARED
        async with running_engine(company, clock, tmp_path, selection) as site:
            await site.settled()
            assert company.pbx.calendar_presence(juergen.guid) == CLEARED
            written = len(company.pbx.ledger.writes_of(juergen.guid))
            await site.pass_time(minutes=60)
            assert len(company.pbx.ledger.writes_of(juergen.guid)) == written


async def test_a_user_given_an_address_while_running_is_found_at_once(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    reception = company.world.person("empfang")
    row = next(user for user in company.pbx.users if user.guid == reception.guid)
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        assert company.pbx.calendar_presence(row.guid) == CLEARED
        company.pbx.update_user(replace(row, emails=("anna.mueller@corp.example",)))
        anna = company.world.person("anna.mueller")
        await eventually(lambda: company.pbx.calendar_presence(row.guid) == site.expected(anna))
