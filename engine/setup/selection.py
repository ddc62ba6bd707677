"""Who takes part, as tick lists: their translation to settings and back, and what a choice means for the users."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Literal

from engine.core import selecting
from engine.core.selecting import Selected, choices, selected
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
    selected: Selected
    rows: Mapping[str, tuple[Row, ...]]

    @property
    def refusal(self) -> str:
        """Why this choice cannot be, "" if it can."""
        return "Nobody takes part." if self.selected.leaves_nobody else ""

    @property
    def doubt(self) -> str:
        """What to ask before going on, "" for nothing."""
        left_out, taken = len(self.selected.left_out), len(self.selected.taken)
        return f"This leaves out {left_out} of {left_out + taken}." if self.selected.leaves_out_most else ""


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
    lists = {names: tuple(map(_unescaped, chosen[names])) for names in LISTS}
    return TickLists(mode=mode, patterns=chosen["names"], hidden=values.get("pbx.users.hidden") is not False, **lists)


def settings_of(choice: TickLists) -> dict[str, SettingValue | None]:
    """Return the settings that make a choice, which is not `mixed`; signs of patterns in ticked names are escaped."""
    lists = {"names": choice.patterns} | {names: tuple(map(escape, getattr(choice, names))) for names in LISTS}
    changes: dict[str, SettingValue | None] = {"pbx.users.hidden": None if choice.hidden else False}
    for side, mode in (("include", "only"), ("exclude", "except")):
        for names, chosen in lists.items():
            changes[f"pbx.users.{side}.{names}"] = (chosen or None) if choice.mode == mode else None
    return changes


def choice(values: Values, users: Sequence[User], selection: UserSelection) -> Choice:
    """Return what the settings mean for the users of the PBX; `selection` is the same choice as the engine uses it."""
    chosen, possible = ticked(values), choices(users)
    return Choice(
        ticked=chosen,
        selected=selected(users, selection),
        rows={names: _rows(getattr(possible, names), getattr(chosen, names)) for names in LISTS},
    )


def _rows(possible: Sequence[selecting.Choice], chosen: Sequence[str]) -> tuple[Row, ...]:
    """Return the rows of a tick list; what is chosen stays, also if no user has it."""
    counts = {each.name: each.count for each in possible}
    names = dict.fromkeys((*counts, *chosen))
    return tuple(Row(name=each, count=counts.get(each, 0), ticked=each in chosen) for each in names)


def _unescaped(pattern: str) -> str:
    """Return the name that a pattern stands for, if it stands for one alone, else the pattern."""
    name = re.sub(r"\[([*?\[])\]", r"\1", pattern)
    return name if escape(name) == pattern else pattern


def _names(value: SettingValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
