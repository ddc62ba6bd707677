"""Tests of what a selection of users can be made of, and whom it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.selecting import Choice, choices, selected
from engine.core.users import User, UserFilter, UserSelection

NAMES = st.sampled_from(["", "sales", "lab", "s*", "[a]", "default"])
USERS = st.lists(
    st.builds(
        User,
        guid=st.uuids().map(str),
        name=st.text("abc", max_size=3),
        groups=st.lists(NAMES.filter(bool), max_size=3).map(tuple),
        node=NAMES,
        home=NAMES,
        template=NAMES,
        hidden=st.booleans(),
    ),
    max_size=12,
)
FILTERS = st.builds(UserFilter, groups=st.lists(NAMES.filter(bool), max_size=2).map(tuple))
SELECTIONS = st.builds(UserSelection, include=FILTERS, exclude=FILTERS, hidden=st.booleans())


def test_each_group_is_counted_once_a_user_and_the_largest_comes_first() -> None:
    users = [
        User(guid="1", name="anna", groups=("lab", "sales", "sales"), node="root"),
        User(guid="2", name="bert", groups=("sales",), node="root", template="default"),
    ]
    found = choices(users)
    assert found.groups == (Choice("sales", 2), Choice("lab", 1))
    assert found.nodes == (Choice("root", 2),)
    assert found.locations == ()
    assert found.templates == (Choice("default", 1),)


@pytest.mark.property
@given(USERS, SELECTIONS)
def test_everybody_is_taken_or_left_out_and_never_both(users: list[User], selection: UserSelection) -> None:
    found = selected(users, selection)
    assert sorted(user.guid for user in (*found.taken, *found.left_out)) == sorted(user.guid for user in users)
    assert all(map(selection.takes_part, found.taken))
    assert not any(map(selection.takes_part, found.left_out))
    assert found.leaves_nobody == (not found.taken)
    assert found.leaves_out_most == (len(found.left_out) > len(users) / 2)


@pytest.mark.property
@given(USERS)
def test_every_group_that_can_be_ticked_selects_as_many_as_it_says(users: list[User]) -> None:
    for group in choices(users).groups:
        selection = UserSelection(include=UserFilter(groups=(group.pattern,)))
        assert len(selected(users, selection).taken) == group.count
