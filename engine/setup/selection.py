"""Who takes part, as tick lists: their translation to settings and back, and what a choice means for the users."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.users import User, UserSelection
from engine.settings.editor import SettingValue
from engine.setup.pages import Values

LISTS = ("groups", "nodes", "locations", "templates")
SAMPLE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TickLists:
    """A choice of users: everybody, only those ticked, or everybody but those ticked. `mixed`: the settings both
    include and exclude."""

    mode: Literal["everybody", "only", "except", "mixed"]
    groups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hidden: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a tick list, with the number of users in it."""

    name: str
    count: int
    ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a choice means: the users taken and left out, and the rows of each tick list."""

    ticked: TickLists
    taken: tuple[User, ...]
    left_out: tuple[User, ...]
    rows: Mapping[str, tuple[Row, ...]]

    @property
    def refusal(self) -> str:
        """Why this choice cannot be, "" if it can."""
        return "Nobody takes part." if self.left_out and not self.taken else ""

    @property
    def doubt(self) -> str:
        """What to ask before going on, "" for nothing."""
        total = len(self.taken) + len(self.left_out)
        return f"This leaves out {len(self.left_out)} of {total}." if 2 * len(self.left_out) > total else ""


def ticked(values: Values) -> TickLists:
    """Return the choice that the settings make."""
    sides = {
        side: {names: _names(values.get(f"pbx.users.{side}.{names}")) for names in ("names", *LISTS)}
        for side in ("include", "exclude")
    }
    only, but = any(sides["include"].values()), any(sides["exclude"].values())
    mode: Literal["everybody", "only", "except", "mixed"] = (
        "mixed" if only and but else "only" if only else "except" if but else "everybody"
    )
    chosen = sides["exclude" if mode == "except" else "include"]
    lists = {names: chosen[names] for names in LISTS}
    return TickLists(mode=mode, patterns=chosen["names"], hidden=values.get("pbx.users.hidden") is not False, **lists)


def settings_of(choice: TickLists) -> dict[str, SettingValue | None]:
    """Return the settings that make a choice, which is not `mixed`."""
    lists = {"names": choice.patterns} | {names: getattr(choice, names) for names in LISTS}
    changes: dict[str, SettingValue | None] = {"pbx.users.hidden": None if choice.hidden else False}
    for side, mode in (("include", "only"), ("exclude", "except")):
        for names, chosen in lists.items():
            changes[f"pbx.users.{side}.{names}"] = (chosen or None) if choice.mode == mode else None
    return changes


def choice(values: Values, users: Sequence[User], selection: UserSelection) -> Choice:
    """Return what the settings mean for the users of the PBX; `selection` is the same choice as the engine uses it."""
    taken = tuple(user for user in users if selection.takes_part(user))
    guids = {user.guid for user in taken}
    chosen = ticked(values)
    return Choice(
        ticked=chosen,
        taken=taken,
        left_out=tuple(user for user in users if user.guid not in guids),
        rows={names: _rows(users, names, getattr(chosen, names)) for names in LISTS},
    )


def _rows(users: Sequence[User], names: str, chosen: Sequence[str]) -> tuple[Row, ...]:
    counted = Counter(each for user in users for each in _of(user, names) if each)
    known = dict.fromkeys((*sorted(counted, key=lambda each: (-counted[each], each)), *chosen))
    return tuple(Row(name=each, count=counted[each], ticked=each in chosen) for each in known)


def _of(user: User, names: str) -> tuple[str, ...]:
    match names:
        case "groups":
            return user.groups
        case "nodes":
            return (user.node,)
        case "locations":
            return (user.home,)
        case _:
            return (user.template,)


def _names(value: SettingValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
