"""Changing values in a settings file: the values are set, and every other byte stays."""

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings.editor import SettingsNotEditable, SettingValue, edited
from engine.settings.forms import differences, setting_forms
from engine.settings.keys import HELP, KEYS, Effect, effect_of

EXAMPLE = (Path(__file__).parents[2] / "packaging" / "calendar-engine.toml").read_text()
UTC = ZoneInfo("UTC")
LAYOUTS = {
    "the example": EXAMPLE,
    "nothing": "",
    "no line end": '[pbx]\nmaster = "m"',
    "dotted keys": 'pbx.master = "m" # mine\npbx.port = 1\nexchange.user = "a@b.c"\n',
    "inline table": '[pbx]\nmaster = "m"\nusers = {hidden = false, include = {groups = ["a"]}}\n',
    "tables out of order": "[pbx]\nport = 1\n[exchange]\n[pbx.users]\nhidden = true\n[presence]\n[pbx.users.include]\n",
    "windows": '# über\r\n[pbx]\r\nmaster = "m"\r\n\r\n[presence]\r\nlanguage = "de" # ä\r\n',
    "traps": '[pbx]\nlisten_names = [\n  "[presence]", # [exchange]\n  "#port = 1",\n]\n[presence]\n',
}
ALL_USERS = '[pbx]\nusers = "all" # everybody\nmaster = "m"\n'

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**31), 2**31), st.floats(-1e6, 1e6), TEXTS, st.lists(TEXTS, max_size=3).map(tuple)
)
NAMES = st.sampled_from([name for name in KEYS if name != "pbx.users"])


def value_in(text: str, name: str) -> object:
    found: object = tomllib.loads(text)
    for step in name.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return tuple(found) if isinstance(found, list) else found


@pytest.mark.slow
@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@hypothesis.settings(max_examples=20)
@given(changes=st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_what_is_set_can_be_read_and_nothing_else_changes(text: str, changes: dict[str, SettingValue]) -> None:
    after = edited(text, changes)
    for name, value in changes.items():
        assert repr(value_in(after, name)) == repr(value)
    for name in KEYS.keys() - changes.keys() - {"pbx.users"}:
        assert repr(value_in(after, name)) == repr(value_in(text, name))


@pytest.mark.slow
@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@hypothesis.settings(max_examples=20)
@given(name=NAMES, value=VALUES)
def test_every_line_but_that_of_the_value_stays_byte_for_byte(text: str, name: str, value: SettingValue) -> None:
    after = edited(text, {name: value})
    if value_in(text, name) is None and "{" not in text:
        taken_out = edited(after, {name: None})
        assert [line for line in taken_out.split("\n") if line.strip() and not line.startswith("[")] == [
            line for line in text.split("\n") if line.strip() and not line.startswith("[")
        ]
    lines = text.split("\n")
    kept = [line for line in after.split("\n") if line in lines]
    changed = [line for line in lines if line not in kept]
    assert len(changed) <= (4 if name == "pbx.listen_names" else 1)


@pytest.mark.slow
@hypothesis.settings(max_examples=20)
@given(name=st.sampled_from(["pbx.master", "pbx.host", "exchange.type", "exchange.user"]), value=TEXTS)
def test_a_value_that_is_put_back_leaves_no_trace(name: str, value: str) -> None:
    before = value_in(EXAMPLE, name)
    assert isinstance(before, str)
    assert edited(edited(EXAMPLE, {name: value}), {name: before}) == EXAMPLE


def test_a_new_value_stands_below_the_comment_that_shows_its_key() -> None:
    after = edited(EXAMPLE, {"presence.language": "de"})
    assert '#language = "en"\nlanguage = "de"\n' in after
    assert len(after.splitlines()) == len(EXAMPLE.splitlines()) + 1


def test_a_comment_behind_a_value_stays() -> None:
    assert edited("[pbx]\nport = 1  # why\n", {"pbx.port": 2}) == "[pbx]\nport = 2  # why\n"


def test_all_users_become_some_and_all_again() -> None:
    some = edited(ALL_USERS, {"pbx.users.include.groups": ("sales",)})
    assert value_in(some, "pbx.users.include.groups") == ("sales",)
    again = edited(some, {"pbx.users": "all"})
    assert (value_in(again, "pbx.users"), value_in(again, "pbx.master")) == ("all", "m")


def test_what_is_set_already_changes_nothing() -> None:
    assert edited(EXAMPLE, {"pbx.master": "master", "pbx.domain": None}) == EXAMPLE


def test_true_is_not_one() -> None:
    assert "tls = 1" in edited("[pbx]\ntls = true\n", {"pbx.tls": 1})


def test_a_file_that_is_no_toml_is_left_alone() -> None:
    with pytest.raises(SettingsNotEditable):
        edited("[pbx\n", {"pbx.port": 1})


def test_every_key_has_a_line_of_help_and_an_effect() -> None:
    assert set(HELP) == set(KEYS)
    for name, text in HELP.items():
        assert 10 < len(text) < 100, name
        assert not text.endswith("."), name
        assert effect_of(name) in Effect


def test_the_catalogue_tells_where_values_come_from() -> None:
    found = {each.key: each for each in setting_forms("[pbx]\nport = 1\nmaster = 7\n[nonsense]\n", UTC)}
    assert set(found) == set(KEYS)
    assert (found["pbx.port"].value, found["pbx.port"].origin) == (1, "file")
    assert (found["pbx.master"].value, found["pbx.master"].origin) == (None, "none")
    assert (found["pbx.app"].value, found["pbx.app"].origin) == ("calendar", "default")
    assert found["presence.timezone"].default == "UTC"
    assert found["exchange.type"].words == ("on-premises", "cloud-graph", "hybrid", "cloud-ews")


def test_differences_are_told_key_by_key() -> None:
    before, after = "[pbx]\nport = 1\ntls = true\n", '[pbx]\nport = 2\nmaster = "m"\n'
    found = {each.key: (each.before, each.after) for each in differences(before, after)}
    assert found == {"pbx.port": (1, 2), "pbx.tls": (True, None), "pbx.master": (None, "m")}
    assert differences("[pbx", "[pbx") == ()
