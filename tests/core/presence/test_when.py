"""Tests of end times: their wording on different days, in all languages and time zones."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale, localedata

from engine.core.presence import decide, is_supported_language
from engine.core.presence.note import Until, say_until
from engine.core.presence.translations import catalogue
from tests.core.presence.calendars import SHOWN, WEDNESDAY, appointment, at, days, note

HIDDEN = replace(SHOWN, show_subject=False)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("14:00", "Busy until 2pm"),
        ("14:05", "Busy until 2:05pm"),
        ("23:59", "Busy until 11:59pm"),
        ("2026-03-05 00:00", "Busy until tomorrow 12am"),
        ("2026-03-05 12:00", "Busy until tomorrow 12pm"),
        ("2026-03-06 00:00", "Busy until Friday 12am"),
        ("2026-03-10 23:59", "Busy until Tuesday 11:59pm"),
        ("2026-03-11 00:00", "Busy until Mar 11, 12am"),
        ("2026-12-31 23:00", "Busy until Dec 31, 11pm"),
        ("2027-01-01 00:00", "Busy until Jan 1, 2027, 12am"),
    ],
)
def test_the_further_away_an_end_is_the_more_is_said(end: str, said: str) -> None:
    assert note(appointment("09:00", end), settings=HIDDEN) == said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("2026-03-05", "Away, all day"),
        ("2026-03-06", "Away until tomorrow"),
        ("2026-03-07", "Away until Friday"),
        ("2026-03-11", "Away until Tuesday"),
        ("2026-03-12", "Away until Mar 11"),
        ("2027-01-01", "Away until Dec 31"),
        ("2027-01-02", "Away until Jan 1, 2027"),
    ],
)
def test_whole_days_end_with_their_last_day(after: str, said: str) -> None:
    assert note(days("2026-03-02", after), settings=HIDDEN) == said


def test_the_words_change_at_local_midnights_and_at_no_other_time() -> None:
    trip = appointment("2026-12-20 09:00", "2027-01-10 14:00")
    history = []
    now = trip.start
    while now < trip.end:
        decision = decide([trip], HIDDEN, now)
        assert decision.valid_until is not None
        history.append((now, decision.presence.note))
        now = decision.valid_until
    assert history == [
        (at("2026-12-20 09:00"), "Busy until Jan 10, 2027, 2pm"),
        (at("2027-01-01 00:00"), "Busy until Jan 10, 2pm"),
        (at("2027-01-04 00:00"), "Busy until Sunday 2pm"),
        (at("2027-01-09 00:00"), "Busy until tomorrow 2pm"),
        (at("2027-01-10 00:00"), "Busy until 2pm"),
    ]


def test_days_are_those_of_the_presence_time_zone() -> None:
    meeting = appointment("09:00", "20:00")
    assert note(meeting, settings=replace(HIDDEN, timezone=ZoneInfo("Asia/Tokyo"))) == "Busy until tomorrow 4am"


@pytest.fixture
def machine_on_kiritimati(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_on_kiritimati")
def test_the_time_zone_of_the_machine_plays_no_part() -> None:
    niue = replace(HIDDEN, timezone=ZoneInfo("Pacific/Niue"))  # Tuesday still, when it is Thursday on Kiritimati
    assert note(appointment("11:00", "13:00"), now="11:30", settings=niue) == "Busy until tomorrow 1am"
    assert note(days("2026-03-03", "2026-03-04"), now="11:30", settings=niue) == "Away, all day"
    tomorrow = decide([appointment("2026-03-06 14:00", "2026-03-06 15:00")], niue, at("11:30")).valid_until
    assert tomorrow == at("2026-03-06 00:00", niue.timezone)
    assert tomorrow.utcoffset() == timedelta()


@pytest.mark.parametrize(
    ("language", "on_the_hour", "past_it"),
    [
        ("en", "2pm", "2:05pm"),
        ("en-US", "2pm", "2:05pm"),
        ("en-AU", "2pm", "2:05pm"),
        ("en_CA", "2pm", "2:05pm"),
        ("en_GB", "14:00", "14:05"),
        ("de", "14:00", "14:05"),
        ("de-CH", "14:00", "14:05"),
        ("fi", "14.00", "14.05"),
        ("da", "14.00", "14.05"),
        ("es-MX", "2 p.m.", "2:05 p.m."),
        ("fr-CA", "14 h 00", "14 h 05"),
    ],
)
def test_minutes_are_left_out_only_where_the_clock_counts_to_twelve(
    language: str, on_the_hour: str, past_it: str
) -> None:
    settings = replace(HIDDEN, language=language)
    assert on_the_hour in note(appointment("09:00", "14:00"), settings=settings)
    assert past_it in note(appointment("09:00", "14:05"), settings=settings)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("2026-03-05 00:00", "Available until tomorrow 12am (Busy: Meeting)"),
        ("2026-03-05 00:30", "Available until tomorrow 12:30am (Busy: Meeting)"),
        ("11:59", "Available until 11:59am (Busy: Meeting)"),
        ("12:00", "Available until 12pm (Busy: Meeting)"),
        ("12:07", "Available until 12:07pm (Busy: Meeting)"),
        ("14:00", "Available until 2pm (Busy: Meeting)"),
        ("14:30", "Available until 2:30pm (Busy: Meeting)"),
    ],
)
def test_english_tells_times_as_the_presence_app_of_innovaphone_does(end: str, said: str) -> None:
    assert note(appointment(end, "2026-03-05 01:00"), settings=replace(SHOWN, horizon_hours=24)) == said


@pytest.mark.slow
@pytest.mark.parametrize("language", [code for code in localedata.locale_identifiers() if is_supported_language(code)])
def test_every_region_of_every_language_has_times_without_special_blanks(language: str) -> None:
    words = catalogue(language)
    assert words.locale == Locale.parse(language)
    for end in ("14:00", "2026-03-11 09:30", "2028-12-31 00:00"):
        local = at(end).astimezone(SHOWN.timezone)
        said = say_until("X", Until(local.date(), local.time()), WEDNESDAY, words)
        assert "X" in said
        assert said.isprintable()
        assert not set(said) & set("{}\u00a0\u202f\u2009")
