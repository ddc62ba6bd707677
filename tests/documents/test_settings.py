from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest

from engine.api.schema import Actor, AuditEntry, Trouble
from engine.api.schema.settings import (
    Setting,
    SettingChange,
    SettingProblem,
    Settings,
    SettingsChanged,
    SettingsVersion,
    SettingsVersions,
    Value,
)
from engine.documents.lines import Document
from engine.documents.settings import (
    change_outcome,
    differences,
    help_document,
    settings_document,
    state_lines,
    versions_document,
)
from engine.documents.settings_draft import Draft, form, shown, typed, words_of, written
from engine.documents.status import audit_line

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def setting(
    key: str = "pbx.port",
    kind: str = "whole number",
    *,
    many: bool = False,
    words: tuple[str, ...] = (),
    default: Value = 443,
    value: Value = 443,
    origin: Literal["file", "default", "none"] = "default",
) -> Setting:
    return Setting(
        key=key,
        help="What it is for",
        kind=kind,
        many=many,
        words=words,
        low=1 if kind == "whole number" else None,
        high=65535 if kind == "whole number" else None,
        default=default,
        value=value,
        origin=origin,
        effect="PBX link",
        restarts=True,
    )


def settings_of(*each: Setting) -> Settings:
    return Settings(file="/etc/x.toml", etag="1", trouble=None, problems=(), settings=each, version=None, offered=None)


def texts(document: Document) -> list[str]:
    return [line.text.rstrip() for line in document]


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("8443", setting(), 8443),
        ("x", setting(), "x"),
        ("0.5", setting(kind="number"), 0.5),
        ("TRUE", setting(kind="true or false"), True),
        ("perhaps", setting(kind="true or false"), "perhaps"),
        ("", setting(), None),
        ("", setting(many=True), ()),
        ('one, "two, three" ,four', setting(kind="text", many=True), ("one", "two, three", "four")),
    ],
)
def test_what_is_typed_becomes_a_value(text: str, of: Setting, value: Value) -> None:
    assert typed(text, of) == value
    assert typed(written(value), of) == value


def test_values_are_shown() -> None:
    assert [shown(each) for each in (None, (), "", True, ("a", "b"), 5)] == [
        "not set",
        "none",
        '""',
        "true",
        "a, b",
        "5",
    ]
    assert form(setting()) == "whole number from 1 to 65535"
    assert form(setting(kind="text", many=True)) == "list of text, separated by commas"
    assert words_of(setting(kind="true or false")) == ("true", "false")


def test_a_draft_knows_what_is_no_change() -> None:
    in_file, by_default = setting(value=8443, origin="file"), setting()
    assert not Draft().with_value(in_file, 8443)
    assert not Draft().with_value(by_default, None)
    assert dict(Draft().with_value(in_file, None).changes) == {"pbx.port": None}
    changed = Draft().with_value(by_default, 1)
    assert changed.value(by_default) == 1
    assert not changed.with_value(by_default, None)
    assert not changed.without("pbx.port")


def test_the_list_shows_what_would_be_changed() -> None:
    port = setting(value=8443, origin="file")
    found = texts(settings_document(settings_of(port), Draft().with_value(port, 1), "port what", 80))
    assert found[1].split() == ["*", "port", "1", "was", "8443"]
    back = texts(settings_document(settings_of(port), Draft().with_value(port, None), "", 80))
    assert "443 (default)" in back[1]
    assert texts(settings_document(settings_of(port), Draft(), "nothing", 80)) == [" No setting matches these words."]


def test_help_names_what_is_wrong_with_the_draft() -> None:
    port = setting()
    wrong = SettingProblem(key="pbx.port", line=3, reason="is no port", remedy="Write a number.")
    other = SettingProblem(key="pbx.host", line=None, reason="is missing", remedy="Set it.")
    found = texts(help_document(port, Draft().with_value(port, 0), (wrong, other), 80))
    assert found[-2:] == [" ✗ is no port. Write a number.", " ✗ pbx.host is missing. Set it."]


def test_a_value_that_the_list_cuts_is_whole_below_it() -> None:
    before, after = (":".join(f"{number + start:02X}" for number in range(32)) for start in (0, 100))
    pin = setting(key="pbx.fingerprint", kind="text", default=None, value=before, origin="file")
    for draft, whole in ((Draft(), (before,)), (Draft().with_value(pin, after), (after, before))):
        assert "…" in texts(settings_document(settings_of(pin), draft, "", 80))[1]
        below = texts(help_document(pin, draft, (), 80))
        found = "".join(text.replace("now", "").replace("was", "").strip() for text in below)
        assert all(each in found for each in whole)
    assert not any("now" in text for text in texts(help_document(setting(), Draft(), (), 80)))
    [_, *values] = texts(Document([*differences((SettingChange(key="a", before=before, after=after),), 60)]))
    assert before in "".join(text.removeprefix("   - ").strip() for text in values)


def test_a_trial_is_counted_down() -> None:
    found = texts(state_lines(settings_of(), Draft(), NOW + timedelta(seconds=42), NOW, 80))
    assert found == [" The last change is rolled back in 42 s unless K keeps it. B rolls back now."]


def test_what_became_of_a_change_is_said() -> None:
    changed = SettingsChanged(
        etag="", version=None, changes=(), live=("decisions",), restarted=("PBX link",), at_next_start=(), trouble=None
    )
    assert change_outcome(changed) == (
        "Changed: all presences are decided again; the PBX is connected to again (about 5 s)."
    )
    late = msgspec.structs.replace(changed, behind=("b", "c"), restarted=())
    assert change_outcome(late) == "Changed: all presences are decided again. Not yet in force at b, c."
    trouble = Trouble(type="t", title="It cannot run", detail="", remedy="Do it.", fault="settings", scope="service")
    broken = SettingsChanged(
        etag="", version=None, changes=(), live=(), restarted=(), at_next_start=(), trouble=trouble
    )
    assert change_outcome(broken) == "Changed, with a problem: It cannot run. Do it."


def test_at_which_of_several_engines_something_was_changed_is_said() -> None:
    anna = Actor(uid=1000, pid=1, user="anna")
    version = SettingsVersion(
        id=7, at=NOW, actor=anna, action="change", changes=(), confirm_until=None, node="cal-b.example.com"
    )
    [shown_version] = texts(versions_document(SettingsVersions(versions=(version,)), 7, 80, UTC))
    assert shown_version.endswith("change by anna at cal-b.example.c…")
    entry = AuditEntry(at=NOW, actor=anna, action="change_settings", subject="presence.language", node="b")
    assert audit_line(entry, UTC, 80).text.endswith("audit: change_settings by anna at b: presence.language")
