"""Tests of the source's requests, their order, and the handling of the answers."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from lxml import etree

from engine.exchange.errors import (
    CalendarTooFull,
    ExchangeBusy,
    ExchangeFailure,
    ExchangeUnreachable,
    ImpersonationDenied,
    LoginPage,
    LoginRefused,
    MailboxAtAnotherUrl,
    MailboxMoved,
    MailboxNotFound,
    MailboxTrouble,
    NotPrimaryAddress,
    NotUnderstood,
    ServiceMailboxMissing,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.ews.source import EwsSource
from engine.exchange.source import Mailbox, Window
from engine.settings.model import ExchangeSettings, ExchangeType, ResolveWith
from tests.exchange.ews.autodiscover.replies import soap
from tests.exchange.ews.wire import Answer, PlayedHttp, Request, fault, found, item, organized, resolved, value
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

URL = "https://mail.example.com/EWS/Exchange.asmx"
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=2))
ANNA = Mailbox("anna@example.com", URL)
TENTATIVE = {"LegacyFreeBusyStatus": "Tentative"}
BOSS = "<t:Name>B</t:Name><t:EmailAddress>boss@example.com</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"

Reply = bytes | Answer | ExchangeFailure


class Playbook:
    """Answers requests one after the other."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.http = PlayedHttp(self._next)

    def _next(self, request: Request) -> Answer | ExchangeFailure:
        reply = self._replies.pop(0)
        return Answer(200, reply) if isinstance(reply, bytes) else reply

    def source(
        self,
        *,
        user: str = "svc@example.com",
        ews_url: str | None = URL,
        resolve_with: ResolveWith = ResolveWith.SERVICE_ACCOUNT,
        exception_organizer: str | None = None,
    ) -> EwsSource:
        settings = ExchangeSettings(
            type=ExchangeType.ON_PREMISES, user=user, ews_url=ews_url, resolve_with=resolve_with
        )
        return EwsSource(
            settings,
            with_subjects=False,
            exception_organizer=exception_organizer,
            http=self.http,
            clock=ManualClock(),
            random=Random(4),
        )

    def asked(self, path: str) -> list[str | None]:
        return [etree.fromstring(request.body.encode()).findtext(f".//{{*}}{path}") for request in self.http.requests]

    @property
    def windows(self) -> list[tuple[str, str]]:
        views = [etree.fromstring(request.body.encode()).find(".//{*}CalendarView") for request in self.http.requests]
        return [(view.get("StartDate", ""), view.get("EndDate", "")) for view in views if view is not None]

    @property
    def anchors(self) -> list[str | None]:
        return [request.headers.get("X-AnchorMailbox") for request in self.http.requests]


async def test_service_account_resolves_without_impersonation() -> None:
    play = Playbook(
        resolved(("anna@example.com", "Mailbox"), listed=("SMTP:anna@example.com", "smtp:A.Berg@example.com"))
    )
    assert await play.source().resolve(["a.berg@example.com"]) == ANNA
    assert play.asked("UnresolvedEntry") == ["smtp:a.berg@example.com"]
    assert play.asked("ConnectingSID/*") == [None]
    assert play.anchors == ["svc@example.com"]


async def test_address_that_is_not_listed_is_impersonated_to_prove_whose_it_is() -> None:
    wrong = Answer(500, fault("ErrorNonPrimarySmtpAddress", value("Primary", "anna@example.com")))
    play = Playbook(resolved(("anna@example.com", "Mailbox")), wrong)
    assert await play.source().resolve(["a.berg@example.com"]) == ANNA
    assert play.asked("PrimarySmtpAddress") == [None, "a.berg@example.com"]


