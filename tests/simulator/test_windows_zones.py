"""Time zones have Windows names; a zone without one is replaced by one with the same time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.core import get_global

from engine.simulator.windows_zones import iana_zone, windows_zone


@pytest.mark.parametrize(
    ("zone", "windows"),
    [
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("America/New_York", "Eastern Standard Time"),
        ("Asia/Tokyo", "Tokyo Standard Time"),
    ],
)
def test_main_cities_have_a_zone_of_their_own(zone: str, windows: str) -> None:
    assert windows_zone(zone) == windows


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Europe/Madrid", "Europe/Helsinki", "Asia/Kolkata"])
def test_other_places_get_a_zone_with_the_same_midnights(zone: str) -> None:
    city = get_global("windows_zone_mapping")[windows_zone(zone)]
    for day in range(0, 365, 7):
        instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        assert instant.astimezone(ZoneInfo(zone)).utcoffset() == instant.astimezone(ZoneInfo(city)).utcoffset()


@pytest.mark.slow
def test_a_place_with_a_clock_of_its_own_has_none() -> None:
    with pytest.raises(ValueError, match="no time zone for Antarctica/Troll"):
        windows_zone("Antarctica/Troll")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Europe/Vienna", "Europe/Vienna"),
        ("UTC", "Etc/UTC"),
        ("tzone://Microsoft/Custom", None),
        ("Nowhere", None),
        ("", None),
    ],
)
def test_names_of_windows_and_of_iana_are_known(name: str, zone: str | None) -> None:
    found = iana_zone(name)
    assert (found and found.key) == zone
