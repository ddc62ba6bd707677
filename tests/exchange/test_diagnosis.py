"""Every known error has a meaning, a cause and a remedy, from the table that decides the reaction."""

import pytest

from engine.exchange.diagnosis import Diagnosed, ServiceAccount, diagnose, known_codes, stranger_in
from engine.exchange.errors import (
    EwsForbidden,
    EwsSwitchedOff,
    ExchangeBusy,
    ExchangeFailure,
    LoginPage,
    LoginRefused,
    MailboxBusy,
    MailboxNotFound,
    ServiceAccountBusy,
)
from engine.exchange.ews.response_codes import MEANINGS, meaning_of
from engine.exchange.graph import errors as graph
from engine.exchange.impersonation import grant
from engine.exchange.narration import Task, narrated

ACCOUNT = ServiceAccount("svc-calendar@corp.example")
MAILBOX = "anna@corp.example"


def of(**seen: object) -> tuple[Diagnosed, ...]:
    usual: dict[str, object] = {"operation": "FindItem", "status": 200, "codes": (), "failure": "", "mailbox": MAILBOX}
    return diagnose(ACCOUNT, **(usual | seen))  # type: ignore[arg-type]


@pytest.mark.parametrize("mailbox", [MAILBOX, ""])
def test_every_code_is_explained_by_the_tables_that_decide(mailbox: str) -> None:
    for code in known_codes():
        [found] = of(codes=("NoError", code), mailbox=mailbox)
        assert found.failure is meaning_of(code, of_a_mailbox=bool(mailbox))
        assert found.cause
        assert found.reaction == narrated(found.failure)
        assert found.failure.remedy
        assert "{mailbox}" not in found.command
        assert "{account}" not in found.command


def all_failures(kind: type[ExchangeFailure] = ExchangeFailure) -> list[type[ExchangeFailure]]:
    return [each for child in kind.__subclasses__() for each in (child, *all_failures(child))]


@pytest.mark.parametrize("slug", sorted({kind().slug for kind in all_failures()}))
def test_every_failure_is_known_by_its_name(slug: str) -> None:
    [found] = of(status=None, failure=slug)
    assert found.failure().slug == slug


@pytest.mark.parametrize(
    ("seen", "failure"),
    [
        ({"status": 401}, LoginRefused),
        ({"status": 403}, EwsForbidden),
        ({"status": 403, "by_policy": True}, EwsSwitchedOff),
        ({"status": 503}, ExchangeBusy),
        ({"codes": ("ErrorServerBusy",), "mailbox": ""}, ServiceAccountBusy),
        ({"operation": "GetUserSettings", "codes": ("InvalidUser",)}, MailboxNotFound),
    ],
)
def test_meaning(seen: dict[str, object], failure: type[ExchangeFailure]) -> None:
    [found] = of(**seen)
    assert found.failure is failure


@pytest.mark.parametrize("kind", [each for each in all_failures() if each.__module__ == graph.__name__])
def test_every_failure_of_graph_has_a_cause(kind: type[ExchangeFailure]) -> None:
    [found] = of(operation="calendarView", status=None, failure=kind().slug)
    assert found.cause
    assert not [each for each in ("{mailbox}", "{account}") if each in found.command]


@pytest.mark.parametrize(
    ("seen", "code", "failure"),
    [
        ({"status": 403, "codes": ("ErrorAccessDenied",)}, "ErrorAccessDenied", graph.GraphAccessDenied),
        ({"status": 403, "codes": ("x", "ErrorAccessDenied")}, "ErrorAccessDenied", graph.GraphAccessDenied),
        ({"status": 401, "operation": "batch", "mailbox": ""}, "HTTP 401", graph.GraphPermissionMissing),
        ({"status": 429, "codes": ("ApplicationThrottled",)}, "ApplicationThrottled", MailboxBusy),
        ({"operation": "getSchedule", "codes": ("5009",)}, "5009", MailboxNotFound),
    ],
)
def test_meaning_of_what_graph_answers(seen: dict[str, object], code: str, failure: type[ExchangeFailure]) -> None:
    [found] = of(**({"operation": "calendarView"} | seen))
    assert (found.code, found.failure) == (code, failure)


def test_what_is_fine_needs_no_diagnosis() -> None:
    assert of(codes=("NoError",)) == of() == ()


def test_errors_of_the_authority() -> None:
    [found] = of(operation="Token", status=401, codes=("AADSTS7000222", "invalid_client"), mailbox="")
    assert found.failure().slug == "client-secret-expired"


def test_the_command_grants_impersonation_to_the_account() -> None:
    [found] = of(codes=("ErrorImpersonationDenied",))
    assert found.command == grant("'svc-calendar@corp.example'")
    [found] = of(codes=("ErrorImpersonateUserDenied",))
    assert found.command.startswith(grant("'svc-calendar@corp.example'"))
    assert MAILBOX in found.command


def test_the_command_is_scoped_and_may_be_typed_again() -> None:
    """Nothing is made that was not looked for before, and nothing without a scope."""
    command = grant("'svc'")
    for made in ("ManagementScope", "ManagementRoleAssignment"):
        assert command.index(f"Get-{made}") < command.index(f"New-{made}")
        assert command.count(f"New-{made}") == 1
    assert command.count("-CustomRecipientWriteScope 'calendar-engine'") == 2
    assert "-RecipientRestrictionFilter" in command
    assert "\n" not in command
    assert command.count("{") == command.count("}")


@pytest.mark.parametrize("code", ["500", "404"])
def test_address_unknown_to_plain_old_autodiscover_is_diagnosed_as_such(code: str) -> None:
    [found] = of(operation="Autodiscover", codes=(code,))
    assert found.failure is MailboxNotFound


@pytest.mark.parametrize("evil", ["a'; Remove-Mailbox *; '", "$(whoami)@x", "a\u2019b", "a b", ""])
def test_no_address_puts_anything_else_into_a_command(evil: str) -> None:
    [found] = diagnose(
        ACCOUNT, operation="FindItem", status=200, codes=("ErrorAccessDenied",), failure="", mailbox=evil or "x y"
    )
    assert found.command == "Get-MailboxFolderStatistics -Identity 'MAILBOX' -FolderScope Calendar"


def test_every_meaning_of_the_table_is_reachable() -> None:
    assert set(known_codes()) == set(MEANINGS)


@pytest.mark.parametrize("status", [302, 440, 200])
def test_a_log_in_page_is_named_with_where_it_leads_to(status: int) -> None:
    headers = {"location": "https://adfs.corp.example/adfs/ls/?wctx=s3cr3t"}
    page = b"<html><form action='https://adfs.corp.example/adfs/ls/?s3cr3t'></form></html>"
    stranger = stranger_in(status, headers, page)
    [found] = of(status=status, failure=LoginPage().slug, stranger=stranger)
    assert found.failure is LoginPage
    assert "to https://adfs.corp.example/adfs/ls/" in found.code
    assert "s3cr3t" not in found.code
    [found] = of(status=status, failure=LoginPage().slug)
    assert found.code == f"HTTP {status}"


@pytest.mark.parametrize(("operation", "task"), [("Subscribe", Task.SUBSCRIBE), ("GetStreamingEvents", Task.LISTEN)])
def test_what_is_done_depends_on_what_was_being_done(operation: str, task: Task) -> None:
    [found] = of(operation=operation, codes=("ErrorExceededSubscriptionCount",))
    assert found.reaction == narrated(found.failure, task) != narrated(found.failure)