@pytest.mark.parametrize("code", ["ErrorNonExistentMailbox", "ErrorCannotFindUser", "ErrorImpersonateUserDenied"])
async def test_mailbox_that_is_not_proved_to_own_the_address_is_not_taken(code: str) -> None:
    offered = resolved(("anna@example.com", "Mailbox"), ("tina@example.com", "Mailbox"))
    play = Playbook(offered, Answer(200, fault(code)))
    with pytest.raises(MailboxNotFound) as raised:
        await play.source().resolve(["a@example.com"])
    assert raised.value.detail == (
        "the server offered 2 mailboxes for a@example.com, none of which is proved to own it"
    )
    assert "anna@example.com, tina@example.com" in raised.value.confidential
    assert "anna@" in str(raised.value)


@pytest.mark.parametrize("code", ["ErrorServerBusy", "ErrorMailboxStoreUnavailable", "ErrorInternalServerError"])
async def test_proof_that_cannot_be_had_at_the_moment_is_no_refusal(code: str) -> None:
    play = Playbook(resolved(("anna@example.com", "Mailbox")), Answer(500, fault(code)))
    with pytest.raises(ExchangeFailure) as raised:
        await play.source().resolve(["a.berg@example.com", "other@example.com"])
    assert not isinstance(raised.value, MailboxNotFound)


async def test_candidate_that_may_be_impersonated_needs_no_directory() -> None:
    """A restricted address book finds nobody."""
    play = Playbook(resolved(), resolved())
    assert await play.source(resolve_with=ResolveWith.CANDIDATES).resolve(["anna@example.com"]) == ANNA
    assert play.asked("ConnectingSID/*") == ["anna@example.com"] * 2


async def test_several_results_are_looked_at_even_as_an_error() -> None:
    several = resolved(("anna@example.com", "Mailbox"), ("anna.b@example.com", "Mailbox"))
    play = Playbook(several.replace(b'ResponseClass="Warning"', b'ResponseClass="Error"'))
    assert await play.source().resolve(["ANNA@example.com"]) == ANNA


async def test_account_known_by_its_domain_name_alone_is_no_anchor() -> None:
    play = Playbook(resolved(("anna@example.com", "Mailbox")))
    await play.source(user="EXAMPLE\\svc").resolve(["anna@example.com"])
    assert play.anchors == [None]


async def test_candidates_resolve_themselves_impersonated() -> None:
    play = Playbook(fault("ErrorNonExistentMailbox"), resolved(("anna@example.com", "Mailbox")))
    source = play.source(resolve_with=ResolveWith.CANDIDATES)
    assert await source.resolve(["nobody@example.com", "anna@example.com"]) == ANNA
    assert play.asked("SmtpAddress") == play.anchors == ["nobody@example.com", "anna@example.com"]


async def test_candidate_by_a_secondary_address_is_asked_once_more_by_the_primary_one() -> None:
    wrong = Answer(500, fault("ErrorNonPrimarySmtpAddress", value("Primary", "anna@example.com")))
    play = Playbook(wrong, resolved(("anna@example.com", "Mailbox")))
    assert await play.source(resolve_with=ResolveWith.CANDIDATES).resolve(["a.berg@example.com"]) == ANNA
    assert play.asked("SmtpAddress") == ["a.berg@example.com", "anna@example.com"]


async def test_address_without_a_mailbox_leads_on_to_the_next() -> None:
    play = Playbook(resolved(), resolved(("sales@example.com", "PublicDL")), resolved(("anna@example.com", "Mailbox")))
    candidates = ["anna@old.example.com", "sales@example.com", "anna@example.com"]
    assert await play.source().resolve(candidates) == ANNA


async def test_no_mailbox_at_all_tells_what_was_tried_and_why_not() -> None:
    play = Playbook(resolved(), resolved(("sales@example.com", "PublicDL")))
    with pytest.raises(MailboxNotFound) as raised:
        await play.source().resolve(["anna@old.example.com", "sales@example.com"])
    assert raised.value.detail == (
        "anna@old.example.com is not in the directory; sales@example.com is not a mailbox but a PublicDL"
    )


