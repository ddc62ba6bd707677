import pytest

from engine.exchange.ews.resolve_names import Resolution, mailbox_address, resolutions
from engine.exchange.ews.soap import response_messages
from engine.exchange.failures import MailboxNotFound
from tests.exchange.ews.schema import violations
from tests.exchange.ews.wire import resolved

ANN = Resolution("ann@example.com", "Mailbox")


def entries(*told: tuple[str, str]) -> list[Resolution]:
    return resolutions(response_messages(resolved(*told))[0].element)


def test_answers_of_these_tests_are_valid_by_the_schema() -> None:
    assert violations(resolved(("ann@example.com", "Mailbox"))) == []
    assert violations(resolved(("ann@example.com", "Mailbox"), ("sales@example.com", "PublicDL"))) == []
    assert violations(resolved()) == []


def test_entries_are_read_with_what_they_are() -> None:
    assert entries(("ann@example.com", "Mailbox"), ("sales@example.com", "PublicDL")) == [
        ANN,
        Resolution("sales@example.com", "PublicDL"),
    ]


def test_entry_without_an_smtp_address_is_left_out() -> None:
    body = resolved(("/o=Example/cn=ann", "Mailbox")).replace(b">SMTP<", b">EX<")
    assert resolutions(response_messages(body)[0].element) == []


def test_entry_that_does_not_say_what_it_is_counts_as_a_mailbox() -> None:
    body = resolved(("ann@example.com", "Mailbox")).replace(b"<t:MailboxType>Mailbox</t:MailboxType>", b"")
    assert resolutions(response_messages(body)[0].element) == [ANN]


def test_secondary_address_leads_to_the_primary_one() -> None:
    assert mailbox_address("a.berg@example.com", [ANN]) == "ann@example.com"


def test_exact_address_wins_among_several_regardless_of_case() -> None:
    others = [Resolution("ann@example.com.au", "Mailbox"), ANN]
    assert mailbox_address("Ann@Example.com", others) == "ann@example.com"


def test_address_that_merely_begins_alike_is_somebody_else() -> None:
    with pytest.raises(MailboxNotFound):
        mailbox_address("ann@example.co", [ANN])


@pytest.mark.parametrize(
    "kind", ["PublicDL", "PrivateDL", "Contact", "PublicFolder", "GroupMailbox", "OneOff", "Unknown"]
)
def test_only_a_mailbox_is_a_mailbox(kind: str) -> None:
    with pytest.raises(MailboxNotFound, match=kind):
        mailbox_address("ann@example.com", [Resolution("ann@example.com", kind)])
    with pytest.raises(MailboxNotFound, match=kind):
        mailbox_address("a.berg@example.com", [Resolution("ann@example.com", kind)])


def test_ambiguous_address_is_nobodys() -> None:
    with pytest.raises(MailboxNotFound, match="2 mailboxes"):
        mailbox_address("a@example.com", [ANN, Resolution("bob@example.com", "Mailbox")])


def test_unknown_address_is_nobodys() -> None:
    with pytest.raises(MailboxNotFound, match="not in the directory"):
        mailbox_address("ann@example.com", [])
