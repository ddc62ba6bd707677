"""The example file is valid, and shows every key with its default."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.core.presence import DEFAULT_MAPPING, AppointmentKind
from engine.settings.keys import KEYS, TABLES
from engine.settings.model import ExchangeSettings, ExchangeType, PbxSettings, SiteSettings
from engine.settings.reader import dotted, read_settings

UTC = ZoneInfo("UTC")
EXAMPLE = (Path(__file__).parents[2] / "packaging" / "calendar-engine.toml").read_text()


def uncommented() -> str:
    text = re.sub(r"^#(?=[a-z_.]+ = |\[)", "", EXAMPLE, flags=re.MULTILINE)
    return text.replace('users = "all"\n', "")


def leaves(path: tuple[str, ...], table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves((*path, name), value)
        else:
            yield dotted((*path, name)), value


def test_the_example_as_it_is_sets_nothing_but_what_is_mandatory() -> None:
    assert read_settings(EXAMPLE, default_zone=UTC) == SiteSettings(
        pbx=PbxSettings(master="master", host="pbx.example.com"),
        exchange=ExchangeSettings(type=ExchangeType.ON_PREMISES, user="calendar-sync@example.com"),
    )


def test_the_example_with_every_key_can_be_read() -> None:
    assert read_settings(uncommented(), default_zone=UTC).pbx.master == "master"


def test_the_example_has_exactly_the_available_keys() -> None:
    shown = {name for name, _ in leaves((), tomllib.loads(uncommented()))}
    assert shown | {"pbx.users"} == set(KEYS)
    assert 'users = "all"' in EXAMPLE
    assert {name.rpartition(".")[0] for name in shown} <= TABLES


def test_what_the_example_shows_in_a_comment_is_the_default() -> None:
    for name, written in leaves((), tomllib.loads(uncommented())):
        default = KEYS[name].default
        if default in (MISSING, None, "") or name == "presence.timezone":
            continue
        value = KEYS[name].parse(written) if not KEYS[name].many else tuple(written)
        assert (name, value) == (name, default)


def test_the_mapping_that_the_example_shows_is_the_default() -> None:
    shown = tomllib.loads(uncommented())["presence"]["mapping"]
    assert {AppointmentKind(kind): target for kind, target in shown.items()} == dict(DEFAULT_MAPPING)
    assert all(isinstance(target, StrEnum) for target in DEFAULT_MAPPING.values())
