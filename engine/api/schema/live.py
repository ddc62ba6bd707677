"""Messages of the local API about going live: who is written to the PBX, what that would change, today's notes."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST
from engine.api.schema.common import Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Seconds, Value
from engine.api.schema.users import Shown

Written = Literal["nobody", "pilots", "everybody"]
"""Whose presences are written to the PBX: nobody's (a dry run), those of the users in engine.pilots, or everybody's."""


class LiveQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go live: for everybody, or with `pilots` (names of PBX users, * and ? allowed) for these alone.

    With `confirm_within` seconds, it goes back by itself unless it is confirmed by then (POST /v1/settings/confirm).
    """

    pilots: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=1000)] = ()
    confirm_within: Seconds | None = None


class BackQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go back: to what was before a change that awaits confirmation, else to a dry run.

    Unless `keep`, the presences of the engine are then cleared in the PBX for users who are no longer written.
    """

    keep: bool = False


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """Whose presences are `written`. Of `users`, `live` ones are written.

    `withheld` others would show something different. `left` users are not written any more, but the PBX still shows
    what the engine wrote earlier. At `confirm_until` it goes back by itself. `clearing` is the operation that clears
    what is left, if one was started.
    """

    written: Written
    pilots: tuple[str, ...]
    users: int
    live: int
    withheld: int
    left: int
    confirm_until: datetime | None = None
    clearing: Operation | None = None


class LivePreviewQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comparison of what the PBX shows now with what the engine would write.

    Without `settings`, those of the running engine and its calendars count. With any (by dotted key), or before there
    is an engine, users and calendars are read by them, with the `secrets` given or stored.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to remove: `left` presences in the PBX, and `files` of the engine, which only an administrator
    deletes. `clearing` is the operation that clears the presences, if one was started."""

    left: int
    files: tuple[str, ...]
    clearing: Operation | None = None


LiveSort = Literal["name", "now", "would_be", "state"]


class LivePageQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects a page: every word of `filter` occurs in the label, name, presences, state or problem, ignoring case.

    With `differing`, only users who would show something different.
    """

    filter: Annotated[str, Meta(max_length=200)] = ""
    differing: bool = False
    sort: LiveSort = "name"
    descending: bool = False
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class LivePreviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One user: what the PBX shows `now` (the newest presence of any origin), and what it `would_be`.

    `state`: it differs or is the same; the user is left as is (because of `problem`: no calendar can be read), or the
    PBX did not tell (`problem`). `ours` is the calendar presence in the PBX, whoever wrote it. `by_hand` is a presence
    that the user has chosen; the PBX then shows both, the newer one first.
    """

    guid: str
    name: str
    label: str
    state: Literal["differs", "same", "left", "unknown"]
    now: Shown | None
    ours: Shown | None
    would_be: Shown | None
    by_hand: Shown | None = None
    problem: Trouble | None = None


class LivePreview(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison as far as it has come: of `users`, `looked_at` ones are compared. Of these, `differ` would show
    something else, `left` ones stay as they are, and `unknown` ones could not be compared.

    `by_hand` are those with a presence chosen by hand. `total` rows match the filter. `stopped_by` is why it could not
    go on. `timezone` is that of the notes.
    """

    operation: Operation
    begun: datetime
    timezone: str
    users: int
    looked_at: int
    differ: int
    left: int
    unknown: int
    by_hand: int
    stopped_by: Trouble | None
    total: int
    page: int
    per_page: int
    rows: tuple[LivePreviewRow, ...]


class NotesQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `presence` by dotted key, to see today's notes with them; at most `most` users are listed.

    `most` may be written as 10.0, which is an integer in JSON Schema as well.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    most: Annotated[float, Meta(ge=1, le=100)] = 10


class TodaysNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a user shows first from now on: `begins` is null if it is shown now. `private`: the subject is hidden
    because it is private. `before` is what the settings before would show at that time, null if the same."""

    guid: str
    label: str
    begins: datetime | None
    presence: Shown
    private: bool
    all_day: bool
    before: Shown | None


class TodaysNotes(msgspec.Struct, frozen=True, kw_only=True):
    """Notes of today, those that differ from before first. Of `users` with a calendar, `looked_at` were computed
    within the time there is for an answer, `showing` of them show something today, and `differ` from before.

    `remarks` are its limits.
    """

    users: int
    looked_at: int
    showing: int
    differ: int
    timezone: str
    notes: tuple[TodaysNote, ...]
    remarks: tuple[str, ...] = ()
