"""The search for a mailbox in two halves, whatever they answer and in whatever order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.errors import ImpersonationDenied, MailboxNotFound, MailboxOutOfReach
from engine.exchange.graph.errors import GraphAccessDenied, MailboxNotOnline
from engine.exchange.source import Mailbox
from engine.sync.events import EXCHANGES, Side
from engine.sync.search import Search

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ANSWERS = (MailboxNotFound, MailboxNotOnline, MailboxOutOfReach, ImpersonationDenied, GraphAccessDenied)
REFUSALS = (ImpersonationDenied, GraphAccessDenied)


@given(st.lists(st.tuples(st.sampled_from(EXCHANGES), st.sampled_from(ANSWERS)), max_size=20), st.integers(0, 4))
def test_it_ends_when_both_have_answered_and_not_before(answers: list[tuple[Side, type]], number: int) -> None:
    candidates = tuple(f"user{each}@corp.example" for each in range(number))
    search = Search(candidates, NOW)
    for side, kind in answers:
        if search.denied[side] >= max(1, number):
            continue
        assert search.is_turn_of(side) == (search.denied[side] == min(search.denied.values()))
        assert search.address(side) == candidates[search.denied[side] : search.denied[side] + 1]
        search.deny(side, kind(), was_found=False)
        both = min(search.denied.values())
        refused = [each for each in search.denials if isinstance(each.failure, REFUSALS) and each.address < both]
        assert search.is_over == (both >= number or bool(refused))
        assert search.may_go_on(side) == (
            search.denied[side] < number
            and not any(each.side is side and isinstance(each.failure, REFUSALS) for each in search.denials)
        )
        if search.is_over:
            place, failure = search.result(Side.EXCHANGE)
            assert isinstance(failure, REFUSALS) or (place is Side.EXCHANGE and isinstance(failure, MailboxNotFound))
            break


def test_after_a_mailbox_was_lost_the_other_half_is_asked_from_the_first_address_on() -> None:
    search = Search.after(Mailbox("b@x", "https://own", found_by="b@x"), Side.EXCHANGE, ("a@x", "b@x", "c@x"), NOW)
    search.deny(Side.EXCHANGE, MailboxNotFound(), was_found=True)
    assert search.denied == {Side.EXCHANGE: 2, Side.EXCHANGE_ONLINE: 0}
    assert search.address(Side.EXCHANGE_ONLINE) == ("a@x",)
    assert not search.is_turn_of(Side.EXCHANGE)
    assert search.is_in_doubt
