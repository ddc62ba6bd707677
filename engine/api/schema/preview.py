"""Messages of the local API about the what-if preview."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST
from engine.api.schema.common import Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Value
from engine.api.schema.users import Shown


class PreviewQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `presence` and `exchange`, by dotted key, to compare with those in force. With any of `exchange`, all
    calendars are read by them, with the `secrets` given or stored."""

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], MOST] = {}


class PreviewPageQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects a page of the response."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class PreviewDifference(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` until `until` the PBX would show `after` instead of `before`; `why` is the reason in English."""

    at: datetime
    until: datetime
    before: Shown
    after: Shown
    why: str


class PreviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One user whose presence would change, with the differences; or whose calendar could not be read by the settings
    of `exchange`, because of `problem`."""

    guid: str
    label: str
    differences: tuple[PreviewDifference, ...]
    problem: Trouble | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """From now until the end of the day. Of `looked_at` users, `unread` have no calendar yet, and `affected` would
    show something different, `affected_now` of them at once, and `unreadable` of them have a calendar that could not be
    read. `remarks` are the limits of the preview. `timezone` is the one of the notes with these settings.

    `stopped_by` is why no more calendars could be read by the settings of `exchange`.
    """

    operation: Operation
    looked_at: int
    unread: int
    affected: int
    affected_now: int
    unreadable: int = 0
    stopped_by: Trouble | None = None
    remarks: tuple[str, ...]
    timezone: str
    page: int
    per_page: int
    users: tuple[PreviewRow, ...]
