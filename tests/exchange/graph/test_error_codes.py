"""The table of errors of Graph, printed, and what it makes of the documented answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_snapshot.plugin import Snapshot

from engine.core.errors import Fault, Scope
from engine.exchange import errors as exchange
from engine.exchange.errors import ExchangeFailure
from engine.exchange.graph import errors as graph
from engine.exchange.graph.batch import GraphAnswer
from engine.exchange.graph.error_codes import TABLE, error_in, failure_of, meaning_of
from engine.exchange.narration import in_short
from tests.exchange.graph.wire import BODIES, error
from tests.support.graph_schema import error_samples

DENIED = "Access is denied. Check credentials and try again."


def test_table_of_codes(snapshot: Snapshot) -> None:
    lines = [
        f"{entry if isinstance(entry, str) else ' '.join(entry):<50} {failure().slug:<28} {in_short(failure)}\n"
        for failure, entries in TABLE
        for entry in entries
    ]
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match("".join(lines), "codes.txt")


def test_no_code_stands_in_two_rows() -> None:
    listed = [str(entry).casefold() for _, entries in TABLE for entry in entries]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("error-401-no-exchange", graph.TenantWithoutExchange),
        ("error-401-token", graph.GraphTokenRefused),
        ("error-403-access", graph.GraphAccessDenied),
        ("error-403-directory", graph.DirectoryNotReadable),
        ("error-403-policy", graph.AccessPolicyExcludes),
        ("error-404-directory", exchange.MailboxNotFound),
        ("error-404-mailbox", graph.MailboxNotOnline),
        ("error-404-user", exchange.MailboxNotFound),
        ("error-429-mailbox", exchange.MailboxBusy),
        ("error-503", graph.ExchangeOnlineTrouble),
    ],
)
def test_documented_errors(name: str, failure: type[ExchangeFailure]) -> None:
    status = int(name.split("-")[1])
    assert type(failure_of(GraphAnswer(status, {}, json.dumps(error_samples()[name]).encode()), "anna")) is failure


@pytest.mark.parametrize(
    ("status", "code", "message", "failure"),
    [
        (403, "errorACCESSdenied", DENIED, graph.GraphAccessDenied),
        (403, "ErrorAccessDenied", "Access to OData is disabled.", graph.UserAgentBlocked),
        (404, "ResourceNotFound", "Resource could not be discovered.", graph.MailboxNotOnline),
        (400, "ErrorInvalidIdMalformed", "", exchange.RequestRejected),
        (400, "CodeOfTheFuture", "", exchange.RequestRejected),
        (401, "UnknownError", "", graph.GraphPermissionMissing),
        (403, "", "", graph.GraphAccessDenied),
        (404, "CodeOfTheFuture", "", exchange.MailboxTrouble),
        (429, "UnknownError", "", exchange.MailboxBusy),
        (429, "", "", exchange.MailboxBusy),
        (500, "ErrorMailboxMoveInProgress", "", exchange.MailboxMoved),
        (502, "", "", graph.ExchangeOnlineTrouble),
        (504, "UnknownError", "", graph.ExchangeOnlineTrouble),
        (507, "UnknownError", "", graph.MailboxFull),
    ],
)
def test_code_message_and_status(status: int, code: str, message: str, failure: type[ExchangeFailure]) -> None:
    assert meaning_of(status, error_in(error(code, message))) is failure


def test_the_most_exact_code_that_is_known_counts() -> None:
    exact = error("UnknownError", inner={"code": "Strange", "innerError": {"code": "ErrorQuotaExceeded"}})
    assert meaning_of(503, error_in(exact)) is graph.MailboxFull
    vague = error("ErrorQuotaExceeded", inner={"code": "Strange", "request-id": "4f2a"})
    failure = failure_of(GraphAnswer(503, {}, vague), "anna@example.com")
    assert isinstance(failure, graph.MailboxFull)
    assert failure.detail == "anna@example.com: HTTP 503 Strange (request 4f2a)"


@pytest.mark.parametrize(
    ("status", "of_one", "of_everybody"),
    [
        (429, exchange.MailboxBusy, exchange.ExchangeBusy),
        (503, graph.ExchangeOnlineTrouble, exchange.ExchangeBusy),
        (403, graph.GraphAccessDenied, graph.GraphPermissionMissing),
        (504, graph.ExchangeOnlineTrouble, graph.ExchangeOnlineTrouble),
    ],
)
def test_a_batch_fails_for_everybody(
    status: int, of_one: type[ExchangeFailure], of_everybody: type[ExchangeFailure]
) -> None:
    assert meaning_of(status, None) is of_one
    assert meaning_of(status, None, of_a_mailbox=False) is of_everybody


def test_everybody_is_denied_by_what_one_is_denied_by() -> None:
    assert graph.GraphAccessDenied.scope is Scope.USER
    assert graph.GraphPermissionMissing.scope is Scope.SERVICE
    assert graph.GraphPermissionMissing.fault is Fault.PERMISSION


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_web_page_of_something_in_between_denies_nothing(status: int) -> None:
    answer = GraphAnswer(status, {"content-type": "text/html"}, b"<html><body>Blocked by the firewall</body></html>")
    assert isinstance(failure_of(answer, "anna"), exchange.NotUnderstood)


@pytest.mark.parametrize("status", [204, 302, 404, 451])
def test_what_is_not_from_graph_is_not_understood(status: int) -> None:
    assert isinstance(failure_of(GraphAnswer(status), "anna"), exchange.NotUnderstood)


def test_the_pause_that_graph_asks_for() -> None:
    body = error("ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
    assert failure_of(GraphAnswer(429, {"retry-after": "7"}, body), "anna").retry_after == 7
    assert failure_of(GraphAnswer(429, {}, body), "anna").retry_after is None
    assert failure_of(GraphAnswer(403, {"retry-after": "7"}, error("ErrorAccessDenied")), "anna").retry_after is None


def test_no_message_of_graph_is_quoted() -> None:
    answer = GraphAnswer(404, {}, error("ErrorInvalidUser", "The requested user 'carl@example.com' is invalid."))
    assert "carl" not in str(failure_of(answer, "anna@example.com"))


@pytest.mark.slow
@given(st.integers(300, 599), BODIES, st.booleans())
def test_whatever_comes_is_a_named_failure(status: int, body: bytes, of_a_mailbox: bool) -> None:
    failure = failure_of(GraphAnswer(status, {}, body), "anna", of_a_mailbox=of_a_mailbox)
    assert failure.detail.isprintable()


@pytest.mark.parametrize(
    "inner", [None, 5, "x", [], {"innerError": {"innerError": {"innerError": {"innerError": {}}}}}]
)
def test_inner_errors_of_any_shape(inner: Any) -> None:
    assert error_in(error("ErrorInvalidUser", inner=inner)) is not None
