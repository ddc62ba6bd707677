"""Messages of the local API about the users of a set-up: who takes part, and whose calendars can be read."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class SetupSelection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes part, as tick lists: everybody, only those ticked, or everybody but those ticked.

    `patterns` are of user names (* and ?). `mixed`: the settings both include and exclude; it can be read, not sent.
    """

    mode: Literal["everybody", "only", "except", "mixed"]
    groups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hidden: bool = True


class SetupUsersGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a tick list, with the number of users in it."""

    name: str
    count: int
    ticked: bool


class SetupUsers(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part: of `total` users `taken`. `sample_taken` and `sample_left_out` name some of them.

    `refusal` says why this cannot be: nobody is left. `doubt` is a question to ask again: more than half is left out.
    """

    selection: SetupSelection
    total: int
    taken: int
    groups: tuple[SetupUsersGroup, ...]
    nodes: tuple[SetupUsersGroup, ...]
    locations: tuple[SetupUsersGroup, ...]
    templates: tuple[SetupUsersGroup, ...]
    sample_taken: tuple[str, ...]
    sample_left_out: tuple[str, ...]
    refusal: str = ""
    doubt: str = ""


class SetupUsersQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects a page of the users that take part, or are left out."""

    taken: bool = True
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class SetupUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the PBX, with what the tick lists go by."""

    guid: str
    name: str
    label: str
    groups: tuple[str, ...]
    node: str
    location: str
    template: str


class SetupUsersPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the users that take part, or are left out."""

    total: int
    page: int
    per_page: int
    users: tuple[SetupUser, ...]


class SetupAccessUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user whose calendar cannot be read: the `address` of the mailbox, "" if none was found at those `looked_for`,
    and what Exchange said (`detail`)."""

    guid: str
    label: str
    address: str
    looked_for: tuple[str, ...]
    detail: str


class SetupAccessCause(msgspec.Struct, frozen=True, kw_only=True):
    """Users whose calendars cannot be read for the same reason, the first hundred of them by name.

    `stage` is how far it went: the mailbox was not found, there is no right to open it, or the calendar cannot be read.
    `commands` mend it for these users.
    """

    type: str
    title: str
    stage: Literal["mailbox", "right", "calendar"]
    remedy: str
    commands: tuple[str, ...]
    count: int
    users: tuple[SetupAccessUser, ...]


class SetupAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calendars can be read: of `total` users, `tried` so far, `readable` of them; `causes` of the others, the
    most frequent first. `zones` are the time zones of the mailboxes with their number, as far as Exchange tells them.
    """

    total: int
    tried: int
    readable: int
    causes: tuple[SetupAccessCause, ...]
    zones: dict[str, int] = {}
