"""The reaction to every failure is that of its row: the simulator makes the fault, and the next requests are
compared."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from engine.core.backoff import JITTER, Pauses
from engine.exchange.errors import (
    AnswerBrokenOff,
    CalendarItemGone,
    CertificateNotTrusted,
    EwsForbidden,
    EwsSwitchedOff,
    ExchangeBusy,
    ExchangeFailure,
    ExchangeUnreachable,
    LedElsewhere,
    LoginPage,
    LoginRefused,
    LoginUnproved,
    MailboxAtAnotherUrl,
    MailboxElsewhere,
    MailboxOutOfReach,
    MailboxTrouble,
    ManyMailboxesMissing,
    NotUnderstood,
    OnlyFreeBusy,
    SeriesNotExpanded,
    ServiceAccountBusy,
)
from engine.exchange.ews.response_codes import MEANINGS
from engine.exchange.graph import errors as graph
from engine.exchange.http.proxy_errors import ProxyFailure, ProxyLogInRefused
from engine.exchange.oauth import errors as oauth
from engine.exchange.retry import (
    LISTEN_AGAIN,
    POLICIES,
    SUBSCRIBE_LATER,
    WITH_LESS,
    Concerns,
    Subscribing,
    WithLess,
    policy_of,
)
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import (
    Cut,
    Effect,
    ErrorCode,
    Reply,
    ews_switched_off,
    garbage,
    html_page,
    redirect,
)
from engine.simulator.world.world import Series
from tests.support.in_process import InProcessExchange
from tests.sync.test_every_fault import Run, run

STEPS = 4
"""How far into its row every failure is followed."""

HEALTHY = 5
"""Minutes without a fault, if there are any."""

FEW_REQUESTS, MANY_REQUESTS = timedelta(seconds=3), timedelta(seconds=7)
"""Requests that follow one another within that time belong to one try; many of them are held up by the ration."""

EARLY, LATE = timedelta(seconds=1), timedelta(seconds=4)
POLL = timedelta(seconds=60)

LISTENS = "GetStreamingEvents"
ANY = "any operation but that"

FAULTS: dict[type[ExchangeFailure], Effect] = {
    **{failure: ErrorCode(code) for code, failure in MEANINGS.items()},
    ExchangeUnreachable: Cut(),
    AnswerBrokenOff: Cut(after=10),
    EwsForbidden: Reply(403),
    EwsSwitchedOff: ews_switched_off(),
    ExchangeBusy: Reply(503),
    LedElsewhere: redirect("https://other.corp.example/EWS/Exchange.asmx"),
    LoginPage: html_page(),
    NotUnderstood: garbage(),
    MailboxTrouble: Reply(500),
}
"""How the simulator makes each failure."""


def oauth_kinds() -> list[type[ExchangeFailure]]:
    return [each for each in POLICIES if issubclass(each, ExchangeFailure) and each.__module__ == oauth.__name__]


READING = [kind for kind in FAULTS if kind is not CalendarItemGone]
OF_HTTP: list[type[ExchangeFailure]] = [
    CertificateNotTrusted,
    LoginUnproved,
    LoginRefused,
    ProxyFailure,
    ProxyLogInRefused,
    *oauth_kinds(),
    graph.TenantWithoutExchange,
    graph.GraphPermissionMissing,
]
"""What is wrong with every request, told by the HTTP client."""

OF_GRAPH: list[type[ExchangeFailure]] = [
    graph.GraphAccessDenied,
    graph.AccessPolicyExcludes,
    graph.UserAgentBlocked,
    graph.AddressAmbiguous,
    graph.MailboxNotOnline,
    graph.MailboxFull,
    graph.ExchangeOnlineTrouble,
]
"""What only Graph says of a mailbox."""

NO_READING = (Subscribing.LATER, Subscribing.REFUSED, Subscribing.LOST)
LISTENING = [kind for kind in FAULTS if policy_of(kind).subscribing in (Subscribing.AS_READING, Subscribing.LATER)]


def named(kind: object) -> str:
    return kind().slug if isinstance(kind, type) and issubclass(kind, ExchangeFailure) else str(kind)


def change(server: InProcessExchange, person: int) -> None:
    mailbox = server.world.people[person].mailbox or ""
    server.world.put(mailbox, server.world.appointment("changed", "21:00-22:00"))


def of_one(kind: type[ExchangeFailure], operation: str = "FindItem") -> Callable[[InProcessExchange], object]:
    """The fault for one mailbox, whose calendar changes; the other one's changes a little later."""

    def affects(server: InProcessExchange) -> None:
        server.faults.add(FAULTS[kind], operation=operation, mailbox=server.world.people[0].mailbox or "")
        change(server, 0)
        asyncio.get_running_loop().call_later(4, change, server, 1)

    return affects


def of_all(kind: type[ExchangeFailure], operation: str = "FindItem") -> Callable[[InProcessExchange], object]:
    """The fault for both mailboxes, whose calendars change."""

    def affects(server: InProcessExchange) -> None:
        server.faults.add(FAULTS[kind], operation=operation)
        change(server, 0)
        change(server, 1)

    return affects


