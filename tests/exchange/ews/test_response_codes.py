"""The table of response codes, printed, and its invariants."""

from pathlib import Path

import pytest
from lxml import etree
from pytest_snapshot.plugin import Snapshot

from engine.core.errors import Fault, Scope
from engine.exchange.errors import (
    EwsForbidden,
    ImpersonationDenied,
    ImpersonationRightMissing,
    LoginRefused,
    MailboxNotFound,
    MailboxTrouble,
    ServiceMailboxMissing,
)
from engine.exchange.ews.client import EwsResponse
from engine.exchange.ews.response_codes import MEANINGS, TABLE, meaning_of
from engine.exchange.ews.soap import Impersonation
from engine.exchange.narration import in_short
from tests.exchange.ews.schema import SCHEMAS
from tests.exchange.ews.wire import Answer, fault

XSD = "{http://www.w3.org/2001/XMLSchema}"


def test_table_of_codes(snapshot: Snapshot) -> None:
    lines = [f"{code:<50} {failure().slug:<28} {in_short(failure)}\n" for code, failure in MEANINGS.items()]
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match("".join(lines), "codes.txt")


def codes_of_the_schema() -> list[str]:
    schema = etree.parse(str(SCHEMAS / "messages.xsd"))
    [kind] = schema.iterfind(f"{XSD}simpleType[@name='ResponseCodeType']")
    return [entry.get("value", "") for entry in kind.iter(f"{XSD}enumeration")]


def test_every_code_of_the_schema_has_a_row_and_there_is_no_other() -> None:
    known = codes_of_the_schema()
    assert len(known) > 400
    assert set(MEANINGS) == set(known) - {"NoError"}


def test_no_code_stands_in_two_rows() -> None:
    listed = [code for _, codes in TABLE for code in codes]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("code", ["ErrorCannotFindUser", "ErrorNonExistentMailbox", "ErrorMailRecipientNotFound"])
def test_unknown_mailbox_is_not_found_by_whatever_name(code: str) -> None:
    assert meaning_of(code, of_a_mailbox=True) is MailboxNotFound


def test_trouble_of_one_mailbox_never_stops_the_service() -> None:
    for code in (
        "ErrorImpersonateUserDenied",
        "ErrorNonExistentMailbox",
        "ErrorFolderNotFound",
        "ErrorMailboxFailover",
    ):
        assert MEANINGS[code].scope is Scope.USER


def test_missing_right_is_told_apart_from_a_mailbox_out_of_scope() -> None:
    assert MEANINGS["ErrorImpersonateUserDenied"] is ImpersonationDenied
    assert MEANINGS["ErrorImpersonationDenied"] is ImpersonationRightMissing
    assert ImpersonationRightMissing.fault is Fault.PERMISSION


def test_without_impersonation_the_service_account_is_meant() -> None:
    assert meaning_of("ErrorNonExistentMailbox", of_a_mailbox=True) is MailboxNotFound
    assert meaning_of("ErrorNonExistentMailbox", of_a_mailbox=False) is ServiceMailboxMissing
    assert meaning_of("ErrorAccountDisabled", of_a_mailbox=True) is MailboxNotFound
    assert meaning_of("ErrorAccountDisabled", of_a_mailbox=False) is LoginRefused
    assert meaning_of("ErrorAccessDenied", of_a_mailbox=False) is EwsForbidden


def test_unknown_code_may_pass_by_itself_and_is_named() -> None:
    answer = Answer(500, fault("ErrorOfTheFuture"))
    with pytest.raises(MailboxTrouble, match="ErrorOfTheFuture"):
        EwsResponse(answer, Impersonation("anna@example.com"))
    assert meaning_of("ErrorOfTheFuture", of_a_mailbox=True) is MailboxTrouble
