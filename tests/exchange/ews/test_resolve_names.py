import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.addresses import same_address
from engine.exchange.errors import MailboxNotFound
from engine.exchange.ews.resolve_names import Offer, Resolution, offer, proved_owner
from engine.exchange.ews.soap import response_messages
from tests.exchange.ews.schema import violations
from tests.exchange.ews.wire import resolved

ANN = Resolution("ann@example.com", "Mailbox")
LISTED = ("SMTP:ann@example.com", "smtp:A.Berg@Example.com", "sip:ann@sip.example.com")


def offered(body: bytes) -> Offer:
    return offer(response_messages(body)[0].element)


def test_answers_of_these_tests_are_valid_by_the_schema() -> None:
    assert violations(resolved(("ann@example.com", "Mailbox"), listed=LISTED)) == []
    assert violations(resolved(("ann@example.com", "Mailbox"), ("sales@example.com", "PublicDL"))) == []
    assert violations(resolved()) == []


def test_entries_are_read_with_what_they_are() -> None:
    entries = offered(resolved(("ann@example.com", "Mailbox"), ("sales@example.com", "PublicDL"))).entries
    assert entries == (ANN, Resolution("sales@example.com", "PublicDL"))


def test_addresses_that_are_listed_are_read_without_those_that_are_no_mail_addresses() -> None:
    kinds = ("X500:/o=Example/cn=ann", "EUM:4711;phone-context=x", "sip:ann@example.com")
    assert offered(resolved(("ann@example.com", "Mailbox"), listed=LISTED)).entries[0].listed == (
        "ann@example.com",
        "A.Berg@Example.com",
    )
    assert offered(resolved(("ann@example.com", "Mailbox"), listed=kinds)).entries == (ANN,)
    assert offered(resolved(("ann@example.com", "Mailbox"), listed=("berg@example.com",))).entries[0].listed == (
        "berg@example.com",
    )


def test_list_that_was_cut_off_is_not_complete() -> None:
    assert offered(resolved(("ann@example.com", "Mailbox"))).complete
    assert not offered(resolved(("ann@example.com", "Mailbox"), complete=False)).complete


def test_entry_without_an_smtp_address_is_left_out() -> None:
    assert offered(resolved(("/o=Example/cn=ann", "Mailbox")).replace(b">SMTP<", b">EX<")).entries == ()


def test_entry_that_does_not_say_what_it_is_counts_as_a_mailbox() -> None:
    body = resolved(("ann@example.com", "Mailbox")).replace(b"<t:MailboxType>Mailbox</t:MailboxType>", b"")
    assert offered(body).entries == (ANN,)


def test_contact_that_somebody_keeps_proves_nothing() -> None:
    source = b"</t:EmailAddresses><t:ContactSource>Store</t:ContactSource>"
    body = resolved(("ann@example.com", "Mailbox"), listed=LISTED).replace(b"</t:EmailAddresses>", source)
    assert offered(body).entries == (Resolution("ann@example.com", "Contact"),)


@pytest.mark.parametrize("asked", ["a.berg@example.com", "A.BERG@EXAMPLE.COM", "a.berg@example.com."])
def test_secondary_address_leads_to_the_primary_one_where_it_is_listed(asked: str) -> None:
    assert proved_owner(asked, offered(resolved(("ann@example.com", "Mailbox"), listed=LISTED)).entries) == ANN.address


@pytest.mark.parametrize(
    "asked",
    [
        "a.berg@example.co",
        "berg@example.com",
        "a.berg+calls@example.com",
        '"a.berg"@example.com',
        "a.berg@mail.example.com",
        "ann@sip.example.com",
        "nn@example.com",
    ],
)
def test_address_that_is_merely_like_it_proves_nothing(asked: str) -> None:
    entries = offered(resolved(("ann@example.com", "Mailbox"), listed=LISTED)).entries
    assert proved_owner(asked, entries) is None


def test_exact_address_wins_among_several_regardless_of_case() -> None:
    others = [
        Resolution("ann@example.com.au", "Mailbox"),
        ANN,
        Resolution("bob@example.com", "Mailbox", (ANN.address,)),
    ]
    assert proved_owner("Ann@Example.com", others) == "ann@example.com"


@pytest.mark.parametrize(
    "kind", ["PublicDL", "PrivateDL", "Contact", "PublicFolder", "GroupMailbox", "OneOff", "Unknown"]
)
def test_only_a_mailbox_is_a_mailbox(kind: str) -> None:
    entry = Resolution("ann@example.com", kind, ("a.berg@example.com",))
    for asked in ("ann@example.com", "a.berg@example.com"):
        with pytest.raises(MailboxNotFound, match=kind):
            proved_owner(asked, [entry])
    assert proved_owner("a.berg@example.com", [entry, Resolution("x@example.com", "Mailbox", entry.listed)])


def test_address_that_two_mailboxes_claim_is_nobodys() -> None:
    claim = ("a@example.com",)
    with pytest.raises(MailboxNotFound, match="2 mailboxes"):
        proved_owner(
            "a@example.com",
            [Resolution("ann@example.com", "Mailbox", claim), Resolution("bob@example.com", "Mailbox", claim)],
        )


@given(st.text(st.sampled_from("aAßſKk.@x\u212a"), max_size=8), st.text(st.sampled_from("aAßſKk.@x\u212a"), max_size=8))
def test_what_unicode_finds_alike_is_another_address(one: str, other: str) -> None:
    if same_address(one, other):
        assert one.isascii()
        assert one.upper().rstrip(".") == other.upper().rstrip(".")
