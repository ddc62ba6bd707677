"""For every fault of Exchange: no mailbox is requested more often than the rate limit allows, and the engine
recovers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.core.users import User
from engine.exchange.errors import ExchangeSlow, MailboxRationed, NotificationsRefused
from engine.exchange.ews.response_codes import MEANINGS
from engine.exchange.ews.source import EwsSource
from engine.exchange.ews.throttle import OF_A_MAILBOX
from engine.exchange.source import Priority
from engine.settings.model import ExchangeSettings, ExchangeType, PbxSettings, SiteSettings
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import (
    Cut,
    Delay,
    Effect,
    Ending,
    ErrorCode,
    Hold,
    RedirectAddress,
    RedirectUrl,
    Reply,
    StreamEnds,
    Unauthorized,
    ews_switched_off,
    garbage,
    html_page,
    redirect,
    server_busy,
    service_unavailable,
)
from engine.simulator.world import generate
from engine.sync.calendar_reader import CalendarScheduler
from engine.sync.events import ConcernArose, ConcernOver, Event, SyncContext
from engine.sync.participants import Participant, Participants
from tests.support.in_process import Asked, InProcessExchange
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

PEOPLE = 2
MINUTES = 14
LASTING = 8
"""Requests in a minute for one mailbox that lasting trouble may come to, on the average of the last seven minutes."""

OPERATIONS = ("ResolveNames", "Subscribe", "FindItem", "GetStreamingEvents", "GetUserSettings")
CODES = (*{failure: code for code, failure in MEANINGS.items()}.values(), "ErrorNobodyKnows")
"""One of each meaning: what is done depends on that alone."""


def settings(**exchange: object) -> SiteSettings:
    given = {"type": ExchangeType.ON_PREMISES, "user": "svc-calendar@corp.example", **exchange}
    return SiteSettings(pbx=PbxSettings(master="m"), exchange=ExchangeSettings(**given))  # type: ignore[arg-type]


@dataclass
class Run:
    exchange: InProcessExchange
    asked: list[Asked]
    ended: datetime
    charged: set[str]
    source: EwsSource
    participants: Participants
    events: list[Event]
    all_are_watched: bool

    def busiest_minute(self) -> int:
        """Return the maximum number of requests for one mailbox within a minute."""
        by_mailbox: dict[str, list[datetime]] = defaultdict(list)
        for each in self.asked:
            by_mailbox[each.mailbox].append(each.at)
        minute = timedelta(minutes=1)
        return max(
            (sum(begun <= at < begun + minute for at in times) for times in by_mailbox.values() for begun in times),
            default=0,
        )

    def in_a_minute_at_last(self) -> float:
        """Requests for each mailbox in a minute, in the last seven minutes."""
        since = self.ended - timedelta(minutes=7)
        return sum(each.at >= since for each in self.asked) / 7 / PEOPLE

    def operations(self) -> Counter[str]:
        return Counter(each.operation for each in self.asked)


def run(
    affects: Callable[[InProcessExchange], object],
    behaviour: Behaviour | None = None,
    minutes: float = MINUTES,
    healthy_minutes: float = 0,
    **exchange: object,
) -> Run:
    """Read some calendars during a fault, from the start or after some minutes."""

    async def main() -> Run:
        world, clock = generate(PEOPLE, 1, date(2026, 3, 2), ZoneInfo("Europe/Berlin")), VirtualClock()
        server = InProcessExchange(world, clock, behaviour or Behaviour(heartbeat_seconds=45))
        chosen = settings(**exchange)
        source = EwsSource(
            chosen.exchange,
            with_subjects=True,
            exception_organizer=None,
            http=server,
            clock=clock,
            random=Random(3),
            timer=asyncio.get_running_loop().time,
        )
        participants: Participants = {}
        events: list[Event] = []
        context = SyncContext(
            clock=clock, network_clock=clock, random=Random(5), observe=events.append, finished=lambda: None
        )
        calendars = CalendarScheduler(
            participants, source, chosen, context, changed=lambda guid: None, shows_something=lambda guid: False
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(calendars.run()),
                group.create_task(source.run(partial(told, calendars))),
            ]
            if not healthy_minutes:
                affects(server)
            for person in world.people:
                user = User(guid=person.guid, name=person.name, display_name="")
                participants[user.guid] = Participant(user, (person.mailbox or "", f"{user.name}@elsewhere.example"))
                calendars.resync(user.guid)
            calendars.everybody_is_known()
            if healthy_minutes:
                await asyncio.sleep(healthy_minutes * 60)
                affects(server)
            await asyncio.sleep(minutes * 60)
            charged = {stream.charged for stream in server.subscriptions.streams}
            all_are_watched = all(source.is_watched(each.mailbox) for each in participants.values() if each.mailbox)
            for task in tasks:
                task.cancel()
        return Run(server, server.asked, clock.now(), charged, source, participants, events, all_are_watched)

    return run_in_virtual_time(main())


def told(calendars: CalendarScheduler, address: str, urgency: Priority) -> None:
    calendars.on_notification(address, urgency)


def affecting(effect: Effect, operation: str) -> Callable[[InProcessExchange], object]:
    """Set an effect for all requests of an operation; hanging connections end, so that it affects new ones too."""

    def affects(server: InProcessExchange) -> None:
        server.faults.add(effect, operation=operation)
        for stream in list(server.subscriptions.streams):
            stream.cut()

    return affects


def moderate(run: Run) -> None:
    assert run.busiest_minute() <= OF_A_MAILBOX.at_once + OF_A_MAILBOX.per_minute
    assert run.in_a_minute_at_last() <= LASTING, run.operations()


def test_good_days_take_few_requests() -> None:
    found = run(lambda server: None)
    assert found.operations()["FindItem"] == PEOPLE
    assert found.in_a_minute_at_last() == 0
    assert found.all_are_watched


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_code(operation: str) -> None:
    for code in CODES:
        moderate(run(affecting(ErrorCode(code), operation)))


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["FindItem", "GetStreamingEvents"])
def test_every_fault_that_comes_later(operation: str) -> None:
    for code in CODES:
        moderate(run(affecting(ErrorCode(code, in_fault=True), operation), healthy_minutes=15))


EFFECTS: dict[str, Effect] = {
    "delay": Delay(12),
    "delay beyond patience": Delay(90),
    "hold": Hold(),
    "cut": Cut(),
    "cut later": Cut(after=10),
    "401": Unauthorized(),
    "busy": server_busy(30_000),
    "busy for no time": server_busy(0),
    "unavailable": service_unavailable(),
    "unavailable for no time": service_unavailable(0),
    "429 for a second": Reply(429, b"", {"Retry-After": "1"}),
    "500 for no time": Reply(500, b"", {"Retry-After": "0"}),
    "500": Reply(500),
    "502": Reply(502, b"<html>"),
    "403": Reply(403),
    "404": Reply(404),
    "440": Reply(440),
    "200 and nothing": Reply(200),
    "switched off": ews_switched_off(),
    "log-in page": html_page(),
    "garbage": garbage(),
    "redirect": redirect("https://mail.corp.example/owa/auth/logon.aspx"),
    "another address": RedirectAddress("somebody@elsewhere.example"),
    "another URL": RedirectUrl("https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc"),
}


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["", "Subscribe", "FindItem", "GetStreamingEvents"])
@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect(operation: str, name: str) -> None:
    moderate(run(affecting(EFFECTS[name], operation)))


@pytest.mark.slow
@pytest.mark.parametrize("envelopes", [0, 1, 2])
@pytest.mark.parametrize("how", Ending)
@pytest.mark.parametrize("healthy_minutes", [0, 15])
def test_every_end_of_a_stream(how: Ending, envelopes: int, healthy_minutes: int) -> None:
    codes = ("ErrorInvalidSubscription", "ErrorNewEventStreamConnectionOpened", "ErrorProxyRequestNotAllowed")
    for code in codes if how in (Ending.CODE, Ending.UNKNOWN) else codes[:1]:
        ends = affecting(StreamEnds(how, envelopes, code), "GetStreamingEvents")
        moderate(run(ends, healthy_minutes=healthy_minutes))


BEHAVIOURS: dict[str, dict[str, object]] = {
    "affinity is broken": {"affinity_works": False},
    "affinity is broken, and said at once": {"affinity_works": False, "unknown_subscriptions": "refused"},
    "no stream": {"mailboxes_per_stream": 0},
    "two on a stream": {"mailboxes_per_stream": 2},
    "no subscription": {"subscriptions_per_mailbox": 0},
    "no connection": {"hanging_connections": 0},
    "subscriptions do not last": {"unconnected_subscriptions_last": timedelta(0)},
    "no mailbox of its own": {"caller_has_mailbox": False},
    "impersonation alone": {"app_only": True},
}


@pytest.mark.parametrize("name", BEHAVIOURS)
@pytest.mark.parametrize("max_subscriptions_per_connection", [200, 1])
def test_every_behaviour(name: str, max_subscriptions_per_connection: int) -> None:
    behaviour = Behaviour(heartbeat_seconds=45, **BEHAVIOURS[name])  # type: ignore[arg-type]
    found = run(lambda server: None, behaviour, max_subscriptions_per_connection=max_subscriptions_per_connection)
    moderate(found)
    assert all(each.reading for each in found.participants.values()) or "mailbox" in name or "impersonation" in name


@pytest.mark.parametrize("unknown_subscriptions", ["reported", "refused"])
def test_broken_affinity_ends_in_polling_and_is_said(unknown_subscriptions: str) -> None:
    behaviour = Behaviour(heartbeat_seconds=45, affinity_works=False, unknown_subscriptions=unknown_subscriptions)  # type: ignore[arg-type]
    found = run(lambda server: None, behaviour)
    assert found.operations()["GetStreamingEvents"] <= 2 + PEOPLE
    assert found.operations()["Subscribe"] <= 3 * PEOPLE
    for each in found.participants.values():
        assert each.mailbox is not None
        following = found.source.following(each.mailbox)
        assert not following.watched
        assert "even for a single mailbox" in following.why_not
        assert each.reading is not None
        assert found.ended - each.reading.at < timedelta(minutes=3)
    [concern] = found.source.concerns
    assert isinstance(concern, NotificationsRefused)
    assert "mail.corp.example" in concern.detail


def test_a_server_whose_subscriptions_belong_to_the_impersonated_is_heard_alone() -> None:
    behaviour = Behaviour(heartbeat_seconds=45, subscriptions_of_the_impersonated=True, unknown_subscriptions="refused")
    found = run(lambda server: None, behaviour)
    assert found.all_are_watched
    assert found.charged == {person.mailbox for person in found.exchange.world.people}
    assert found.source.concerns == ()
    assert found.in_a_minute_at_last() <= 0.5


@pytest.mark.slow
def test_a_slow_exchange_is_said_until_it_is_quick_again() -> None:
    behaviour = Behaviour(subscriptions_per_mailbox=0)
    slow = run(affecting(Delay(12), ""), behaviour)
    [concern] = slow.source.concerns
    assert isinstance(concern, ExchangeSlow)
    assert "more than 12.0 seconds" in concern.detail
    assert concern.seconds == pytest.approx(12, abs=0.1)
    assert [type(each) for each in slow.events if isinstance(each, ConcernArose)] == [ConcernArose]
    again = run(lambda server: server.faults.add(Delay(12), times=10), behaviour, minutes=60)
    assert again.source.concerns == ()
    assert [type(each) for each in again.events if isinstance(each, ConcernArose | ConcernOver)] == [
        ConcernArose,
        ConcernOver,
    ]


@pytest.mark.slow
def test_a_calendar_that_never_comes_to_rest_is_read_as_often_as_the_ration_allows_and_it_is_said() -> None:
    def restless(server: InProcessExchange) -> None:
        asyncio.get_running_loop().call_later(1, restless, server)
        person = server.world.people[0]
        server.world.put(person.mailbox or "", server.world.appointment("again", "09:00-10:00"))

    found = run(restless, healthy_minutes=1)
    restless_one, other = found.participants.values()
    assert found.busiest_minute() <= OF_A_MAILBOX.at_once + OF_A_MAILBOX.per_minute
    assert found.operations()["FindItem"] >= OF_A_MAILBOX.per_minute * MINUTES
    assert restless_one.reading is not None
    assert found.ended - restless_one.reading.at < timedelta(seconds=30)
    [concern] = found.source.concerns
    assert isinstance(concern, MailboxRationed)
    assert restless_one.mailbox is not None
    assert concern.detail == restless_one.mailbox.address
    assert restless_one.problem is None
    assert other.problem is None
