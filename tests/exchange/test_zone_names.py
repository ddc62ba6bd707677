from zoneinfo import ZoneInfo

import pytest
from babel.core import get_global

from engine.exchange.zone_names import iana_zone


@pytest.mark.parametrize(
    ("exchange_id", "iana"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("UTC", "Etc/UTC"),
        ("tzone://Microsoft/Utc", "Etc/UTC"),
        ("Europe/Vienna", "Europe/Vienna"),
        ("tzone://Microsoft/Custom", None),
        ("Customized Time Zone", None),
        ("../../etc/passwd", None),
        ("", None),
    ],
)
def test_zone_of_exchange(exchange_id: str, iana: str | None) -> None:
    assert iana_zone(exchange_id) == iana


def test_every_windows_zone_leads_to_one_that_can_be_loaded() -> None:
    for windows in get_global("windows_zone_mapping"):
        assert ZoneInfo(iana_zone(windows) or "missing").key == iana_zone(windows)
