"""Tests of guessing language and time zone from those of the machine."""

from zoneinfo import ZoneInfo

import pytest

from engine.settings.forms import setting_forms
from engine.settings.reader import read_settings
from engine.setup.flow import Flow, problems
from engine.setup.guesses import guessed_language, guessed_zone


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, None),
        ({"LANG": ""}, None),
        ({"LANG": "C"}, None),
        ({"LANG": "POSIX"}, None),
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "C.utf8"}, None),
        ({"LC_ALL": "C.UTF-8"}, None),
        ({"LANG": "tlh_QO.UTF-8"}, None),
        ({"LANG": "de"}, "de"),
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "de_DE@euro"}, "de"),
        ({"LANG": "de.UTF-8"}, "de"),
        ({"LANG": "pt_BR.utf8"}, "pt"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LC_ALL": "fr_FR.UTF-8", "LANG": "de_DE.UTF-8"}, "fr"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "de"),
        ({"LC_ALL": "", "LC_MESSAGES": "it_IT", "LANG": "C.UTF-8"}, "it"),
    ],
)
def test_a_language_is_one_that_there_are_words_for(environment: dict[str, str], language: str | None) -> None:
    assert guessed_language(environment) == language


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Universal", "Etc/Universal", "Zulu", "GMT", "Etc/GMT-1", "UCT"])
def test_a_mere_offset_says_nothing_of_the_site(name: str) -> None:
    assert guessed_zone(ZoneInfo(name)) is None


@pytest.mark.parametrize("name", ["Europe/Berlin", "Europe/London", "America/New_York"])
def test_a_place_is_where_the_site_is(name: str) -> None:
    assert guessed_zone(ZoneInfo(name)) == ZoneInfo(name)


def missing(text: str, zone: ZoneInfo | None) -> list[str]:
    values = {each.key: each.value for each in setting_forms(text, zone)}
    found = problems(Flow(text=text), values, (), lambda text: read_settings(text, default_zone=ZoneInfo("UTC")))
    return [problem.key for problem in found if problem.key.startswith("presence")]


def test_a_zone_that_nobody_can_guess_is_asked_for() -> None:
    assert missing("", ZoneInfo("Europe/Berlin")) == []
    assert missing("", None) == ["presence.timezone"]
    assert missing('[presence]\ntimezone = "Etc/UTC"\n', None) == []
    assert missing('[presence]\ntimezone = "Mars/Olympus"\n', None) == ["presence.timezone"]