@pytest.mark.parametrize("candidates", [[], ["anna"], ["anna berg@example.com"], ["änna@example.com"], ["a@b\r\nX: y"]])
async def test_what_cannot_be_an_address_is_not_asked_for(candidates: list[str]) -> None:
    play = Playbook()
    with pytest.raises(MailboxNotFound):
        await play.source().resolve(candidates)
    assert play.http.requests == []


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (ExchangeUnreachable("no route"), ExchangeUnreachable),
        (LoginRefused(), LoginRefused),
        (Answer(500, fault("ErrorServerBusy")), ExchangeBusy),
        (Answer(500, fault("ErrorNameResolutionNoMailbox")), ServiceMailboxMissing),
        (Answer(500, fault("ErrorMailboxStoreUnavailable")), MailboxTrouble),
        (Answer(200, b"<html>"), LoginPage),
        (Answer(200, b"<soap>"), NotUnderstood),
    ],
)
async def test_trouble_never_makes_another_candidate_take_the_place(
    reply: Reply, failure: type[ExchangeFailure]
) -> None:
    play = Playbook(reply)
    with pytest.raises(failure):
        await play.source().resolve(["anna@example.com", "other@example.com"])
    assert len(play.http.requests) == 1


async def test_candidate_that_may_not_be_impersonated_is_told_as_such() -> None:
    play = Playbook(Answer(500, fault("ErrorImpersonateUserDenied")))
    with pytest.raises(ImpersonationDenied, match="boss@example"):
        await play.source(resolve_with=ResolveWith.CANDIDATES).resolve(["boss@example.com", "other@example.com"])


async def test_window_is_read_as_the_mailbox() -> None:
    play = Playbook(found(item("A"), item("B")))
    assert len(await play.source().read_window(ANNA, DAY)) == 2
    assert play.asked("PrimarySmtpAddress") == play.anchors == ["anna@example.com"]
    assert play.windows == [("2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z")]
    assert play.http.requests[0].url == URL


async def test_window_of_a_renamed_mailbox_is_read_by_its_new_address() -> None:
    wrong = Answer(500, fault("ErrorNonPrimarySmtpAddress", value("Primary", "anna.neu@example.com")))
    play = Playbook(wrong, found(item()))
    assert len(await play.source().read_window(ANNA, DAY)) == 1
    assert play.asked("PrimarySmtpAddress") == play.anchors == ["anna@example.com", "anna.neu@example.com"]


@pytest.mark.parametrize("told", ["", value("Primary", "anna.neu@example.com")])
async def test_address_is_corrected_once_at_most(told: str) -> None:
    wrong = Answer(500, fault("ErrorNonPrimarySmtpAddress", told))
    play = Playbook(wrong, wrong)
    with pytest.raises(NotPrimaryAddress):
        await play.source().read_window(ANNA, DAY)
    assert len(play.http.requests) == (2 if told else 1)


