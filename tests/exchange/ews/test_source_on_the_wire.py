"""The source on the simulated server, over real sockets: it finds exactly what is in the calendars."""

import asyncio
import re
from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine.core.appointments import Appointment, ShowAs
from engine.exchange.errors import (
    AnswerBrokenOff,
    ExchangeBusy,
    ExchangeFailure,
    ExchangeUnreachable,
    ImpersonationDenied,
    LoginPage,
    LoginRefused,
    MailboxBusy,
    MailboxNotFound,
    MailboxTrouble,
    NotUnderstood,
    ServiceMailboxMissing,
    TooManyAtOnce,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.source import Mailbox, Window
from engine.settings.model import ResolveWith, ServerChoice
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import HOSTS, ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import (
    Cut,
    ErrorCode,
    RedirectAddress,
    RedirectUrl,
    Reply,
    garbage,
    html_page,
    redirect,
    server_busy,
    service_unavailable,
)
from engine.simulator.world import World
from tests.exchange.ews.conftest import OpenSource, Simulate

CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
ANNA = "anna.mueller@corp.example"
EXTERNAL = "https://mail.corp.example/EWS/Exchange.asmx"
INTERNAL = "https://exchange01.corp.example/EWS/Exchange.asmx"


def week(world: World) -> Window:
    return Window(world.instant("00:00"), world.instant("00:00", 7))


def comparable(appointments: Iterable[Appointment]) -> list[Appointment]:
    """In one order and without the ids, which are ours to choose."""
    anonymous = (replace(found, id="", subject=found.subject.strip()) for found in appointments)
    return sorted(anonymous, key=lambda found: (found.start, found.end, found.subject))


def truth(world: World, mailbox: str, window: Window, organizer: bool = False) -> list[Appointment]:
    """What is in the calendar, with the organizers that a source asks for."""
    told = []
    for found in world.as_appointments(mailbox, window.start, window.end):
        asked_for = organizer and found.show_as is ShowAs.TENTATIVE and not found.cancelled
        subject = CONTROL_CHARACTERS.sub(" ", found.subject).strip()
        told.append(replace(found, subject=subject, organizer=found.organizer if asked_for else None))
    return comparable(told)


@pytest.mark.parametrize("organizer", [None, "hr@corp.example"])
async def test_every_calendar_is_read_as_it_is(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, organizer: str | None
) -> None:
    window = week(world)
    async with open_source(exchange, exception_organizer=organizer) as source:
        for person in world.people:
            if person.mailbox is None or not person.may_impersonate:
                continue
            found = await source.read_window(Mailbox(person.mailbox, exchange.ews_url), window)
            assert comparable(found) == truth(world, person.mailbox, window, organizer is not None)
    assert exchange.ledger.complaints == []
    assert (exchange.ledger.operations["GetItem"] > 0) == (organizer is not None)


async def test_subjects_are_not_even_asked_for_where_nobody_needs_them(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    async with open_source(exchange, with_subjects=False) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), week(world))
    assert found
    assert {appointment.subject for appointment in found} == {""}
    assert all(b"Subject" not in record.body for record in exchange.ledger.records(operation="FindItem"))


async def test_many_mailboxes_are_read_at_once(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    window = week(world)
    mailboxes = [person.mailbox for person in world.people if person.mailbox and person.may_impersonate]
    async with open_source(exchange) as source:
        reads = (source.read_window(Mailbox(mailbox, exchange.ews_url), window) for mailbox in mailboxes)
        calendars = await asyncio.gather(*reads)
    for mailbox, found in zip(mailboxes, calendars, strict=True):
        assert comparable(found) == truth(world, mailbox, window)


@pytest.mark.slow
async def test_calendar_too_full_for_one_answer_is_read_whole(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    for number in range(1500):
        start = world.instant("00:00") + timedelta(minutes=number)
        entry = world.appointment(f"many-{number}", "00:00-00:01")
        world.put(ANNA, replace(entry, start=start, end=start + timedelta(minutes=1)))
    window = Window(world.instant("00:00"), world.instant("00:00", 2))
    async with open_source(exchange) as source:
        found = await source.read_window(Mailbox(ANNA, exchange.ews_url), window)
    assert comparable(found) == truth(world, ANNA, window)
    assert exchange.ledger.operations["FindItem"] > 1


@pytest.mark.parametrize("resolve_with", list(ResolveWith))
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(),
        Behaviour(impersonation_refused_in="response", no_results_class="Error"),
    ],
)
async def test_mailboxes_are_found_by_any_address_of_theirs(
    simulate: Simulate, open_source: OpenSource, resolve_with: ResolveWith, behaviour: Behaviour
) -> None:
    async with simulate(behaviour) as exchange, open_source(exchange, resolve_with=resolve_with) as source:
        for candidates, mailbox in (
            ([ANNA], ANNA),
            (["kweiss@corp.example", "kw@corp.example"], "kathrin.weiss@corp.example"),
            (["birgitta.lindqvist@corp.example"], "birgitta.soederberg@corp.example"),
        ):
            assert await source.resolve(candidates) == Mailbox(mailbox, exchange.ews_url)
        with pytest.raises(MailboxNotFound) as raised:
            await source.resolve(["empfang@corp.example", "reception@corp.example"])
        assert "empfang@corp.example" in raised.value.detail
        assert "reception@corp.example" in raised.value.detail
        assert exchange.ledger.complaints == []


