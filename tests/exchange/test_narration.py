"""The descriptions for administrators are made from the retry policy, printed for every failure of Exchange."""

from pathlib import Path

import pytest
from pytest_snapshot.plugin import Snapshot

from engine.core.errors import Scope
from engine.exchange.errors import ExchangeFailure
from engine.exchange.narration import Task, in_short, narrated
from engine.exchange.retry import POLICIES, Concerns, policy_of
from tests.exchange.test_diagnosis import all_failures

KINDS = sorted(set(all_failures()), key=lambda kind: kind.__name__)


def test_what_is_done_about_every_failure(snapshot: Snapshot) -> None:
    lines = [f"{kind().slug}, {task.name.lower()}: {narrated(kind, task)}\n" for kind in KINDS for task in Task]
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    snapshot.assert_match("".join(lines), "narration.txt")


@pytest.mark.parametrize("kind", KINDS)
def test_in_short_it_fits_into_the_column(kind: type[ExchangeFailure]) -> None:
    assert all(0 < len(in_short(kind, task)) <= 24 for task in Task)


@pytest.mark.parametrize("kind", KINDS)
def test_whom_a_failure_stops_agrees_with_how_much_is_said_to_stand_still(kind: type[ExchangeFailure]) -> None:
    if policy_of(kind).concerns is Concerns.MAILBOX:
        assert kind.scope is not Scope.SERVICE
    else:
        assert kind.scope is Scope.SERVICE or policy_of(kind).concerns is Concerns.MAILBOX_UNLESS_MANY


def test_no_row_repeats_the_one_of_the_class_above() -> None:
    for kind, policy in POLICIES.items():
        above = next((POLICIES[each] for each in kind.__mro__[1:] if each in POLICIES), None)
        assert policy != above, kind
