from calendar_tui.documents.log_filter import Condition, FilterConditions
from calendar_tui.documents.log_list import Marks


def test_a_suspended_condition_has_no_effect_and_comes_back() -> None:
    conditions = FilterConditions().typed(("user:anna", "is:error"))
    assert conditions.filter == "user:anna is:error"
    suspended = conditions.toggled(0)
    assert suspended.filter == "is:error"
    assert suspended.text == "user:anna is:error"
    assert suspended.toggled(0) == conditions
    assert conditions.toggled(7) is conditions


def test_all_conditions_are_suspended_and_taken_up_again() -> None:
    conditions = FilterConditions().typed(("a", "b")).toggled(0)
    assert conditions.all_toggled().filter == ""
    assert conditions.all_toggled().all_toggled().filter == "a b"


def test_no_filter_is_forgotten() -> None:
    conditions = FilterConditions().typed(("a",)).with_one("b").without(0).typed(())
    assert conditions.history == ("b", "a b", "a")
    assert conditions.typed(("a",)).with_one("c").history[0] == "a"
    assert conditions.typed(("b",)).typed(()).history == ("b", "a b", "a")


def test_a_condition_that_was_suspended_stays_so_while_others_are_typed() -> None:
    conditions = FilterConditions().typed(("a", "b")).toggled(0).typed(("a", "c"))
    assert conditions.all == (Condition("a", suspended=True), Condition("c"))


def test_alternatives_keep_together_beside_other_conditions() -> None:
    conditions = FilterConditions().typed(("op:GetItem or op:FindItem",))
    assert conditions.filter == "op:GetItem or op:FindItem"
    assert conditions.with_one("is:error").filter == "(op:GetItem or op:FindItem) is:error"


def test_marks_are_found_again_both_ways_and_round() -> None:
    marks = Marks()
    for each in (30, 10, 20):
        marks.toggle(each)
    assert (marks.next(10, 1), marks.next(15, -1), marks.next(30, 1), marks.next(10, -1)) == (20, 10, 10, 30)
    marks.toggle(20)
    assert 20 not in marks
    assert len(marks) == 2
    assert Marks().next(1, 1) is None
