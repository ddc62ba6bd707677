"""The catalogue: what every language says in a fixed set of situations, and that its file can be trusted."""

import re
import tomllib
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from pytest_snapshot.plugin import Snapshot

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import Kind, Target, decide, is_supported_language, missing_messages, supported_languages
from engine.core.presence.catalogue import Sentence, build, catalogue
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days

REQUIRED = "en de fr it es pt nl sv da nb fi pl cs hu sl hr et lv ru".split()
SNAPSHOTS = Path(__file__).parent / "snapshots"
MEETING = appointment("14:00", "15:30", "Review")
HOME = appointment("09:00", "17:00", "Homeoffice", show_as=ShowAs.WORKING_ELSEWHERE)
TRIP = appointment("09:00", "14:00", "Trip", show_as=ShowAs.OOF)


def table(language: str) -> dict[str, Any]:
    file = resources.files("engine.core.presence") / "languages" / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def situations() -> list[tuple[str, list[Appointment], dict[str, Any]]]:
    """Return what is called what, with the appointments, and the settings besides language."""
    hidden = {"show_subject": False}
    found: list[tuple[str, list[Appointment], dict[str, Any]]] = [
        ("nothing, then a meeting", [MEETING], {}),
        ("the same, subjects hidden", [MEETING], hidden),
        ("home office, then a meeting", [HOME, MEETING], {}),
        ("the same, subjects hidden", [HOME, MEETING], hidden),
    ]
    busy = changed(MEETING, start=HOME.start)
    for target in (Target.BUSY, Target.AWAY, Target.DND):
        found.append((f"meeting shown as {target}", [busy], {"mapping": {Kind.BUSY: target}}))
    for show_as in (ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE, ShowAs.NO_DATA):
        available = {Kind(show_as.value): Target.AVAILABLE}
        found.append((f"{show_as}, available, hidden", [changed(HOME, show_as=show_as)], {**hidden, "mapping": available}))
    found += [(f"trip until {end}", [changed(TRIP, end=at(end))], {}) for end in timed_ends()]
    found += [(f"vacation, last day {last}", [vacation], {}) for last, vacation in vacations()]
    return found


def timed_ends() -> list[str]:
    week = [(at("16:00") + timedelta(days=ahead)).strftime("%Y-%m-%d 16:00") for ahead in range(1, 7)]
    return ["10:05", "13:00", *week, "2026-03-11 16:30", "2026-10-01 16:00", "2027-01-08 16:00"]


def vacations() -> list[tuple[str, Appointment]]:
    found = []
    for ahead in (0, 1, 2, 3, 4, 5, 6, 7, 30, 400):
        last, after = ((at("12:00") + timedelta(days=n)).date().isoformat() for n in (ahead, ahead + 1))
        found.append((last, days("2026-03-02", after)))
    return found


@pytest.mark.parametrize("language", REQUIRED)
def test_a_fixed_set_of_situations_reads_well(language: str, snapshot: Snapshot) -> None:
    now = at("10:00")
    lines = [f"{Locale(language).english_name}, on Wednesday 2026-03-04 at 10:00 in Berlin", ""]
    for name, appointments, others in situations():
        presence = decide(appointments, replace(SHOWN, language=language, **others), now).presence
        lines.append(f"{name:<34} {presence.note}")
    snapshot.snapshot_dir = SNAPSHOTS
    snapshot.assert_match("\n".join(lines) + "\n", f"{language}.txt")


def test_the_languages_of_the_specification_are_there() -> None:
    assert set(REQUIRED) <= set(supported_languages())


@pytest.mark.parametrize("language", supported_languages())
def test_a_file_has_every_message_and_nothing_else(language: str) -> None:
    assert missing_messages(language) == ()
    own = table(language)
    assert own.keys() <= {"state", "kind", "note", "inflected_weekday", "date"}
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


@pytest.mark.parametrize("code", ["de", "DE", "de-CH", "de_AT", "en-GB", "pt-BR", "zh-Hans", "xx", "", "../en", "de-XX-YY-Z"])
def test_a_language_is_supported_where_its_base_has_a_file(code: str) -> None:
    assert is_supported_language(code) == (code[:2].lower() in REQUIRED and len(code) < 6)


def test_an_unknown_language_is_english_and_everything_is_missing() -> None:
    settings = replace(SHOWN, language="tlh")
    assert decide([MEETING], settings, at("10:00")).presence.note == "Available until 2 PM (Busy: Review)"
    assert len(missing_messages("tlh")) == len(Sentence) + len(Kind) + 4
