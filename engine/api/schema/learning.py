"""Messages of the local API about the presence test, which finds out how this PBX treats presences."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST, RungAccount
from engine.api.schema.common import Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Value
from engine.api.schema.status import Affected


class LearningQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A presence test with one `user` (Name in the PBX, or guid), who shows a test note for some seconds.

    With `settings` by dotted key and `secrets` by name instead of those in force.
    """

    user: Annotated[str, Meta(min_length=1, max_length=200)]
    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}


class WayToClear(msgspec.Struct, frozen=True, kw_only=True):
    """One value of pbx.clear and its effect: the presence goes, stays as it was, or stays without content.

    `first`: what stays is the newest presence of the user, so that it covers one chosen by hand.
    """

    clear: Literal["empty", "omit", "online"]
    effect: Literal["goes", "stays", "stays empty"]
    first: bool


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """A presence test as far as it has come: `names` are all its steps, `rungs` the steps that are done.

    `ways` are the ways to clear a presence. Notes of up to `note_length` characters are kept whole (null: not known
    yet), `is_longest` if that is the longest that the engine writes anyway. `proposed` are settings, by key. `put_back`
    is when the presences of before were put back; `remains` is why they are not.
    """

    operation: Operation
    user: Affected | None
    names: tuple[str, ...]
    rungs: tuple[RungAccount, ...]
    ways: tuple[WayToClear, ...] = ()
    note_length: int | None = None
    is_longest: bool = False
    proposed: dict[str, Value] = {}
    put_back: datetime | None = None
    remains: Trouble | None = None
