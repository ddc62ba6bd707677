"""calendar-engine.toml(5) describes exactly the keys with their words, defaults and availability."""

import json
import re
from dataclasses import MISSING
from enum import StrEnum
from pathlib import Path
from typing import get_type_hints
from zoneinfo import ZoneInfo

import pytest

from engine.core.presence import DEFAULT_MAPPING, AppointmentKind, Target
from engine.settings.keys import KEYS, SECTIONS
from engine.settings.reader import read_settings

MANUAL = (Path(__file__).parents[2] / "man" / "calendar-engine.toml.5").read_text()


def plain(roff: str) -> str:
    return roff.replace(r"\(dq", '"').replace(r"\(aq", "'").replace(r"\e", "\\")


def entries() -> dict[str, str]:
    """Return what the manual says about each key; keys in one heading, or in headings without a text, share it."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    for part in re.split(r"^\.It Ic ", MANUAL, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        waiting += heading.split(" , ")
        if text.strip():
            found |= dict.fromkeys(waiting, plain(text.partition("\n.Sh ")[0]))
            waiting = []
    return found


WORDS: dict[str, type[StrEnum]] = {
    f"{table}.{key}": hint
    for table, model in SECTIONS.items()
    for key, hint in get_type_hints(model).items()
    if isinstance(hint, type) and issubclass(hint, StrEnum)
} | {"presence.mapping.busy": Target}  # the other kinds refer to it


def default_as_written(name: str) -> str | None:
    """Return a key's default as it is written in the settings file, None where leaving it out is the only way."""
    match name.split("."):
        case ["presence", "mapping", kind]:
            return f'"{DEFAULT_MAPPING[AppointmentKind(kind)]}"'
        case ["exchange", "channel_binding"]:
            return '"auto"'
        case ["pbx", "users"]:
            return '"all"'
        case ["pbx", "users", "hidden"]:
            return "true"
        case ["pbx", "users", _, _]:
            return "[]"
        case ["presence", "timezone"]:
            return None
    default = KEYS[name].default
    if default in (MISSING, None, ""):
        return None
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, tuple):
        return f"[{','.join(json.dumps(each) for each in default)}]"
    return str(default)


def test_the_manual_has_exactly_the_keys_there_are() -> None:
    assert set(entries()) == set(KEYS)


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_the_manual_lists_the_words_that_a_value_can_be(name: str, words: type[StrEnum]) -> None:
    told = re.findall(r'^\.It Cm "([^"]+)"\n((?:(?!\.It|\.El).*\n)+)', entries()[name], flags=re.MULTILINE)
    assert [word for word, _ in told] == [member.value for member in words]


@pytest.mark.parametrize("name", KEYS)
def test_the_manual_says_the_default(name: str) -> None:
    said = re.findall(r"^Defaults?:\n((?:\.Li \S+(?: \.)?\n|and\n)+)", entries()[name], flags=re.MULTILINE)
    default = default_as_written(name)
    if default is None:
        assert said == []
    else:
        assert default in re.findall(r"^\.Li (\S+)", said[0], flags=re.MULTILINE)


def test_the_examples_of_the_manual_can_be_read() -> None:
    _, _, examples = plain(MANUAL).partition(".Sh EXAMPLES")
    texts = re.findall(r"^\.Bd .*\n((?:.*\n)+?)\.Ed", examples, flags=re.MULTILINE)
    assert len(texts) == 2
    for text in texts:
        assert read_settings(text, default_zone=ZoneInfo("UTC")).pbx.master == "master"
