"""Messages of the local API about who takes part, and whose calendar can be read."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST, RungAccount
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Value
from engine.api.schema.setup_users import SetupAccess


class AccessQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose access to try, with `settings` by dotted key and `secrets` by name instead of those in force: that of all
    users who take part or, with the id of an earlier one as `again`, of those whose calendars could not be read.

    With `who_only`, nobody's is tried: the users of the PBX are read, to see who takes part.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}
    again: Annotated[str, MOST] = ""
    who_only: bool = False


class AccessPageQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects a page of the users."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=1000)] = 100


class AccessUser(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying to read one user's calendar: the `address` of the mailbox, "" if none was found at those
    `looked_for`; at which `stage` it failed, why (`problem`, `detail`), and what to do, null and "" if it can be read.
    """

    guid: str
    name: str
    label: str
    address: str
    stage: Literal["mailbox", "right", "calendar"] | None
    problem: str
    detail: str
    looked_for: tuple[str, ...] = ()
    remedy: str = ""


class AccessUsers(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the users that were tried, by name; `total` is their number."""

    total: int
    page: int
    per_page: int
    users: tuple[AccessUser, ...]


class AccessChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A group, node, location or template of the PBX, and the number of its users."""

    name: str
    count: int


class AccessSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part by pbx.users, and who is left out, by name; and what a selection can be made of."""

    taken: tuple[str, ...]
    left_out: tuple[str, ...]
    groups: tuple[AccessChoice, ...]
    nodes: tuple[AccessChoice, ...]
    locations: tuple[AccessChoice, ...]
    templates: tuple[AccessChoice, ...]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A check of everybody's access as far as it has come: the steps done, the result by cause, and one page of the
    users tried so far, by name. `access` and `selection` are null until the users of the PBX are known."""

    operation: Operation
    rungs: tuple[RungAccount, ...]
    access: SetupAccess | None
    selection: AccessSelection | None
    users: tuple[AccessUser, ...]
    page: int
    per_page: int
