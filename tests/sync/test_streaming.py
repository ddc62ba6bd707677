"""With notifications, a calendar change reaches the PBX within moments, whatever happens to connections."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.exchange.errors import MailboxMoved, NotificationsRefused
from engine.exchange.ews.streaming.listener import Listener
from engine.simulator.company import Company
from engine.simulator.exchange.topology import Behaviour, Home
from engine.simulator.faults import RedirectUrl
from engine.simulator.world import Person, World
from engine.sync.events import ConcernArose, Side, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.parts import Plant
from tests.support.quiescence import passes, quiescence
from tests.support.site import Site, ews_schema, running_engine
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)
BRANCH = Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example")


@pytest.fixture
def clock(world: World) -> ManualClock:
    return ManualClock(world.instant("11:00"))


@pytest.fixture
def make_company(tmp_path: Path, clock: ManualClock) -> Callable[..., Company]:
    def made(**behaviour: object) -> Company:
        return Company(
            few_people(MONDAY),
            tmp_path,
            clock,
            schema=ews_schema(),
            behaviour=Behaviour(**behaviour),  # type: ignore[arg-type]
        )

    return made


def readable(site: Site) -> list[Person]:
    return [person for person in site.company.world.people if person.mailbox and person.may_impersonate]


async def all_watched(site: Site) -> None:
    await site.settled()
    await eventually(lambda: site.engine.status().watched == len(readable(site)))
    subscriptions = site.company.exchange.subscriptions
    await eventually(
        lambda: all(each.stream for person in readable(site) for each in subscriptions.of(person.mailbox or ""))
    )


async def seconds_pass(site: Site, network_clock: ManualClock, seconds: int) -> None:
    """Let calendar and network time pass, and everybody do each second what is to be done by then."""
    for _ in range(seconds):
        await passes(1, network_clock, site.clock)
    await quiescence()


async def while_time_passes(site: Site, condition: Callable[[], bool]) -> None:
    await eventually(condition, between=lambda: passes(1, site.clock))


def meet(site: Site, person: Person, key: str = "ad hoc", minutes: int = 30) -> None:
    now = site.clock.now()
    item = site.company.world.appointment(key, "00:00-01:00", subject=key)
    site.company.world.put(
        person.mailbox or "", replace(item, start=now, end=now + timedelta(minutes=minutes), modified=now)
    )


async def test_a_change_is_shown_without_any_time_passing(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna = company.world.person("anna.mueller")
        before = site.shown(anna)
        assert before.activity == ""
        reads = company.exchange.ledger.operations["FindItem"]
        meet(site, anna)
        await eventually(lambda: site.shown(anna).activity == "busy")
        company.world.remove(anna.mailbox or "", "ad hoc")
        await eventually(lambda: site.shown(anna) == before)
        assert company.exchange.ledger.operations["FindItem"] == reads + 2
        assert company.exchange.ledger.complaints == []


async def streams_end(site: Site, how: str) -> None:
    for stream in list(site.company.exchange.subscriptions.streams):
        match how:
            case "closed":
                stream.close()
            case "cut":
                stream.cut()
            case "garbage":
                stream.say(b"\x00\xff<s:Envelope>&&& not XML</s:Envelope>")
            case "log-in page":
                stream.say(b"<!DOCTYPE html><html>" + b"x" * 10_000)
                stream.cut()
            case "taken over":
                stream.fail("ErrorNewEventStreamConnectionOpened")
            case _:
                stream.silence()


@pytest.mark.parametrize("how", ["closed", "cut", "garbage", "log-in page", "taken over", "silent"])
async def test_after_a_stream_ends_the_next_change_is_heard(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, how: str
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        streams = set(company.exchange.subscriptions.streams)
        await streams_end(site, how)
        anna = company.world.person("anna.mueller")
        meet(site, anna)
        await while_time_passes(site, lambda: bool(set(company.exchange.subscriptions.streams) - streams))
        await eventually(lambda: site.engine.status().watched == len(readable(site)))
        await while_time_passes(site, lambda: not site.wrong())
        await all_watched(site)
        before = site.shown(anna)
        meet(site, anna, "another", minutes=120)
        await eventually(lambda: not site.wrong())
        assert site.shown(anna) != before


ASKED = ("Subscribe", "FindItem")


async def test_closed_in_order_goes_on_with_the_same_subscriptions(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        # Who was listened to while others came is read once more.
        await site.pass_time(minutes=5)
        ledger = company.exchange.ledger
        # Who may not be impersonated is looked at again after some minutes, which has nothing to do with this.
        well = {operation: len(ledger.records(operation=operation, code="NoError")) for operation in ASKED}
        assert all(well.values())
        opened = ledger.operations["GetStreamingEvents"]
        await streams_end(site, "closed")
        await ledger.until(opened + 1, operation="GetStreamingEvents", code="NoError")
        await clock.advance(5 * 60)
        await site.settled()
        assert well == {operation: len(ledger.records(operation=operation, code="NoError")) for operation in ASKED}


async def test_what_changed_while_nobody_listened_is_read(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    """A cut connection may have swallowed an event: no other one will ever tell of this change."""
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna = company.world.person("anna.mueller")
        streams = set(company.exchange.subscriptions.streams)
        await streams_end(site, "silent")
        meet(site, anna)
        await streams_end(site, "cut")
        for subscription in company.exchange.subscriptions.of(anna.mailbox or ""):
            subscription.waiting.clear()
        await eventually(lambda: bool(set(company.exchange.subscriptions.streams) - streams))
        opened = clock.now()
        await while_time_passes(site, lambda: not site.wrong())
        assert clock.now() - opened < timedelta(minutes=3)


async def test_whoever_listens_goes_on_after_a_mistake_of_ours(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections end with it. What changes meanwhile is read, and what changes later is heard as before."""
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        planted = Plant(monkeypatch, Listener, "_recover")
        anna = company.world.person("anna.mueller")
        await streams_end(site, "silent")
        meet(site, anna)
        await streams_end(site, "cut")
        for subscription in company.exchange.subscriptions.of(anna.mailbox or ""):
            subscription.waiting.clear()
        await eventually(lambda: planted.broke)
        opened = clock.now()
        await while_time_passes(site, lambda: not site.wrong())
        assert clock.now() - opened < timedelta(minutes=3)
        await while_time_passes(site, lambda: site.engine.status().watched == len(readable(site)))
        await all_watched(site)
        before = site.shown(anna)
        meet(site, anna, "another", minutes=120)
        await eventually(lambda: not site.wrong())
        assert site.shown(anna) != before
        [problem] = site.engine.status().failed_parts
        assert problem.detail == "notifications from Exchange: RuntimeError"