async def test_service_account_without_a_mailbox_is_told_what_to_set(
    simulate: Simulate, open_source: OpenSource
) -> None:
    async with simulate(Behaviour(caller_has_mailbox=False)) as exchange:
        async with open_source(exchange) as source:
            with pytest.raises(ServiceMailboxMissing):
                await source.resolve([ANNA])
        async with open_source(exchange, resolve_with=ResolveWith.CANDIDATES) as source:
            assert (await source.resolve([ANNA])).address == ANNA


@pytest.mark.parametrize("refused_in", ["fault", "response"])
async def test_mailbox_out_of_scope_is_found_but_not_read(
    world: World, simulate: Simulate, open_source: OpenSource, refused_in: str
) -> None:
    behaviour = Behaviour(impersonation_refused_in="fault" if refused_in == "fault" else "response")
    async with simulate(behaviour) as exchange, open_source(exchange) as source:
        mailbox = await source.resolve(["gerd.vorstand@corp.example"])
        with pytest.raises(ImpersonationDenied):
            await source.read_window(mailbox, week(world))


@pytest.mark.parametrize(
    ("effect", "failure"),
    [
        (service_unavailable(), ExchangeBusy),
        (ErrorCode("ErrorTimeoutExpired"), MailboxBusy),
        (ErrorCode("ErrorExceededConnectionCount"), TooManyAtOnce),
        (ErrorCode("ErrorMailboxStoreUnavailable"), MailboxTrouble),
        (ErrorCode("ErrorNonExistentMailbox", in_fault=True), MailboxNotFound),
        (redirect("/ews/genericerrorpage.htm"), MailboxTrouble),
        (redirect("/owa/auth/logon.aspx?reason=0"), LoginPage),
        (html_page(), LoginPage),
        (garbage(), NotUnderstood),
        (Reply(500), MailboxTrouble),
        (Reply(200), NotUnderstood),
        (Cut(0), AnswerBrokenOff),
        (Cut(200), AnswerBrokenOff),
    ],
)
async def test_whatever_goes_wrong_has_a_name_and_passes(
    world: World,
    exchange: ExchangeSimulator,
    open_source: OpenSource,
    effect: Reply,
    failure: type[ExchangeFailure],
) -> None:
    window = week(world)
    async with open_source(exchange) as source:
        mailbox = Mailbox(ANNA, exchange.ews_url)
        fault = exchange.faults.add(effect, operation="FindItem")
        with pytest.raises(failure) as raised:
            await source.read_window(mailbox, window)
        assert type(raised.value) is failure
        exchange.faults.clear(fault)
        assert comparable(await source.read_window(mailbox, window)) == truth(world, ANNA, window)


@pytest.mark.parametrize(("effect", "seconds"), [(server_busy(4000), 4), (service_unavailable(7), 7)])
async def test_busy_server_tells_for_how_long(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, effect: Reply, seconds: float
) -> None:
    exchange.faults.add(effect)
    async with open_source(exchange) as source:
        with pytest.raises(ExchangeBusy) as raised:
            await source.read_window(Mailbox(ANNA, exchange.ews_url), week(world))
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(("server", "url"), [(ServerChoice.EXTERNAL, EXTERNAL), (ServerChoice.INTERNAL, INTERNAL)])
async def test_url_is_discovered_from_the_mail_domain(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource, server: ServerChoice, url: str
) -> None:
    async with open_source(exchange, ews_url=None, server=server) as source:
        mailbox = await source.resolve([ANNA])
        assert mailbox == Mailbox(ANNA, url)
        assert await source.read_window(mailbox, week(world))
    assert exchange.ledger.complaints == []


