"""How things stand, in the words of the local API."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.common import Trouble


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """One side, working or not `since` then. Before the first attempt it is neither working nor in trouble.

    What does not work waits for its first or next try, for a call (the PBX has to connect), or for the users: the PBX
    is still telling them, or Exchange was not asked for any yet.
    """

    name: Literal["PBX", "Exchange"]
    works: bool
    since: datetime | None = None
    waits_for: Literal["first try", "next try", "call", "users"] | None = None
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


class HeldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change would clear the presences of `users` of `of_users`, `presences` of the `of_presences` that are shown
    now among them, and waits to be confirmed."""

    users: int
    of_users: int
    presences: int
    of_presences: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at `now` (calendar time). Notes tell times in `timezone` (an IANA name).

    As long as nothing is set up, `concerns` say why and what to do.

    Of `users`, `resolved` have a calendar that can be read, `unread` were not read yet, `unresolved` cannot be. The
    calendars of `watched` ones tell every change at once, the others are looked at now and then. `refused` presences
    were refused by the PBX. `oldest_reading` is that of the calendars which are not watched, `staleness` its age in
    seconds. `concerns` begin with the most important. `open_files` are the file descriptors of the engine, of which it
    may have `open_files_limit`. `loop_lag` is how many seconds what was due had to wait for its turn at most
    in the last minute.

    In a `dry_run` nothing is written to the PBX: `withheld` users would show something else if it were, of whom
    `withheld_cleared` would show nothing any more. What is `held` would clear more than half of all presences, and is
    not done before it is confirmed.
    """

    version: str
    state: Literal["running", "not set up"] = "running"
    now: datetime
    started: datetime
    timezone: str
    links: tuple[LinkState, ...]
    users: int
    resolved: int
    watched: int
    unread: int
    unresolved: int
    refused: int
    oldest_reading: datetime | None
    staleness: float | None
    dry_run: bool = False
    withheld: int = 0
    withheld_cleared: int = 0
    held: HeldChange | None = None
    concerns: tuple[Concern, ...]
    open_files: int = 0
    open_files_limit: int = 0
    loop_lag: float = 0.0