def begun(found: Run, healthy: float = HEALTHY) -> datetime:
    return found.asked[0].at + timedelta(minutes=healthy)


def tries(
    found: Run, kind: type[ExchangeFailure], *people: int, operation: str = "FindItem", healthy: float = HEALTHY
) -> list[tuple[datetime, datetime]]:
    """The first and the last request of every try after the good minutes."""
    mailboxes = [(found.exchange.world.people[person].mailbox or "").lower() for person in people]
    asked = [
        each for each in found.asked if each.operation == operation or (operation == ANY and each.operation != LISTENS)
    ]
    times = [each.at for each in asked if each.mailbox in mailboxes or not people]
    one_try = MANY_REQUESTS if policy_of(kind).in_parts else FEW_REQUESTS
    grouped: list[tuple[datetime, datetime]] = []
    for at in (each for each in times if each >= begun(found, healthy)):
        if grouped and at - grouped[-1][1] < one_try:
            grouped[-1] = grouped[-1][0], at
        else:
            grouped.append((at, at))
    return grouped


def first_steps(pauses: Pauses, number: int) -> list[timedelta]:
    return [pauses.steps[min(each, len(pauses.steps) - 1)] for each in range(number)]


def assert_paused(
    found: list[tuple[datetime, datetime]], pauses: Pauses, late: timedelta = LATE, steps: int = STEPS
) -> None:
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(found)][:steps]
    full = first_steps(pauses, steps)
    seconds = [round(gap.total_seconds()) for gap in gaps], [round(step.total_seconds()) for step in full]
    assert len(gaps) == steps, seconds
    for gap, step in zip(gaps, full, strict=True):
        assert step * (1 - JITTER) - EARLY <= gap <= step + late, seconds


def minutes_for(pauses: Pauses, steps: int = STEPS) -> float:
    return sum(first_steps(pauses, steps), timedelta()) / timedelta(minutes=1) + 8


def stops_all(kind: type[ExchangeFailure]) -> bool:
    return policy_of(kind).concerns is Concerns.EVERYBODY


def is_denied(kind: type[ExchangeFailure]) -> bool:
    policy = policy_of(kind)
    return policy.with_less is WithLess.EVERYBODY or policy.for_everybody is not None


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in READING if not stops_all(kind)], ids=named)
def test_one_mailbox_is_read_again_when_its_row_says_and_the_others_go_on(kind: type[ExchangeFailure]) -> None:
    policy = policy_of(kind)
    pauses = policy.pauses
    if policy.while_known is not None:
        pauses = Pauses(tuple(min(step, policy.while_known) for step in pauses.steps))
    found = run(of_one(kind), minutes=minutes_for(pauses), healthy_minutes=HEALTHY)
    assert_paused(tries(found, kind, 0), pauses)
    assert tries(found, kind, 1)[0][0] - begun(found) < timedelta(seconds=10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_GRAPH, ids=named)
def test_one_mailbox_that_graph_refuses_is_read_again_when_its_row_says(kind: type[ExchangeFailure]) -> None:
    def affects(server: InProcessExchange) -> None:
        server.failures[(server.world.people[0].mailbox or "").lower()] = kind()
        change(server, 0)
        asyncio.get_running_loop().call_later(4, change, server, 1)

    policy = policy_of(kind)
    pauses = policy.pauses
    if policy.while_known is not None:
        pauses = Pauses(tuple(min(step, policy.while_known) for step in pauses.steps))
    found = run(affects, minutes=minutes_for(pauses), healthy_minutes=HEALTHY)
    assert_paused(tries(found, kind, 0), pauses)
    assert tries(found, kind, 1)[0][0] - begun(found) < timedelta(seconds=10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in READING if policy_of(kind).while_known is not None], ids=named)
def test_one_mailbox_that_was_never_read_is_looked_for_when_its_row_says(kind: type[ExchangeFailure]) -> None:
    pauses = policy_of(kind).pauses
    found = run(of_one(kind), minutes=minutes_for(pauses, steps=len(pauses.steps)))
    assert_paused(tries(found, kind, 0, healthy=0), pauses, steps=len(pauses.steps))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in READING if not is_denied(kind)], ids=named)
def test_what_all_mailboxes_have_is_tried_again_when_the_row_says(kind: type[ExchangeFailure]) -> None:
    policy = policy_of(kind)
    own = policy.concerns in (Concerns.MAILBOX, Concerns.ACCOUNT)
    pauses = policy.pauses if own else policy.pauses_of_all
    if policy.while_known is not None:
        pauses = Pauses(tuple(min(step, policy.while_known) for step in pauses.steps))
    found = run(of_all(kind), minutes=minutes_for(pauses), healthy_minutes=HEALTHY, connections=8 if own else 1)
    for people in [(0,), (1,)] if own else [(0, 1)]:
        assert_paused(tries(found, kind, *people), pauses)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in READING if is_denied(kind)], ids=named)
