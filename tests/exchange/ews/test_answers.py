"""Every answer becomes response messages or one named failure."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.errors import (
    CalendarNotReadable,
    EwsForbidden,
    EwsSwitchedOff,
    ExchangeBusy,
    ExchangeFailure,
    ImpersonationDenied,
    LoginRefused,
    MailboxBusy,
    MailboxMoved,
    MailboxNotFound,
    MailboxTrouble,
    NotPrimaryAddress,
    NotUnderstood,
    RequestRejected,
    ServiceAccountBusy,
    TooManyAtOnce,
)
from engine.exchange.ews.client import EwsResponse
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import Impersonation
from tests.exchange.ews.wire import Answer, fault, found, item, message, response, value

ANNA = Impersonation("anna@example.com")
ERROR_PAGE = b"<html><head><title>Server Error in '/EWS' Application.</title></head><body>Oops<br></body></html>"


def content_of(answer: Answer, impersonation: Impersonation | None = ANNA) -> Element:
    judged = EwsResponse(answer, impersonation)
    return judged.content(judged.messages[0])


def failure_of(answer: Answer, impersonation: Impersonation | None = ANNA) -> ExchangeFailure:
    with pytest.raises(ExchangeFailure) as raised:
        content_of(answer, impersonation)
    return raised.value


def error(code: str, values: str = "") -> bytes:
    return response("FindItem", message("FindItem", "", code, "Error", values))


def headers(**given: str) -> httpx.Headers:
    return httpx.Headers({name.replace("_", "-"): text for name, text in given.items()})


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("ErrorServerBusy", MailboxBusy),
        ("ErrorTooManyObjectsOpened", TooManyAtOnce),
        ("ErrorMailboxStoreUnavailable", MailboxTrouble),
        ("ErrorMailboxMoveInProgress", MailboxMoved),
        ("ErrorNonExistentMailbox", MailboxNotFound),
        ("ErrorImpersonateUserDenied", ImpersonationDenied),
        ("ErrorAccessDenied", CalendarNotReadable),
        ("ErrorSchemaValidation", RequestRejected),
        ("ErrorOfTheFuture", MailboxTrouble),
    ],
)
def test_code_means_the_same_in_every_shape(code: str, failure: type[ExchangeFailure]) -> None:
    for answer in (Answer(200, error(code)), Answer(200, fault(code)), Answer(500, fault(code))):
        raised = failure_of(answer)
        assert type(raised) is failure
        assert code in raised.detail
        assert "anna@example.com" in raised.detail
        assert "7f0c" in raised.detail


def test_fault_without_detail_goes_by_its_fault_code() -> None:
    body = fault("ErrorServerBusy")
    cut = body[: body.index(b"<detail>")] + body[body.index(b"</detail>") + len(b"</detail>") :]
    assert type(failure_of(Answer(500, cut))) is MailboxBusy


def test_fault_of_the_soap_layer_itself_has_a_name() -> None:
    assert type(failure_of(Answer(500, fault("Client")))) is MailboxTrouble


def test_server_tells_for_how_long_it_is_busy() -> None:
    pause = value("BackOffMilliseconds", "12500")
    assert failure_of(Answer(500, fault("ErrorServerBusy", pause))).retry_after == 12.5
    assert failure_of(Answer(200, error("ErrorServerBusy", pause))).retry_after == 12.5


def test_nonsensical_pause_is_none() -> None:
    for text in ("soon", "-1", "1e400", "", "٣"):
        assert failure_of(Answer(500, fault("ErrorServerBusy", value("BackOffMilliseconds", text)))).retry_after is None


def test_busy_hidden_inside_an_internal_error_is_busy() -> None:
    inner = value("InnerErrorResponseCode", "ErrorServerBusy") + value("BackOffMilliseconds", "1000")
    raised = failure_of(Answer(200, error("ErrorInternalServerError", inner)))
    assert type(raised) is MailboxBusy
    assert raised.retry_after == 1


def test_right_address_is_taken_from_the_answer() -> None:
    raised = failure_of(Answer(500, fault("ErrorNonPrimarySmtpAddress", value("Primary", "a.berg@example.com"))))
    assert isinstance(raised, NotPrimaryAddress)
    assert raised.primary == "a.berg@example.com"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, MailboxTrouble),
        (302, MailboxTrouble),
        (400, NotUnderstood),
        (401, LoginRefused),
        (403, EwsForbidden),
        (404, NotUnderstood),
        (405, NotUnderstood),
        (413, NotUnderstood),
        (429, ExchangeBusy),
        (500, MailboxTrouble),
        (502, MailboxTrouble),
        (503, ExchangeBusy),
        (504, MailboxTrouble),
        (200, NotUnderstood),
        (204, NotUnderstood),
    ],
)
@pytest.mark.parametrize("body", [ERROR_PAGE, b"", b"\xff\xfe\x00garbage", b"<a/>"])
def test_answer_that_is_no_soap_goes_by_its_status(status: int, failure: type[ExchangeFailure], body: bytes) -> None:
    assert type(failure_of(Answer(status, body))) is failure


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_without_soap_tells_the_pause_in_a_header(status: int) -> None:
    assert failure_of(Answer(status, b"", headers(retry_after="30"))).retry_after == 30
    assert failure_of(Answer(status)).retry_after is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Mon, 02 Mar 2026 08:00:40 GMT", 40),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 23:00:00 GMT", 3600),
        ("soon", None),
        ("Mon, 99 Mar 2026 08:00:40 GMT", None),
        ("86400", 3600),
    ],
)
def test_the_pause_may_be_a_date_by_the_servers_clock_and_is_an_hour_at_most(told: str, seconds: float | None) -> None:
    given = headers(retry_after=told, date="Mon, 02 Mar 2026 08:00:00 GMT")
    assert failure_of(Answer(503, b"", given)).retry_after == seconds


def test_a_date_is_nothing_without_the_servers_clock() -> None:
    assert failure_of(Answer(503, b"", headers(retry_after="Mon, 02 Mar 2026 08:00:40 GMT"))).retry_after is None


def test_switched_off_says_why_in_the_words_of_exchange_and_what_to_do() -> None:
    policy = "EWS is disabled for this user or tenant"
    failure = failure_of(Answer(403, b"whatever", headers(x_ews_policy_reason=policy)))
    assert type(failure) is EwsSwitchedOff
    assert policy in failure.detail
    for word in ("EWSEnabled", "EwsAllowedAppIDs", "cloud-graph"):
        assert word in failure.remedy


def test_without_impersonation_the_service_account_is_meant() -> None:
    failure = failure_of(Answer(500, fault("ErrorServerBusy")), None)
    assert type(failure) is ServiceAccountBusy
    assert "the service account" in failure.detail


def test_warning_is_no_failure() -> None:
    body = response("ResolveNames", message("ResolveNames", "", "ErrorNameResolutionMultipleResults", "Warning"))
    assert content_of(Answer(200, body)).get("ResponseClass") == "Warning"


def test_message_without_a_class_goes_by_its_code() -> None:
    assert type(failure_of(Answer(200, error("ErrorAccessDenied").replace(b' ResponseClass="Error"', b"")))) is (
        CalendarNotReadable
    )
    good = EwsResponse(Answer(200, found(item()).replace(b' ResponseClass="Success"', b"")), ANNA)
    assert not good.messages[0].failed


def test_messages_come_out_even_with_http_500() -> None:
    assert len(EwsResponse(Answer(500, found(item())), ANNA).messages) == 1


@given(st.integers(100, 599), st.binary(max_size=200), st.dictionaries(st.just("retry-after"), st.text()))
def test_nothing_raises_anything_but_a_named_failure(status: int, body: bytes, given: dict[str, str]) -> None:
    with pytest.raises(ExchangeFailure) as raised:
        EwsResponse(Answer(status, body, given), ANNA)
    assert raised.type is not ExchangeFailure


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_code_or_value_raises_anything_but_a_named_failure(code: str, text: str) -> None:
    body = fault("CODE", value("BackOffMilliseconds", "TEXT")).decode()
    raised = failure_of(Answer(500, body.replace("CODE", code).replace("TEXT", text).encode()))
    assert isinstance(raised, ExchangeFailure)
