"""Settings as the local API shows and takes them: every key with its form, changes, versions and what is wrong."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Actor, Trouble

Value = bool | int | float | str | tuple[str, ...] | None
"""null: not set, so that the default holds."""

Changes = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=100)], Value], Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, Meta(ge=10, le=86400)]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `kind` says what a value is, or each entry of the list where `many`; `words` are all that are possible
    where it is one of some words, `low` and `high` the limits of a number.

    `origin`: the value is from the file, the default, or there is none. `effect` is what goes on otherwise after a
    change, `restarts` whether something begins anew for that. What is not `available` in this version is refused.
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
    available: bool


class SettingProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a key, or with the whole file where `key` is empty; `line` is that of the file, from 1."""

    key: str
    line: int | None
    reason: str
    remedy: str


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is set otherwise."""

    key: str
    before: Value
    after: Value


class SettingsVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What was in force from `at` on. `actor` is null where the file was edited by hand or the engine rolled back.

    Without a confirmation it is rolled back at `confirm_until`.
    """

    id: int
    at: datetime
    actor: Actor | None
    action: str
    changes: tuple[SettingChange, ...]
    confirm_until: datetime | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as the file has them.

    Where there is a `trouble` with the file, what was set before is in force, or nothing; `problems` name it key by
    key. `version` is the one in force, `offered` the one to go back to where the last change broke a connection, or
    waits to be confirmed.
    """

    file: str
    etag: str
    trouble: Trouble | None
    problems: tuple[SettingProblem, ...]
    settings: tuple[Setting, ...]
    version: SettingsVersion | None
    offered: int | None


class SettingsQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values by key that are to be checked; null takes a key out."""

    changes: Changes


class ChangeQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values by key that are to be put into force; null takes a key out.

    With `confirm_within` seconds, the change is rolled back unless it is confirmed by then.
    """

    changes: Changes
    confirm_within: Seconds | None = None


class RollbackQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to go back to; if not given, the one before that in force. A trial that was taken back does not
    count, and going back twice changes nothing."""

    version: int | None = None


class SettingsCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a change could be made. If so, what it would change (`live` without an interruption, `restarted`,
    or only `at_next_start`), else its `problems`. A `trouble` is what is not about single keys, or what keeps the
    engine from running afterwards."""

    valid: bool
    problems: tuple[SettingProblem, ...] = ()
    trouble: Trouble | None = None
    changes: tuple[SettingChange, ...] = ()
    live: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    at_next_start: tuple[str, ...] = ()


class SettingsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed and what became of it: what goes on otherwise (`live`), what was `restarted`, which keys have
    an effect `at_next_start`. Where the engine cannot run yet, `trouble` says why."""

    etag: str
    version: SettingsVersion | None
    changes: tuple[SettingChange, ...]
    live: tuple[str, ...]
    restarted: tuple[str, ...]
    at_next_start: tuple[str, ...]
    trouble: Trouble | None


class SettingsVersions(msgspec.Struct, frozen=True, kw_only=True):
    """The last versions, the newest first."""

    versions: tuple[SettingsVersion, ...]


class SettingsText(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file as it was in a version."""

    id: int
    text: str
