"""API and terminal program find the same users for the same words, in the same order."""

from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from calendar_tui.model import SORTS, Query, UserTable
from engine.api.schema import Sort, UserRow, UsersQuestion
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.exchange.errors import MailboxNotFound
from engine.server.state import UserRows
from engine.sync.views import EngineView, UserSummary

pytestmark = pytest.mark.slow

LETTERS = "aÄßé 7@"
TEXTS = st.text(LETTERS, max_size=5)
PRESENCES = st.none() | st.builds(Presence, activity=st.sampled_from(["busy", "away"]), note=TEXTS)


@st.composite
def glances(draw: st.DrawFn) -> dict[str, UserSummary]:
    guids = draw(st.lists(st.integers(0, 2**128 - 1).map("{:032x}".format), max_size=12, unique=True))
    return {guid: draw(_glance(guid)) for guid in guids}


def _glance(guid: str) -> st.SearchStrategy[UserSummary]:
    return st.builds(
        UserSummary,
        user=st.builds(User, guid=st.just(guid), name=TEXTS.map(lambda text: text + guid[:9]), display_name=TEXTS),
        mailbox=st.none() | TEXTS,
        shown=PRESENCES,
        desired=PRESENCES,
        withheld=PRESENCES,
        until=st.none(),
        problem=st.none() | st.builds(MailboxNotFound, TEXTS),
        notice=st.none(),
        read_at=st.none() | st.just(datetime(2026, 3, 2, 9, tzinfo=UTC)),
        is_watched=st.booleans(),
    )


def view(users: dict[str, UserSummary]) -> EngineView:
    return cast("EngineView", SimpleNamespace(guids=lambda: tuple(users), summary=users.get, elsewhere=None))


def guids(rows: UserRows, words: str, sort: Sort, *, descending: bool) -> list[str]:
    page = rows.page(UsersQuestion(filter=words, sort=sort, descending=descending, per_page=1000))
    assert page.total == len(page.users)
    return [user.guid for user in page.users]


@given(glances(), st.data(), st.sampled_from(SORTS), st.booleans())
def test_the_same_people_in_the_same_order(
    users: dict[str, UserSummary], data: st.DataObject, sort: Sort, descending: bool
) -> None:
    rows = UserRows(view(users))
    everybody = rows.all()
    parts = [str(value) for row in everybody for value in asdict(row).values() if value]
    word = TEXTS | st.sampled_from([part[start:][:9] for part in parts for start in (0, 1, 3)] or [""])
    words = " ".join(data.draw(st.lists(word, max_size=3)))
    table = UserTable()
    table.replace(Random(len(words)).sample(everybody, len(everybody)))

    found = guids(rows, words, sort, descending=descending)

    assert table.chosen(Query(words=words, sort=sort, descending=descending)) == found
    assert set(found) == {row.guid for row in everybody if all(_has(row, each) for each in words.casefold().split())}


def _has(row: UserRow, word: str) -> bool:
    told = (row.name, row.display_name, row.mailbox, row.activity, row.note, row.state, row.problem, row.problem_title)
    return any(word in (text or "").casefold() for text in told) or (len(word) >= 8 and word in row.guid)


def test_names_are_not_found_in_guids_by_chance() -> None:
    user = UserSummary(User(guid="adabea" + 26 * "0", name="x", display_name="X"), *8 * (None,), is_watched=False)
    rows = UserRows(view({user.user.guid: user}))
    assert guids(rows, "ada", "name", descending=False) == []
    assert guids(rows, "ADABEA00", "name", descending=False) == [user.user.guid]