@pytest.mark.parametrize(
    "dead",
    [
        {"path": "/autodiscover/autodiscover.svc"},
        {"host": "autodiscover.corp.example", "path": "/autodiscover/autodiscover.svc"},
        {"host": "autodiscover.corp.example"},
        {"host": "corp.example"},
    ],
)
async def test_url_is_discovered_where_some_addresses_do_not_answer(
    exchange: ExchangeSimulator, open_source: OpenSource, dead: dict[str, str]
) -> None:
    exchange.faults.add(Reply(404), host=dead.get("host", ""), path=dead.get("path", ""))
    async with open_source(exchange, ews_url=None) as source:
        assert (await source.resolve([ANNA])).url == EXTERNAL


@pytest.mark.parametrize("path", ["", "/autodiscover/autodiscover.svc", "/autodiscover/autodiscover.xml"])
async def test_url_is_discovered_at_a_configured_address(
    exchange: ExchangeSimulator, open_source: OpenSource, path: str
) -> None:
    configured = exchange.url("localhost", path)
    async with open_source(exchange, user="CORP\\svc-calendar", ews_url=None, autodiscover_url=configured) as source:
        assert (await source.resolve([ANNA])).url == EXTERNAL
    assert {record.host for record in exchange.ledger.records(operation="GetUserSettings")} <= {"localhost"}


async def test_redirects_of_autodiscover_are_followed(exchange: ExchangeSimulator, open_source: OpenSource) -> None:
    target = "https://mail.corp.example/autodiscover/autodiscover.svc"
    exchange.faults.add(RedirectUrl(target), host="autodiscover.corp.example", operation="GetUserSettings")
    exchange.faults.add(RedirectAddress(ANNA), host="mail.corp.example", operation="GetUserSettings", times=1)
    async with open_source(exchange, ews_url=None) as source:
        assert (await source.resolve([ANNA])).url == EXTERNAL
    asked = exchange.ledger.records(operation="GetUserSettings", status=200)
    assert [record.host.partition(".")[0] for record in asked] == ["autodiscover", "mail"] * 2


async def test_redirect_to_another_domain_never_sees_the_credentials(
    exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    exchange.faults.add(redirect("https://autodiscover.evil.example/autodiscover/autodiscover.xml"), anonymous=True)
    async with open_source(exchange, ews_url=None) as source:
        with pytest.raises(AutodiscoverFailed, match=r"evil\.example/autodiscover/autodiscover\.xml, which is refused"):
            await source.resolve([ANNA])
    assert exchange.ledger.complaints == []


async def test_wrong_password_stops_autodiscover_at_once(exchange: ExchangeSimulator, open_source: OpenSource) -> None:
    async with open_source(exchange, ews_url=None, password="wrong") as source:
        with pytest.raises(LoginRefused):
            await source.resolve([ANNA])
    assert {record.host for record in exchange.ledger.records()} == {"autodiscover.corp.example"}


async def test_unknown_certificate_is_named_for_every_address(
    exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    await exchange.show_certificate(CertificateAuthority("Another CA").issue(*HOSTS))
    async with open_source(exchange, ews_url=None) as source:
        with pytest.raises(AutodiscoverFailed) as raised:
            await source.resolve([ANNA])
    assert raised.value.detail.count("The Exchange certificate was issued by a CA that is not trusted here") == 2
    assert "exchange.ca_file" in raised.value.remedy


async def test_server_that_is_down_is_unreachable_and_back_again(
    world: World, exchange: ExchangeSimulator, open_source: OpenSource
) -> None:
    async with open_source(exchange) as source:
        mailbox = Mailbox(ANNA, exchange.ews_url)
        await exchange.refuse_connections()
        with pytest.raises(ExchangeUnreachable):
            await source.read_window(mailbox, week(world))
        await exchange.listen()
        assert await source.read_window(mailbox, week(world))