@pytest.mark.parametrize("whose", ["anna.mueller@corp.example", None])
async def test_lost_subscriptions_are_made_anew_and_then_read(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, whose: str | None
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        ledger = company.exchange.ledger
        subscribed = ledger.operations["Subscribe"]
        company.exchange.subscriptions.lose(*[whose] if whose else [])
        meet(site, company.world.person("anna.mueller"))
        expected = 1 if whose else len(readable(site))
        await eventually(lambda: site.engine.status().watched == len(readable(site)) - expected)
        await clock.advance(15)
        await eventually(lambda: site.engine.status().watched == len(readable(site)))
        await site.settled()
        assert site.wrong() == {}
        assert ledger.operations["Subscribe"] == subscribed + expected
        meet(site, company.world.person("kweiss"))
        await clock.advance(2 * 60)
        await eventually(lambda: not site.wrong())


async def test_lost_cookies_lead_to_new_ones(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna, operations = company.world.person("anna.mueller"), company.exchange.ledger.operations
        subscribed = operations["Subscribe"]
        company.exchange.homes.lose_cookies()
        await streams_end(site, "cut")
        await eventually(lambda: site.engine.status().watched == 0)
        await clock.advance(15)
        await all_watched(site)
        assert operations["Subscribe"] == subscribed + len(readable(site))
        meet(site, anna)
        await eventually(lambda: not site.wrong())
        assert site.shown(anna).activity == "busy"


@pytest.mark.parametrize("most", [1, 3])
async def test_a_server_that_refuses_large_groups_gets_smaller_ones(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, most: int
) -> None:
    async with (
        make_company(mailboxes_per_stream=most) as company,
        running_engine(company, clock, tmp_path, {}) as site,
    ):
        await site.settled()
        assert site.wrong() == {}
        enough = len(readable(site)) / most
        await while_time_passes(site, lambda: len(company.exchange.subscriptions.streams) >= enough)
        await while_time_passes(site, lambda: site.engine.status().watched == len(readable(site)))
        meet(site, company.world.person("anna.mueller"))
        await eventually(lambda: not site.wrong())


async def test_a_server_without_streams_is_polled(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    network_clock = ManualClock()
    async with (
        make_company(mailboxes_per_stream=0) as company,
        running_engine(company, clock, tmp_path, {}, network_clock) as site,
    ):
        await seconds_pass(site, network_clock, 500)
        assert site.engine.status().watched == 0
        asked = company.exchange.ledger.operations["Subscribe"]
        meet(site, company.world.person("anna.mueller"))
        await seconds_pass(site, network_clock, 120)
        await site.settled()
        assert site.wrong() == {}
        assert company.exchange.ledger.operations["Subscribe"] == asked


@pytest.mark.parametrize("unknown_subscriptions", ["reported", "refused"])
async def test_broken_affinity_ends_in_polling(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, unknown_subscriptions: str
) -> None:
    """Every stream ends up where its subscriptions are not known: subscribing again and again helps nobody."""
    network_clock = ManualClock()
    async with (
        make_company(affinity_works=False, unknown_subscriptions=unknown_subscriptions) as company,
        running_engine(company, clock, tmp_path, {}, network_clock) as site,
    ):
        while not site.engine.status().exchange_concerns:
            await seconds_pass(site, network_clock, 1)
        [concern] = site.engine.status().exchange_concerns[Side.EXCHANGE]
        assert isinstance(concern, NotificationsRefused)
        await seconds_pass(site, network_clock, 60)
        operations, people = company.exchange.ledger.operations, len(readable(site))
        assert operations["GetStreamingEvents"] <= 2 + people
        subscribed = Counter(each.mailbox for each in company.exchange.ledger.records(operation="Subscribe"))
        assert max(subscribed.values()) <= 3
        assert site.engine.status().watched == 0
        asked = operations["Subscribe"]
        meet(site, company.world.person("anna.mueller"))
        await seconds_pass(site, network_clock, 120)
        assert site.wrong() == {}
        assert operations["Subscribe"] == asked
        told = await site.happens(ConcernArose)
        assert told.failure.slug == "notifications-refused"


async def test_a_server_whose_subscriptions_belong_to_the_impersonated_mailbox(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    """As at a server that Microsoft did not write: each mailbox gets a connection of its own, opened in its name."""
    async with (
        make_company(subscriptions_of_the_impersonated=True, unknown_subscriptions="refused") as company,
        running_engine(company, clock, tmp_path, {}) as site,
    ):
        await while_time_passes(site, lambda: site.engine.status().watched == len(readable(site)))
        assert site.engine.status().exchange_concerns == {}
        assert {each.charged for each in company.exchange.subscriptions.streams} == {p.mailbox for p in readable(site)}
        meet(site, company.world.person("anna.mueller"))
        await eventually(lambda: not site.wrong())


async def test_a_mailbox_with_too_many_subscriptions_is_polled_and_the_others_are_watched(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company(subscriptions_per_mailbox=1) as company:
        anna = company.world.person("anna.mueller")
        company.exchange.subscriptions.subscribe(anna.mailbox or "", "somebody else's", ["ModifiedEvent"])
        async with running_engine(company, clock, tmp_path, {}) as site:
            await site.settled()
            await eventually(lambda: site.engine.status().watched == len(readable(site)) - 1)
            meet(site, anna)
            await site.pass_time(minutes=2)
            assert site.wrong() == {}


async def test_many_groups_are_charged_to_their_anchors(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    exchange = {"max_subscriptions_per_connection": 2}
    network_clock = ManualClock()
    async with (
        make_company(hanging_connections=3) as company,
        running_engine(company, clock, tmp_path, {"exchange": exchange}, network_clock) as site,
    ):
        await seconds_pass(site, network_clock, 60)
        assert site.engine.status().watched == len(readable(site))
        assert len(company.exchange.subscriptions.streams) == math.ceil(len(readable(site)) / 2)
        charged = [stream.charged for stream in company.exchange.subscriptions.streams]
        assert charged.count("CORP\\svc-calendar") <= 3
        meet(site, company.world.person("anna.mueller"))
        await quiescence()
        await seconds_pass(site, network_clock, 1)
        assert site.wrong() == {}


async def test_a_moved_mailbox_is_found_again_and_watched_in_its_new_group(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna = company.world.person("anna.mueller")
        company.exchange.move(anna.mailbox or "", BRANCH)
        meet(site, anna)
        await while_time_passes(site, lambda: bool(company.exchange.subscriptions.of(anna.mailbox or "")))
        await while_time_passes(site, lambda: not site.wrong())
        (subscription,) = company.exchange.subscriptions.of(anna.mailbox or "")
        assert subscription.back_end.startswith("Branch-Site")
        meet(site, anna, "after the move", minutes=90)
        await eventually(lambda: not site.wrong())
        assert site.company.exchange.ledger.records(host=BRANCH.external_host, operation="Subscribe")


async def test_a_mailbox_moved_to_the_cloud_is_reported_with_that_reason(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna = company.world.person("anna.mueller")
        address = anna.mailbox or ""
        away = RedirectUrl("https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc")
        company.exchange.faults.add(away, operation="GetUserSettings", mailbox=address)
        company.exchange.move(address, Home("The cloud", "outlook.office365.com", "outlook.office365.com"))
        await eventually(lambda: site.engine.status().watched == len(readable(site)) - 1)
        await clock.advance(15)
        found = await site.happens(UserTrouble, lambda each: each.user.guid == anna.guid)
        assert isinstance(found.failure, MailboxMoved)
        assert "autodiscover-s.outlook.com" in str(found.failure)


async def test_who_departs_is_unsubscribed(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        anna = company.world.person("anna.mueller")
        company.pbx.delete_user(anna.guid)
        await company.exchange.ledger.until(1, operation="Unsubscribe", mailbox=anna.mailbox, code="NoError")
        assert company.exchange.subscriptions.of(anna.mailbox or "") == []
        meet(site, company.world.person("kweiss"))
        await eventually(lambda: not set(site.wrong()) - {"anna.mueller"})


async def test_watched_calendars_are_swept_within_twelve_hours(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path
) -> None:
    async with make_company() as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        ledger = company.exchange.ledger
        await site.pass_time(minutes=5)
        read = ledger.operations["FindItem"]
        await site.pass_time(minutes=5 * 60 + 50)
        assert ledger.operations["FindItem"] == read
        for _ in range(13):
            await site.pass_time(minutes=30)
        mailboxes = {record.mailbox for record in ledger.records(operation="FindItem")[read:]}
        assert len(mailboxes) == len(readable(site))


@pytest.mark.parametrize(
    "behaviour",
    [
        {"folder_events_only": True},
        {"declares_every_envelope": False, "heartbeats_with_status_event": True, "heartbeat_seconds": 0.05},
        {"affinity_cookie_required": False},
    ],
    ids=str,
)
async def test_whatever_is_not_known_of_real_servers(
    make_company: Callable[..., Company], clock: ManualClock, tmp_path: Path, behaviour: dict[str, object]
) -> None:
    async with make_company(**behaviour) as company, running_engine(company, clock, tmp_path, {}) as site:
        await all_watched(site)
        for stream in company.exchange.subscriptions.streams:
            stream.chunk_bytes = 7
        reads = company.exchange.ledger.operations["FindItem"]
        meet(site, company.world.person("anna.mueller"))
        await eventually(lambda: not site.wrong())
        assert company.exchange.ledger.operations["FindItem"] == reads + 1
