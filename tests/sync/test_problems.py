"""Problems come by severity, equal ones of users are merged, and one outage is one problem."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import Failure
from engine.core.expiry import Expiring, expiry_warning
from engine.core.users import User
from engine.exchange.errors import (
    ExchangeSlow,
    ExchangeUnreachable,
    ImpersonationDenied,
    MailboxNotFound,
    NoCalendarReadable,
    NotificationsRefused,
)
from engine.pbx.errors import PbxLinkUnstable, PbxLoginRefused, PbxUnreachable, PresenceRefused
from engine.sync.events import Side
from engine.sync.problems import Problem, Severity, problems
from engine.sync.status import ConnectionStatus, EngineStatus, UserProblem

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WORKS = ConnectionStatus(works=True)
CERTIFICATE = expiry_warning(Expiring.EXCHANGE_CERTIFICATE, NOW, NOW)
assert CERTIFICATE is not None


def down(failure: Failure) -> ConnectionStatus:
    return ConnectionStatus(failure=failure)


def of(number: int, failure: Failure) -> tuple[UserProblem, ...]:
    return tuple(UserProblem(User(guid=f"{n}", name=f"user{n}", display_name=""), failure) for n in range(number))


NO_RIGHT, NO_MAILBOX = ImpersonationDenied(), MailboxNotFound()
SLOW = {Side.EXCHANGE: (ExchangeSlow(),)}
UNRESOLVED = of(2, NO_MAILBOX) + of(8, NO_RIGHT)


def status(pbx: ConnectionStatus = WORKS, exchange: ConnectionStatus = WORKS, **other: object) -> EngineStatus:
    return EngineStatus(users=26, watched=17, pbx=pbx, exchange=exchange, **other)  # type: ignore[arg-type]


def seen(this: EngineStatus) -> list[tuple[str, int]]:
    return [(each.failure.slug, each.count) for each in problems(this) if not each.folded]


def test_the_worst_comes_first_with_how_many_it_concerns() -> None:
    assert CERTIFICATE is not None
    everything = status(
        unstable=PbxLinkUnstable("5 times"),
        unresolved=UNRESOLVED,
        refused=of(1, PresenceRefused()),
        exchange_concerns={Side.EXCHANGE: (ExchangeSlow(), NotificationsRefused())},
        expiring=(CERTIFICATE,),
    )
    assert seen(everything) == [
        ("pbx-link-unstable", 26),
        ("presence-refused", 1),
        ("impersonation-denied", 8),
        ("mailbox-not-found", 2),
        ("exchange-slow", 26),
        ("notifications-refused", 9),
        ("exchange-certificate-expires", 26),
    ]


def test_what_delays_one_half_of_a_hybrid_organisation_is_told_of_that_half() -> None:
    this = status(exchange_online=WORKS, exchange_concerns={Side.EXCHANGE_ONLINE: (ExchangeSlow("12 s", 12.0),)})
    assert [(each.side, each.failure.slug) for each in problems(this)] == [(Side.EXCHANGE_ONLINE, "exchange-slow")]
    assert (this.answer_seconds(Side.EXCHANGE), this.answer_seconds(Side.EXCHANGE_ONLINE)) == (None, 12.0)


def test_an_outage_is_one_problem() -> None:
    out = down(ExchangeUnreachable())
    assert seen(status(exchange=out, unresolved=UNRESOLVED, exchange_concerns=SLOW)) == [("exchange-unreachable", 26)]
    assert seen(status(down(PbxUnreachable()), refused=of(3, PresenceRefused()), unresolved=UNRESOLVED)) == [
        ("pbx-unreachable", 26),
        ("impersonation-denied", 8),
        ("mailbox-not-found", 2),
    ]


def test_a_link_that_keeps_dropping_is_told_once_but_a_refused_log_in_beside_it() -> None:
    unstable = PbxLinkUnstable("5 times")
    assert seen(status(down(PbxUnreachable()), unstable=unstable)) == [("pbx-link-unstable", 26)]
    assert [slug for slug, _ in seen(status(down(PbxLoginRefused()), unstable=unstable))] == [
        "pbx-link-unstable",
        "pbx-login-refused",
    ]


def test_that_no_calendar_can_be_read_gives_way_to_the_reasons() -> None:
    nothing = down(NoCalendarReadable())
    assert seen(status(exchange=nothing, unresolved=UNRESOLVED)) == [
        ("impersonation-denied", 8),
        ("mailbox-not-found", 2),
    ]
    assert seen(status(exchange=nothing)) == [("no-calendar-readable", 26)]


@pytest.mark.parametrize("online", [WORKS, down(ExchangeUnreachable())])
def test_one_half_of_a_hybrid_organisation_hides_nothing_of_the_other(online: ConnectionStatus) -> None:
    this = status(exchange=down(ExchangeUnreachable()), exchange_online=online, unresolved=UNRESOLVED)
    slugs = {slug for slug, _ in seen(this)}
    assert ("impersonation-denied" in slugs) is online.works
    assert "exchange-unreachable" in slugs


LINKS = st.sampled_from([WORKS, *map(down, (PbxUnreachable(), ExchangeUnreachable(), NoCalendarReadable()))])
USERS = st.sampled_from([(), of(1, NO_MAILBOX), UNRESOLVED])


@pytest.mark.property
@given(
    st.builds(
        EngineStatus,
        users=st.just(26),
        pbx=LINKS,
        exchange=LINKS,
        exchange_online=st.none() | LINKS,
        unresolved=USERS,
        refused=USERS,
        noticed=USERS,
        exchange_concerns=st.sampled_from([{}, SLOW]),
        unstable=st.none() | st.just(PbxLinkUnstable("often")),
        failed_parts=st.sampled_from([(), (PbxUnreachable(),)]),
        is_set_up=st.booleans(),
    )
)
def test_nothing_is_folded_into_nothing(this: EngineStatus) -> None:
    found = problems(this)
    assert list(found) == sorted(found, key=lambda each: each.severity)
    for each in found:
        assert not each.folded or any(_explains(other, each) for other in found)


def _explains(other: Problem, folded: Problem) -> bool:
    is_an_outage = other.severity is Severity.DOWN and other.side in (Side.PBX, Side.EXCHANGE, Side.EXCHANGE_ONLINE)
    is_a_reason = isinstance(folded.failure, NoCalendarReadable) and other.severity is Severity.NO_CALENDAR
    return not other.folded and (is_an_outage or is_a_reason)
