"""An internal error in a decision affects one user, is reported for that user, and its end as well."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.api.schema import Status, UserDetail, UsersPage
from engine.core.appointments import Appointment
from engine.core.presence import decide
from engine.core.presence.decide import Decision
from engine.core.presence.model import CLEARED, PresenceSettings
from engine.exchange.source import Priority
from engine.sync.events import Event, UserRecovered, UserTrouble
from tests.support.served_engine import NINE, InstantSource, people, served_engine

USERS = people(3)
ADDRESS = "user1@corp.example"


def breaking(appointments: Sequence[Appointment], settings: PresenceSettings, now: datetime) -> Decision:
    if any(appointment.id == "odd" for appointment in appointments):
        raise ZeroDivisionError
    return decide(appointments, settings, now)


async def test_a_mistake_has_a_name_and_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sync.decider.decide", breaking)
    source, events = InstantSource(), list[Event]()
    source.watched.add(ADDRESS)
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        served.engine.observe(events.append)
        source.calendars[ADDRESS] = (Appointment(id="odd", start=NINE, end=NINE + timedelta(hours=1)),)
        source.tell(ADDRESS, Priority.NOW)
        await served.settled()
        [trouble] = [each for each in events if isinstance(each, UserTrouble)]
        assert (trouble.user.name, trouble.failure.slug) == ("user1", "engine-mistake")
        status = msgspec.convert(await served.get("/v1/status"), Status)
        assert (status.resolved, status.unresolved) == (2, 1)
        assert [user.label for user in status.concerns[0].users] == ["User Number 1"]
        [row] = msgspec.convert(await served.get("/v1/users?filter=user1"), UsersPage).users
        assert (row.state, row.problem) == ("problem", "engine-mistake")
        detail = msgspec.convert(await served.get(f"/v1/users/{row.guid}"), UserDetail)
        assert ([problem.type for problem in detail.problems], detail.decision) == (["engine-mistake"], None)

        for _ in range(2):
            source.tell(ADDRESS, Priority.NOW)
            await served.settled()
        assert [each for each in events if isinstance(each, UserTrouble)] == [trouble]

        del source.calendars[ADDRESS]
        source.tell(ADDRESS, Priority.NOW)
        await served.settled()
        assert [each.user.name for each in events if isinstance(each, UserRecovered)] == ["user1"]
        assert msgspec.convert(await served.get("/v1/status"), Status).unresolved == 0
        assert served.link.shown[USERS[1].guid].activity == "busy"


async def test_what_cannot_be_decided_is_not_shown_for_longer_than_it_was_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sync.decider.decide", breaking)
    source = InstantSource()
    source.watched.add(ADDRESS)
    async with served_engine(tmp_path, USERS, source=source) as served:
        meeting = Appointment(id="meeting", start=NINE, end=NINE + timedelta(minutes=30))
        source.calendars[ADDRESS] = (meeting,)
        source.tell(ADDRESS, Priority.NOW)
        await served.settled()
        source.calendars[ADDRESS] = (meeting, Appointment(id="odd", start=NINE, end=NINE + timedelta(hours=1)))
        source.tell(ADDRESS, Priority.NOW)
        await served.settled()
        assert served.link.shown[USERS[1].guid].activity == "busy"
        await served.clock.advance(31 * 60)
        await served.settled()
        assert served.link.shown[USERS[1].guid] == CLEARED
