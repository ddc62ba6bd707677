"""Tests of the translations: the notes of every language in fixed situations, and checks of the files."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from babel import Locale
from pytest_snapshot.plugin import Snapshot

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import (
    AppointmentKind,
    PresenceSettings,
    Target,
    decide,
    is_supported_language,
    missing_messages,
    supported_languages,
)
from engine.core.presence.translations import Sentence, build, catalogue
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days

REQUIRED = ["en", "de", "fr", "it", "es", "pt", "nl", "sv", "da", "nb"]
REQUIRED += ["fi", "pl", "cs", "hu", "sl", "hr", "et", "lv", "ru"]
SNAPSHOTS = Path(__file__).parent / "snapshots"
LATER_DAYS = [
    *(f"2026-03-{day:02}" for day in range(5, 12)),  # tomorrow, five days of the week, and a week from now
    "2026-10-01",
    "2027-01-08",
]
MEETING = appointment("14:00", "15:30", "Review")
HOME = appointment("09:00", "17:00", "Homeoffice", show_as=ShowAs.WORKING_ELSEWHERE)
TRIP = appointment("09:00", "14:00", "Trip", show_as=ShowAs.OOF)


def table(language: str) -> dict[str, Any]:
    file = resources.files("engine.core.presence") / "languages" / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


class Situation(NamedTuple):
    name: str
    appointments: tuple[Appointment, ...]
    settings: PresenceSettings = SHOWN
    now: str = "10:00"


def situations() -> Iterator[Situation]:
    hidden = replace(SHOWN, show_subject=False)
    yield Situation("nothing, then a meeting", (MEETING,))
    yield Situation("the same, subjects hidden", (MEETING,), hidden)
    yield Situation("home office, then a meeting", (HOME, MEETING))
    yield Situation("the same, subjects hidden", (HOME, MEETING), hidden)
    for target in (Target.BUSY, Target.AWAY, Target.DND):
        settings = replace(SHOWN, mapping={AppointmentKind.BUSY: target})
        yield Situation(f"at 14:30, a meeting, {target}", (MEETING,), settings, now="14:30")
    for show_as in (ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE, ShowAs.NO_DATA):
        settings = replace(hidden, mapping={AppointmentKind(show_as.value): Target.AVAILABLE})
        yield Situation(f"{show_as}, but available", (changed(HOME, show_as=show_as),), settings)
    for end in ("13:00", "13:05", *(f"{day} 16:00" for day in LATER_DAYS)):
        yield Situation(f"a trip until {end}", (changed(TRIP, end=at(end)),))
    for last in ("2026-03-04", *LATER_DAYS):
        after = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
        yield Situation(f"a vacation, last day {last}", (days("2026-03-02", after),))
    for last, after in (("Wednesday", "2026-03-05"), ("Thursday", "2026-03-06")):
        vacation = days("2026-03-02", after)
        yield Situation(f"on Monday, last day {last}", (vacation,), now="2026-03-02 10:00")


@pytest.mark.parametrize("language", REQUIRED)
def test_a_fixed_set_of_situations_reads_well(language: str, snapshot: Snapshot) -> None:
    lines = [f"{Locale(language).english_name}, on Wednesday 2026-03-04 at 10:00 in Berlin", ""]
    for name, appointments, settings, now in situations():
        presence = decide(appointments, replace(settings, language=language), at(now)).presence
        lines.append(f"{name:<34} {presence.note}")
    snapshot.snapshot_dir = SNAPSHOTS
    snapshot.assert_match("\n".join(lines) + "\n", f"{language}.txt")


def test_the_languages_of_the_specification_are_there() -> None:
    assert set(REQUIRED) <= set(supported_languages())


@pytest.mark.parametrize("language", supported_languages())
def test_a_file_has_every_message_and_nothing_else(language: str) -> None:
    assert missing_messages(language) == ()
    own = table(language)
    assert own.keys() <= {"state", "kind", "note", "inflected_weekday", "date", "time"}
    for name in ("state", "kind", "note"):
        assert own[name].keys() == table("en")[name].keys()


@pytest.mark.parametrize("language", supported_languages())
@pytest.mark.parametrize("sentence", Sentence)
def test_a_sentence_has_each_of_its_names_once(language: str, sentence: Sentence) -> None:
    names = re.findall(r"\{(\w*)\}", catalogue(language).sentences[sentence])
    as_in_english = re.findall(r"\{(\w*)\}", table("en")["note"][sentence])
    inflected = ["weekday" if name == "inflected_weekday" else name for name in names]
    assert sorted(set(inflected)) == sorted(inflected)
    assert set(inflected) - {"weekday"} == set(as_in_english) - {"weekday"}
    assert "weekday" in inflected or "weekday" not in as_in_english


@pytest.mark.parametrize("language", supported_languages())
def test_inflected_weekdays_are_given_where_they_are_used(language: str) -> None:
    used = any("{inflected_weekday}" in sentence for sentence in catalogue(language).sentences.values())
    assert len(table(language).get("inflected_weekday", {})) == (7 if used else 0)


def test_a_missing_message_is_english_and_told() -> None:
    words = build(Locale("de"), {"state": {"busy": "Beschäftigt"}}, table("en"))
    assert words.states == {**words.states, Target.BUSY: "Beschäftigt", Target.AWAY: "Away"}
    assert words.sentences[Sentence.UNTIL_TIME] == "{head} until {time}"
    assert "state.away" in words.missing
    assert "note.until_time" in words.missing
    assert "state.busy" not in words.missing


def test_a_weekday_without_an_inflection_is_plain() -> None:
    words = build(Locale("de"), {"inflected_weekday": {"monday": "Montags"}}, table("en"))
    assert words.inflected_weekdays[:3] == ("Montags", "Dienstag", "Mittwoch")
    assert words.inflected_weekdays[6] == "Sonntag"


@pytest.mark.parametrize(
    "code",
    [
        *("de", "DE", "de-CH", "de_AT", "en-GB", "pt-BR", "zh-Hans", "xx", "", "../en", "de-XX-YY-Z"),
        *("C", "POSIX", "C.UTF-8", "C.utf8", "en_US.UTF-8", "de_DE@euro", "en-US-posix", "en_US_POSIX", " de"),
    ],
)
def test_a_language_is_supported_where_its_base_has_a_file(code: str) -> None:
    assert is_supported_language(code) == (code[:2].lower() in REQUIRED and len(code) < 6)


def test_an_unknown_language_is_english_and_everything_is_missing() -> None:
    settings = replace(SHOWN, language="tlh")
    assert decide([MEETING], settings, at("10:00")).presence.note == "Available until 2pm (Busy: Review)"
    assert len(missing_messages("tlh")) == len(Sentence) + len(AppointmentKind) + 4
