"""How things stand, in the words of the local API."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.common import Trouble


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """One side. Before the first attempt it is neither working nor in trouble."""

    name: Literal["PBX", "Exchange"]
    works: bool
    trouble: Trouble | None = None
    retry_at: datetime | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A user that a problem concerns."""

    guid: str
    label: str


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and how many users it concerns, the first of them by name; `link` is set where it is a whole side.

    What is the matter with the settings has no link and no users.
    """

    trouble: Trouble
    link: Literal["PBX", "Exchange"] | None
    count: int
    users: tuple[Affected, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at `now` (calendar time). As long as nothing is set up, `concerns` say why and what to do.

    Of `users`, `resolved` have a calendar that can be read, `unread` were not read yet, `unresolved` cannot be. The
    calendars of `watched` ones tell every change at once, the others are looked at now and then. `refused` presences
    were refused by the PBX. `staleness` is the age of the oldest reading, in seconds. `concerns` begin with the most
    important.
    """

    version: str
    state: Literal["running", "not set up"] = "running"
    now: datetime
    started: datetime
    links: tuple[LinkState, ...]
    users: int
    resolved: int
    watched: int
    unread: int
    unresolved: int
    refused: int
    oldest_reading: datetime | None
    staleness: float | None
    concerns: tuple[Concern, ...]
