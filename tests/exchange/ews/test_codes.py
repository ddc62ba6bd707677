"""The table of reactions, printed, and what holds for all of it."""

from pathlib import Path

import pytest
from lxml import etree
from pytest_snapshot.plugin import Snapshot

from engine.core.failures import Fault, Scope
from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.codes import MEANINGS, TABLE, Reaction, meaning_of
from engine.exchange.ews.soap import Impersonation
from engine.exchange.failures import (
    EwsForbidden,
    ImpersonationDenied,
    ImpersonationRightMissing,
    LoginRefused,
    MailboxNotFound,
    MailboxTrouble,
    ServiceMailboxMissing,
)
from tests.exchange.ews.schema import SCHEMAS
from tests.exchange.ews.wire import Answer, fault

XSD = "{http://www.w3.org/2001/XMLSchema}"


def test_table_of_reactions(snapshot: Snapshot) -> None:
    lines = []
    for code, meaning in MEANINGS.items():
        failure = meaning.failure
        lines.append(f"{code:<45} {failure().slug:<28} {failure.scope.value:<20} {meaning.reaction.value}\n")
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match("".join(lines), "reactions.txt")


def codes_of_the_schema() -> list[str]:
    schema = etree.parse(str(SCHEMAS / "messages.xsd"))
    [kind] = schema.iterfind(f"{XSD}simpleType[@name='ResponseCodeType']")
    return [entry.get("value", "") for entry in kind.iter(f"{XSD}enumeration")]


def test_every_code_of_the_schema_has_a_row_and_there_is_no_other() -> None:
    known = codes_of_the_schema()
    assert len(known) > 400
    assert set(MEANINGS) == set(known) - {"NoError"}


def test_no_code_stands_in_two_rows() -> None:
    listed = [code for _, _, codes in TABLE for code in codes]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("code", ["ErrorCannotFindUser", "ErrorNonExistentMailbox", "ErrorMailRecipientNotFound"])
def test_unknown_mailbox_is_not_found_by_whatever_name(code: str) -> None:
    assert meaning_of(code, of_a_mailbox=True).failure is MailboxNotFound


def test_every_reaction_is_used() -> None:
    assert {meaning.reaction for meaning in MEANINGS.values()} == set(Reaction)


def test_trouble_of_one_mailbox_never_stops_the_service() -> None:
    for code in (
        "ErrorImpersonateUserDenied",
        "ErrorNonExistentMailbox",
        "ErrorFolderNotFound",
        "ErrorMailboxFailover",
    ):
        assert MEANINGS[code].failure.scope is Scope.USER


def test_missing_right_is_told_apart_from_a_mailbox_out_of_scope() -> None:
    assert MEANINGS["ErrorImpersonateUserDenied"].failure is ImpersonationDenied
    assert MEANINGS["ErrorImpersonationDenied"].failure is ImpersonationRightMissing
    assert ImpersonationRightMissing.fault is Fault.PERMISSION


def test_without_impersonation_the_service_account_is_meant() -> None:
    assert meaning_of("ErrorNonExistentMailbox", of_a_mailbox=True).failure is MailboxNotFound
    assert meaning_of("ErrorNonExistentMailbox", of_a_mailbox=False).failure is ServiceMailboxMissing
    assert meaning_of("ErrorAccountDisabled", of_a_mailbox=True).failure is MailboxNotFound
    assert meaning_of("ErrorAccountDisabled", of_a_mailbox=False).failure is LoginRefused
    assert meaning_of("ErrorAccessDenied", of_a_mailbox=False).failure is EwsForbidden


def test_unknown_code_may_pass_by_itself_and_is_named() -> None:
    answer = Answer(500, fault("ErrorOfTheFuture"))
    with pytest.raises(MailboxTrouble, match="ErrorOfTheFuture"):
        EwsAnswer(answer, Impersonation("anna@example.com"))
    assert meaning_of("ErrorOfTheFuture", of_a_mailbox=True).failure is MailboxTrouble
