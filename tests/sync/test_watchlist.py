"""Tests of the index of participants by mailbox."""

import pytest

from engine.exchange.source import Mailbox
from engine.sync.participants import MailboxIndex

URL = "https://mail.example.com/EWS/Exchange.asmx"
ANNA, BERT = Mailbox("anna@example.com", URL), Mailbox("bert@example.com", URL)


@pytest.fixture
def unwatched() -> list[Mailbox]:
    return []


@pytest.fixture
def watchlist(unwatched: list[Mailbox]) -> MailboxIndex:
    return MailboxIndex(unwatched.append)


def test_two_users_may_share_a_mailbox(watchlist: MailboxIndex, unwatched: list[Mailbox]) -> None:
    watchlist.put("one", ANNA)
    watchlist.put("two", ANNA)
    assert set(watchlist.guids("Anna@Example.com")) == {"one", "two"}
    watchlist.remove("one")
    assert set(watchlist.guids("anna@example.com")) == {"two"}
    assert unwatched == []
    watchlist.remove("two")
    watchlist.remove("two")
    assert unwatched == [ANNA]
    assert watchlist.guids("anna@example.com") == ()


def test_who_has_another_mailbox_leaves_the_first(watchlist: MailboxIndex, unwatched: list[Mailbox]) -> None:
    watchlist.put("one", ANNA)
    watchlist.put("one", BERT)
    assert unwatched == [ANNA]
    assert watchlist.guids("anna@example.com") == ()
    assert set(watchlist.guids("bert@example.com")) == {"one"}


def test_a_mailbox_on_another_server_is_the_same(watchlist: MailboxIndex, unwatched: list[Mailbox]) -> None:
    watchlist.put("one", ANNA)
    moved = Mailbox(ANNA.address, "https://branch.example.com/EWS/Exchange.asmx")
    watchlist.put("one", moved)
    assert unwatched == []
    watchlist.remove("one")
    assert unwatched == [moved]
