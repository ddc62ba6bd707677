"""The line for monitoring, and what makes it a warning or worse."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.api.schema import Concern, ExpiryState, HeldChange, LinkState, Status, Trouble
from engine.api.schema.status import SeverityName
from engine.documents.health import Health, HealthLimits, Limits, health_line, health_of

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WELL = Status(
    version="1",
    now=NINE,
    started=NINE,
    timezone="UTC",
    links=(LinkState(name="PBX", works=True, since=NINE), LinkState(name="Exchange", works=True, since=NINE)),
    users=26,
    resolved=24,
    watched=0,
    unread=1,
    unresolved=1,
    refused=0,
    oldest_reading=NINE,
    staleness=12.4,
    expiries=(ExpiryState(what="PBX certificate", place="pbx", ends=NINE + timedelta(days=40, hours=3)),),
    concerns=(),
)
PERFORMANCE_DATA = re.compile(r"[a-z_]+=\d+s?;(\d*:?);(\d*:?);0")


def a_concern(severity: SeverityName) -> Concern:
    trouble = Trouble(type="x", fault="network", scope="one user", title="Broken | so", detail="", remedy="")
    return Concern(trouble=trouble, severity=severity, link=None, count=0, users=())


def test_a_healthy_engine_in_one_line() -> None:
    assert health_of(WELL, HealthLimits()) == (
        Health.OK,
        "CALENDAR OK - 26 users, 24 with a calendar | users=26;;;0 no_calendar=2;;;0 refused=0;;;0 pending=0;;;0 "
        "age=12s;;;0 expires=40;30:;7:;0",
    )


@pytest.mark.parametrize(
    ("changes", "limits", "health"),
    [
        ({}, HealthLimits(no_calendar=Limits(3)), Health.OK),
        ({}, HealthLimits(no_calendar=Limits(2)), Health.WARNING),
        ({}, HealthLimits(no_calendar=Limits(1, 2)), Health.CRITICAL),
        ({}, HealthLimits(age=Limits(12, 600)), Health.WARNING),
        ({"staleness": None}, HealthLimits(age=Limits(1, 1)), Health.OK),
        ({"refused": 5}, HealthLimits(refused=Limits(None, 5)), Health.CRITICAL),
        ({}, HealthLimits(expires=Limits(41, 7)), Health.WARNING),
        ({}, HealthLimits(expires=Limits(60, 41)), Health.CRITICAL),
        ({"expiries": ()}, HealthLimits(expires=Limits(60, 41)), Health.OK),
        ({"links": (LinkState(name="PBX", works=False),)}, HealthLimits(), Health.CRITICAL),
        ({"held": HeldChange(users=3, of_users=4, presences=3, of_presences=4)}, HealthLimits(), Health.WARNING),
        ({"concerns": (a_concern("down"),)}, HealthLimits(), Health.CRITICAL),
        ({"concerns": (a_concern("note"), a_concern("no calendar"))}, HealthLimits(), Health.WARNING),
        ({"concerns": (a_concern("coming"),)}, HealthLimits(), Health.OK),
    ],
)
def test_what_makes_it_worse(changes: dict[str, Any], limits: HealthLimits, health: Health) -> None:
    found, line = health_of(replace(WELL, **changes), limits)
    text, _, data = line.partition(" | ")
    assert found is health
    assert text.startswith(f"CALENDAR {health.name} - ")
    assert "|" not in text
    assert all(PERFORMANCE_DATA.fullmatch(each) for each in data.split(" ")), data


def test_a_line_without_figures() -> None:
    assert health_line(Health.UNKNOWN, "a|b") == "CALENDAR UNKNOWN - a/b"
