"""Tests of the grouping of mailboxes by connection."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.ews.streaming.groups import MOST_GROUPS, SMALL_FOR, ServerLocation, SubscriptionGroups

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PLACES = [
    ServerLocation("https://one/", "A"),
    ServerLocation("https://one/", "B"),
    ServerLocation("https://two/", "A"),
    ServerLocation("https://two/", ""),
]
addresses = st.integers(0, 60).map("user{:02}@example.com".format)
moves = st.tuples(addresses, st.sampled_from([*PLACES, None]))


@pytest.mark.slow
@given(st.integers(1, 8), st.lists(moves))
def test_groups_never_mix_places_nor_grow_too_large(limit: int, steps: list[tuple[str, ServerLocation | None]]) -> None:
    groups = SubscriptionGroups(limit)
    at: dict[str, ServerLocation] = {}
    for address, place in steps:
        groups.remove(address)
        at.pop(address, None)
        if place is not None:
            groups.add(address, place, NOW)
            at[address] = place
    assert {address for group in groups for address in group.members} == set(at)
    for group in groups:
        assert 1 <= len(group.members) <= limit
        assert group.anchor in group.members
        assert all(at[address] == group.place for address in group.members)
        assert all(groups.group_of(address) is group for address in group.members)


def test_the_founder_is_the_anchor_and_the_first_by_address_takes_its_place() -> None:
    groups = SubscriptionGroups(3)
    for name in ("clara", "bert", "anna"):
        group = groups.add(f"{name}@example.com", PLACES[0], NOW)
    assert group is not None
    assert group.anchor == "clara@example.com"
    groups.remove("clara@example.com")
    assert group.anchor == "anna@example.com"


def test_a_subscription_leaves_with_its_mailbox() -> None:
    groups = SubscriptionGroups(3)
    group = groups.add("anna@example.com", PLACES[0], NOW)
    assert group is not None
    group.subscriptions["anna@example.com"] = "one"
    group.fresh.add("one")
    assert group.address_of("one") == "anna@example.com"
    assert groups.remove("anna@example.com") == "one"
    assert group.address_of("one") is None
    assert group.fresh == set()
    assert len(groups) == 0
    assert groups.remove("anna@example.com") is None


def test_groups_that_are_refused_get_smaller_for_a_while_and_only_there() -> None:
    groups = SubscriptionGroups(200)
    sizes = []
    for size in (200, 200, 20, 2):
        groups.reduce(PLACES[0], size, NOW)
        sizes.append(groups.limit(PLACES[0], NOW))
    assert sizes == [20, 20, 2, 1]
    assert groups.limit(PLACES[1], NOW) == 200
    assert groups.limit(PLACES[0], NOW + SMALL_FOR) == 200


def test_the_number_of_connections_has_a_limit() -> None:
    groups = SubscriptionGroups(1)
    found = [groups.add(f"user{n}@example.com", PLACES[0], NOW) for n in range(MOST_GROUPS + 1)]
    assert found[-1] is None
    assert len(groups) == MOST_GROUPS
    groups.remove("user0@example.com")
    assert groups.add("another@example.com", PLACES[0], NOW + timedelta(seconds=1)) is not None
