"""Tests of the time zone of working hours, as GetUserAvailability tells it."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from engine.exchange.ews.availability import zone_of_working_hours
from engine.exchange.ews.safe_xml import parse
from engine.exchange.mailbox_zones import zone_named
from engine.simulator.exchange.soap import M
from engine.simulator.exchange.working_hours import working_hours

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "Etc/UTC", "America/Sao_Paulo")


@pytest.mark.parametrize("name", ZONES)
def test_a_zone_is_known_by_its_offsets(name: str) -> None:
    response = M("FreeBusyResponse", M("FreeBusyView", working_hours(ZoneInfo(name), 2026)))
    zone = zone_of_working_hours(parse(etree.tostring(response)))
    assert zone is not None
    assert zone.is_like(zone_named(name, 2026))
    assert [other for other in ZONES if zone.is_like(zone_named(other, 2026))] == [name]


@pytest.mark.property
@given(st.text("0123456789-x", max_size=12), st.text("0123456789-x", max_size=4))
def test_nonsense_is_no_zone(bias: str, month: str) -> None:
    response = M("FreeBusyResponse", M("FreeBusyView", working_hours(ZoneInfo("Europe/Berlin"), 2026)))
    text = etree.tostring(response).decode()
    text = text.replace(">-60<", f">{bias}<", 1).replace(">10<", f">{month}<", 1)
    zone = zone_of_working_hours(parse(text.encode()))
    assert zone is None or str(zone).startswith("UTC")


def test_without_working_hours_there_is_no_zone() -> None:
    assert zone_of_working_hours(parse(etree.tostring(M("FreeBusyResponse", M("FreeBusyView"))))) is None
