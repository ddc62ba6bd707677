"""Days of users as bars, over the real socket."""

import json
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.api.schema.days import DaysPage
from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.exchange.errors import MailboxNotFound
from engine.sync.reading import LOOK_BACK
from tests.support.served_engine import NINE, InstantSource, ServedEngine, people, served_engine

USERS = people(12)
HOUR = timedelta(hours=1)


@pytest.fixture
def source() -> InstantSource:
    source = InstantSource()
    source.failures["user7@corp.example"] = MailboxNotFound("user7@corp.example is not in the directory")
    source.calendars["user3@corp.example"] = (
        Appointment(
            id="p",
            start=NINE - 2 * HOUR,
            end=NINE - HOUR,
            subject="Frauenarzt",
            sensitivity=Sensitivity.PRIVATE,
        ),
        Appointment(id="o", start=NINE + HOUR, end=NINE + 2 * HOUR, subject="Vertraulich", show_as=ShowAs.OOF),
    )
    return source


async def days(served: ServedEngine, query: str = "") -> DaysPage:
    return msgspec.convert(await served.get(f"/v1/days?{query}"), DaysPage)


async def test_a_day_is_told_in_bars_without_subjects(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        page = await days(served, "filter=user3")
        text = json.dumps(await served.get("/v1/days"))
    assert (page.date, page.timezone, page.total) == (date(2026, 3, 2), "UTC", 1)
    [day] = page.days
    assert [(bar.begins, bar.ends, bar.kind) for bar in day.calendar] == [
        (NINE - 2 * HOUR, NINE - HOUR, "busy"),
        (NINE + HOUR, NINE + 2 * HOUR, "oof"),
    ]
    assert [(bar.begins, bar.ends, bar.activity) for bar in day.presence] == [
        (NINE - 2 * HOUR, NINE - HOUR, "busy"),
        (NINE + HOUR, NINE + 2 * HOUR, "away"),
    ]
    assert day.known_from is not None
    assert day.known_from == served.clock.now() - LOOK_BACK < page.begins
    assert "Frauenarzt" not in text


async def test_the_users_in_sight_are_asked_for_in_their_order(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        named = (USERS[9], USERS[7], USERS[2])
        page = await days(served, "users=" + ",".join([*(user.guid for user in named), "nobody"]))
        second = await days(served, "per_page=5&page=3")
        tomorrow = await days(served, f"date=2026-03-03&users={USERS[2].guid}")
    assert [day.user.name for day in page.days] == [user.name for user in named]
    assert (page.days[1].known_from, page.days[1].calendar, page.days[1].presence) == (None, (), ())
    assert (second.total, len(second.days)) == (12, 2)
    assert (tomorrow.date, tomorrow.days[0].calendar) == (date(2026, 3, 3), ())


@pytest.mark.parametrize(
    ("query", "status"),
    [("date=0001-01-01", 400), ("date=9999-12-31", 400), ("date=today", 422), ("users=" + "a," * 100, 400)],
)
async def test_an_impossible_question_is_refused(tmp_path: Path, query: str, status: int) -> None:
    async with (
        served_engine(tmp_path, USERS) as served,
        served.session().get(f"/v1/days?{query}") as response,
    ):
        assert (response.status, (await response.json(content_type=None))["type"]) == (status, "invalid-query")
