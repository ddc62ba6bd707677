"""Messages of the local API about settings: every key with its form, changes, versions and problems."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Actor, Trouble

Value = bool | int | float | str | tuple[str, ...] | None
"""null: not set, so that the default applies."""

Changes = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=100)], Value], Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, Meta(ge=10, le=86400)]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `kind` is the type of a value, or of each entry of a list if `many`; `words` are the possible values
    of a choice, `low` and `high` the limits of a number.

    `origin`: the value is from the file, the default, or there is none. `effect` is the part affected by a change,
    `restarts` whether a restart is needed for that.
    """

    key: str
    help: str
    kind: str
    many: bool
    words: tuple[str, ...]
    low: float | None
    high: float | None
    default: Value
    value: Value
    origin: Literal["file", "default", "none"]
    effect: str
    restarts: bool


class SettingProblem(msgspec.Struct, frozen=True, kw_only=True):
    """An error in a key, or in the whole file if `key` is empty; `line` is its line in the file, from 1.

    `instead` are the settings that are meant by the value, if that is clear: host and port of a URL in pbx.host.
    """

    key: str
    line: int | None
    reason: str
    remedy: str
    instead: dict[str, Value] = {}


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key whose value differs."""

    key: str
    before: Value
    after: Value


class SettingsVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version in force from `at` on. `actor` is null if the file was edited by hand or the engine rolled back.

    Without a confirmation it is rolled back at `confirm_until`. `node` is the engine that it was made at, empty if that
    works alone.
    """

    id: int
    at: datetime
    actor: Actor | None
    action: str
    changes: tuple[SettingChange, ...]
    confirm_until: datetime | None
    node: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as in the file.

    With a `trouble` in the file, the earlier settings stay in force, if any; `problems` list it key by key.
    `version` is the one in force, `offered` the one to go back to if the last change broke a connection, or awaits
    confirmation.
    """

    file: str
    etag: str
    trouble: Trouble | None
    problems: tuple[SettingProblem, ...]
    settings: tuple[Setting, ...]
    version: SettingsVersion | None
    offered: int | None


class SettingsQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values by key to check; null removes a key."""

    changes: Changes


class ChangeQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values by key to apply; null removes a key.

    With `confirm_within` seconds, the change is rolled back unless it is confirmed by then.
    """

    changes: Changes
    confirm_within: Seconds | None = None


class RollbackQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to go back to; if not given, the one before that in force. A trial that was rolled back does not
    count, and a second rollback changes nothing."""

    version: int | None = None


class SettingsCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The check of a change. If valid, what it would change (`live` without an interruption, `restarted`, or only
    `at_next_start`), else its `problems`. A `trouble` concerns no single key, or keeps the engine from running
    afterwards."""

    valid: bool
    problems: tuple[SettingProblem, ...] = ()
    trouble: Trouble | None = None
    changes: tuple[SettingChange, ...] = ()
    live: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    at_next_start: tuple[str, ...] = ()


class SettingsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The changes and their effect: parts changed `live`, parts `restarted`, and keys that take effect
    `at_next_start`. If the engine cannot run yet, `trouble` is the reason. `behind` are other engines of the cluster
    at which the change was not in force after a second."""

    etag: str
    version: SettingsVersion | None
    changes: tuple[SettingChange, ...]
    live: tuple[str, ...]
    restarted: tuple[str, ...]
    at_next_start: tuple[str, ...]
    trouble: Trouble | None
    behind: tuple[str, ...] = ()


class SettingsVersions(msgspec.Struct, frozen=True, kw_only=True):
    """The latest versions, the newest first."""

    versions: tuple[SettingsVersion, ...]


class SettingsText(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file in a version."""

    id: int
    text: str