async def test_window_too_full_for_one_answer_is_read_in_halves() -> None:
    spanning = item("spanning")
    play = Playbook(found(item("A"), spanning, complete=False), found(item("A"), spanning), found(spanning, item("B")))
    assert len(await play.source().read_window(ANNA, DAY)) == 3
    assert play.windows == [
        ("2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z"),
        ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
        ("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
    ]


async def test_error_for_too_many_items_is_read_in_halves_too() -> None:
    play = Playbook(Answer(500, fault("ErrorExceededFindCountLimit")), found(item("A")), found(item("B")))
    assert len(await play.source().read_window(ANNA, DAY)) == 2


async def test_halving_comes_to_an_end() -> None:
    play = Playbook(*[found(item(), complete=False)] * 7)
    with pytest.raises(CalendarTooFull, match="anna@example"):
        await play.source().read_window(ANNA, DAY)


async def test_organizers_are_not_asked_for_without_an_exception_organizer() -> None:
    play = Playbook(found(item(**TENTATIVE)))
    (appointment,) = await play.source().read_window(ANNA, DAY)
    assert appointment.organizer is None
    assert len(play.http.requests) == 1


async def test_organizers_are_asked_for_tentative_appointments_alone() -> None:
    items = [
        item("busy"),
        item("T1", **TENTATIVE),
        item("off", IsCancelled="true", **TENTATIVE),
        item("T2", **TENTATIVE),
    ]
    play = Playbook(found(*items), organized(BOSS, None))
    appointments = await play.source(exception_organizer="boss@example.com").read_window(ANNA, DAY)
    assert [appointment.organizer for appointment in appointments] == [None, "boss@example.com", None, None]
    ids = etree.fromstring(play.http.requests[1].body.encode()).iterfind(".//{*}ItemId")
    assert [item_id.get("Id") for item_id in ids] == ["T1", "T2"]


async def test_no_tentative_appointments_need_no_second_request() -> None:
    play = Playbook(found(item()))
    await play.source(exception_organizer="boss@example.com").read_window(ANNA, DAY)
    assert len(play.http.requests) == 1


async def test_many_organizers_are_asked_for_in_batches() -> None:
    items = [item(str(number), **TENTATIVE) for number in range(120)]
    play = Playbook(found(*items), organized(*[BOSS] * 50), organized(*[BOSS] * 50), organized(*[BOSS] * 20))
    appointments = await play.source(exception_organizer="boss@example.com").read_window(ANNA, DAY)
    assert {appointment.organizer for appointment in appointments} == {"boss@example.com"}


async def test_organizers_that_do_not_fit_the_question_are_not_guessed() -> None:
    play = Playbook(found(item("T1", **TENTATIVE), item("T2", **TENTATIVE)), organized(BOSS))
    with pytest.raises(NotUnderstood):
        await play.source(exception_organizer="boss@example.com").read_window(ANNA, DAY)


async def test_one_item_that_spoils_the_answer_for_all_is_searched_for_in_halves() -> None:
    items = [item(str(number), **TENTATIVE) for number in range(8)]
    spoilt = Answer(500, fault("ErrorCorruptData"))
    # The one with the number 5 of 0 to 7 is asked for with: all, the second half, 4 and 5, itself.
    answers = (spoilt, organized(*[BOSS] * 4), spoilt, spoilt, organized(BOSS, BOSS), organized(BOSS), spoilt)
    play = Playbook(found(*items), *answers)
    appointments = await play.source(exception_organizer="boss@example.com").read_window(ANNA, DAY)
    unknown = [number for number, each in enumerate(appointments) if each.oddities]
    assert unknown == [5]
    assert {each.organizer for number, each in enumerate(appointments) if number != 5} == {"boss@example.com"}


async def test_url_is_discovered_once_for_all_that_wait_for_it() -> None:
    play = Playbook(Answer(200, soap(external=URL)), *[resolved(("anna@example.com", "Mailbox"))] * 20)
    source = play.source(ews_url=None)
    assert await asyncio.gather(*(source.resolve(["anna@example.com"]) for _ in range(20))) == [ANNA] * 20


async def test_failed_discovery_fails_all_that_waited_once_and_the_next_one_tries_anew() -> None:
    class Slow(PlayedHttp):
        async def post(
            self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
        ) -> Answer:
            await asyncio.sleep(0)
            return await super().post(url, body, headers)

    play = Playbook(*[Answer(404)] * 6, Answer(200, soap(external=URL)), resolved(("anna@example.com", "Mailbox")))
    play.http = Slow(play.http.play)
    source = play.source(ews_url=None)
    waiting = [source.resolve(["anna@example.com"]) for _ in range(20)]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AutodiscoverFailed}
    assert len(play.http.requests) == 6
    assert await source.resolve(["anna@example.com"]) == ANNA


async def test_user_unknown_to_autodiscover_does_not_stand_in_the_way_of_the_others() -> None:
    def play(request: Request) -> Answer:
        if "anna@" not in request.body:
            return Answer(200, soap("InvalidUser")) if request.url.endswith(".svc") else Answer(404)
        return Answer(200, soap(external=URL) if request.url != URL else resolved(("anna@example.com", "Mailbox")))

    book = Playbook()
    book.http = PlayedHttp(play)
    source = book.source(ews_url=None)
    nobody, anna = await asyncio.gather(
        source.resolve(["nobody@example.com"]), source.resolve(["anna@example.com"]), return_exceptions=True
    )
    assert isinstance(nobody, MailboxNotFound)
    assert anna == ANNA