def test_what_is_denied_to_all_is_read_with_less_and_tried_again_in_about_an_hour(
    kind: type[ExchangeFailure],
) -> None:
    found = run(of_all(kind), minutes=6 * 60, healthy_minutes=HEALTHY)
    assert isinstance(found.source.restriction, OnlyFreeBusy)
    assert_paused(tries(found, kind, 0, 1), Pauses((WITH_LESS,)), WITH_LESS * JITTER + LATE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_HTTP, ids=named)
def test_what_keeps_every_answer_away_is_tried_again_when_the_row_says(kind: type[ExchangeFailure]) -> None:
    def affects(server: InProcessExchange) -> None:
        change(server, 0)
        change(server, 1)
        server.http_failure = kind()

    pauses = policy_of(kind).pauses_of_all
    found = run(affects, minutes=minutes_for(pauses), healthy_minutes=HEALTHY)
    assert_paused(tries(found, kind, operation=ANY), pauses)


def test_the_service_account_asks_again_when_its_row_says() -> None:
    pauses = policy_of(ServiceAccountBusy).pauses_of_all
    found = run(
        lambda server: server.faults.add(ErrorCode("ErrorServerBusy"), operation="ResolveNames"),
        minutes=minutes_for(pauses),
    )
    assert_paused(tries(found, ServiceAccountBusy, operation="ResolveNames", healthy=0), pauses)


@pytest.mark.slow
def test_a_mailbox_that_is_not_at_the_server_of_the_settings_is_looked_for_when_its_row_says() -> None:
    pauses = policy_of(MailboxAtAnotherUrl).pauses
    url = "https://mail.corp.example/EWS/Exchange.asmx"
    found = run(of_one(MailboxElsewhere), minutes=minutes_for(pauses), healthy_minutes=HEALTHY, ews_url=url)
    assert isinstance(next(iter(found.participants.values())).problem, MailboxAtAnotherUrl)
    assert_paused(tries(found, MailboxAtAnotherUrl, 0), pauses)


def test_every_row_is_walked() -> None:
    by_themselves: set[type[ExchangeFailure]] = {ServiceAccountBusy, SeriesNotExpanded, MailboxAtAnotherUrl}
    # Where autodiscover leads to decides the one, how many are missing at once the other: tests/sync/test_hiccups.
    verdicts: set[type[ExchangeFailure]] = {MailboxOutOfReach, ManyMailboxesMissing}
    kinds: list[type[ExchangeFailure]] = [*READING, *OF_HTTP, *OF_GRAPH, *by_themselves, *verdicts]
    walked = {each for kind in kinds for each in kind.__mro__}
    assert set(POLICIES) <= walked


@pytest.mark.slow
def test_a_series_that_is_not_expanded_is_read_with_less_and_tried_again_in_about_an_hour() -> None:
    def affects(server: InProcessExchange) -> None:
        series = Series(first=server.world.appointment("daily", "09:00-09:15"), interval=1, last=date(2026, 4, 1))
        server.world.put(server.world.people[0].mailbox or "", series)

    found = run(affects, Behaviour(heartbeat_seconds=45, expands_series=False), minutes=350)
    participant = next(iter(found.participants.values()))
    assert isinstance(participant.problem, SeriesNotExpanded)
    assert found.all_are_watched
    again = tries(found, SeriesNotExpanded, 0, healthy=0)
    assert_paused(again, Pauses((WITH_LESS,)), WITH_LESS * JITTER + LATE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in READING if policy_of(kind).subscribing in NO_READING], ids=named)
def test_a_mailbox_is_subscribed_to_again_when_the_row_says_and_read_meanwhile(kind: type[ExchangeFailure]) -> None:
    found = run(of_one(kind, "Subscribe"), minutes=12 * 60, poll_seconds=POLL.total_seconds())
    subscribed = tries(found, kind, 0, operation="Subscribe", healthy=0)
    assert_paused(subscribed, SUBSCRIBE_LATER, 2 * POLL)
    read = [first for first, _ in tries(found, kind, 0, healthy=0)]
    assert all(after - before <= POLL + LATE for before, after in itertools.pairwise(read))


@pytest.mark.slow
@pytest.mark.parametrize("kind", LISTENING, ids=named)
def test_a_connection_is_made_again_when_the_row_says(kind: type[ExchangeFailure]) -> None:
    def affects(server: InProcessExchange) -> None:
        server.faults.add(FAULTS[kind], operation=LISTENS)
        for stream in list(server.subscriptions.streams):
            stream.cut()

    found = run(affects, minutes=15, healthy_minutes=HEALTHY)
    times = [each.at for each in found.asked if each.operation == LISTENS and each.at >= begun(found)]
    # That it was cut was the first failure of the row.
    assert_paused([(at, at) for at in times], Pauses(LISTEN_AGAIN.steps[1:]))
