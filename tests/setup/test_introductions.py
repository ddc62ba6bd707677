"""What pages say besides their fields."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.setup.introductions import INTRODUCTIONS, example, introduction, remarks
from engine.setup.pages import STEPS

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_every_introduction_belongs_to_a_page() -> None:
    assert set(INTRODUCTIONS) <= {f"{step.name}/{page.name}" for step in STEPS for page in step.pages}


@pytest.mark.parametrize(
    ("language", "zone", "note"),
    [
        ("en", "Europe/Berlin", "Busy: Meeting until 3pm"),
        ("de", "America/New_York", "Beschäftigt: Meeting bis 15:00"),
        ("en", None, ""),
        (None, "Europe/Berlin", ""),
        ("xx", "Europe/Berlin", ""),
        ("en", "Eur", ""),
    ],
)
def test_the_example_is_a_note_of_the_site(language: str | None, zone: str | None, note: str) -> None:
    assert example({"presence.language": language, "presence.timezone": zone}, NOW) == note


def test_the_zone_of_the_machine_is_told_and_not_taken() -> None:
    told = remarks("site/site", {}, ZoneInfo("Etc/UTC"), NOW)
    assert told[0] == "This machine says Etc/UTC."


def test_a_certificate_that_was_trusted_before_has_changed() -> None:
    assert "usual for a PBX" in introduction("pbx/certificate", {})[0]
    assert "has changed" in introduction("pbx/certificate", {"pbx.fingerprint": "AB"})[0]