async def test_cancelled_discovery_leaves_it_to_the_next_that_waits() -> None:
    class StuckOnce(PlayedHttp):
        async def post(
            self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None
        ) -> Answer:
            if not self.requests:
                self.requests.append(Request(url, "", headers))
                await asyncio.Event().wait()
            return await super().post(url, body, headers)

    play = Playbook(Answer(200, soap(external=URL)), resolved(("anna@example.com", "Mailbox")))
    play.http = StuckOnce(play.http.play)
    source = play.source(ews_url=None)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(source.resolve(["anna@example.com"]))
        second = group.create_task(source.resolve(["anna@example.com"]))
        await quiescence()
        first.cancel()
    assert second.result() == ANNA


async def test_url_is_discovered_again_when_it_may_have_changed() -> None:
    new = "https://new.example.com/EWS/Exchange.asmx"
    answer = resolved(("anna@example.com", "Mailbox"))
    down = ExchangeUnreachable("down")
    play = Playbook(Answer(200, soap(external=URL)), answer, down, Answer(200, soap(external=new)), answer)
    source = play.source(ews_url=None)
    mailbox = await source.resolve(["anna@example.com"])
    with pytest.raises(ExchangeFailure):
        await source.read_window(mailbox, DAY)
    assert await source.resolve(["anna@example.com"]) == Mailbox("anna@example.com", new)


async def test_a_mailbox_that_moves_has_no_other_one_looked_for() -> None:
    moving = Answer(500, fault("ErrorMailboxMoveInProgress"))
    answer = resolved(("anna@example.com", "Mailbox"))
    play = Playbook(Answer(200, soap(external=URL)), answer, moving, found())
    source = play.source(ews_url=None)
    mailbox = await source.resolve(["anna@example.com"])
    with pytest.raises(MailboxMoved):
        await source.read_window(mailbox, DAY)
    assert await source.read_window(Mailbox("bert@example.com", URL), DAY) == ()
    assert len(play.http.requests) == 4


async def test_mailboxes_found_before_follow_each_to_its_new_url() -> None:
    new, own = ("https://new.example.com/EWS/Exchange.asmx", "https://own.example.com/EWS/Exchange.asmx")
    replies = (Answer(200, soap(external=URL)), resolved(("anna@example.com", "Mailbox")), ExchangeUnreachable("down"))
    play = Playbook(*replies, Answer(200, soap(external=own)), Answer(200, soap(external=new)), found())
    source = play.source(ews_url=None)
    mailbox = await source.resolve(["anna@example.com"])
    with pytest.raises(ExchangeUnreachable):
        await source.read_window(mailbox, DAY)
    assert await source.read_window(mailbox, DAY) == ()
    assert play.http.requests[-1].url == new


async def test_mailbox_that_is_not_at_the_configured_url_needs_another_setting() -> None:
    elsewhere, moving = (Answer(500, fault(code)) for code in ("ErrorCrossSiteRequest", "ErrorMailboxMoveInProgress"))
    source = Playbook(elsewhere, elsewhere, moving).source()
    for ask in (source.read_window(ANNA, DAY), source.watch(ANNA)):
        with pytest.raises(MailboxAtAnotherUrl) as raised:
            await ask
        assert "exchange.ews_url" in raised.value.remedy
    with pytest.raises(MailboxMoved) as moved:
        await source.read_window(ANNA, DAY)
    assert not isinstance(moved.value, MailboxAtAnotherUrl)


async def test_configured_url_is_never_discovered() -> None:
    play = Playbook(ExchangeUnreachable("down"), resolved(("anna@example.com", "Mailbox")))
    source = play.source()
    with pytest.raises(ExchangeUnreachable):
        await source.read_window(ANNA, DAY)
    assert await source.resolve(["anna@example.com"]) == ANNA


async def test_closing_closes_the_connections() -> None:
    play = Playbook()
    await play.source().close()
    assert play.http.closed
