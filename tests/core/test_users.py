import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.users import User, UserFilter, UserSelection, address_candidates


def test_candidates_are_the_name_at_the_system_domain_then_the_addresses() -> None:
    user = User(guid="1", name="anna", addresses=("berg", "anna.berg@corp.example", "ANNA@corp.example", " "))
    assert address_candidates(user, "corp.example") == (
        "anna@corp.example",
        "berg@corp.example",
        "anna.berg@corp.example",
    )


def test_without_a_system_domain_only_whole_addresses_are_candidates() -> None:
    user = User(guid="1", name="anna", addresses=("berg", "anna.berg@corp.example", "@corp.example", "anna@"))
    assert address_candidates(user, "") == ("anna.berg@corp.example",)


def test_a_name_that_is_an_address_is_taken_as_it_is() -> None:
    assert address_candidates(User(guid="1", name="anna@other.example"), "corp.example") == ("anna@other.example",)


@pytest.mark.slow
@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=5), st.sampled_from(["", "corp.example"]))
def test_every_candidate_has_a_local_part_and_a_domain(name: str, addresses: list[str], domain: str) -> None:
    candidates = address_candidates(User(guid="1", name=name, addresses=tuple(addresses)), domain)
    for candidate in candidates:
        local, _, host = candidate.rpartition("@")
        assert local
        assert host
    assert len({candidate.casefold() for candidate in candidates}) == len(candidates)


def test_everybody_takes_part_unless_something_is_listed() -> None:
    hidden = User(guid="1", name="lobby", hidden=True)
    assert UserSelection().takes_part(hidden)
    assert not UserSelection(hidden=False).takes_part(hidden)


def test_any_list_includes_and_an_exclusion_wins() -> None:
    selection = UserSelection(
        include=UserFilter(groups=("Sales",), nodes=("vienna",)), exclude=UserFilter(names=("test*",))
    )
    assert selection.takes_part(User(guid="1", name="anna", groups=("sales", "all")))
    assert selection.takes_part(User(guid="2", name="ben", node="Vienna"))
    assert not selection.takes_part(User(guid="3", name="carl", groups=("service",)))
    assert not selection.takes_part(User(guid="4", name="Test-1", groups=("sales",)))


def test_locations_and_templates_select_too() -> None:
    assert UserFilter(locations=("pbx-?",)).matches(User(guid="1", name="a", home="pbx-1"))
    assert UserFilter(templates=("Staff",)).matches(User(guid="1", name="a", template="staff"))
    assert not UserFilter(templates=("Staff",)).matches(User(guid="1", name="a"))


def test_the_label_is_the_best_name_there_is() -> None:
    assert User(guid="1", name="anna", display_name="Anna Berg").label == "Anna Berg"
    assert User(guid="1", name="anna").label == "anna"
    assert User(guid="1", name="").label == "1"
