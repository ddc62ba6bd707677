"""Holds a change that would clear so many presences at once that it needs confirmation. No I/O."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from engine.core.errors import Failure, Fault, Scope

LEAST = 3
"""Fewer users are never held: on a site that small everybody sees the effect of a change."""

GRACE = timedelta(seconds=5)
"""Network time for which the PBX's changes of single users are collected, because one change there affects many."""


@dataclass(frozen=True, slots=True)
class Held:
    """A held change: `users` of `of_users` would no longer take part, and `presences` of `of_presences` be cleared."""

    users: int
    of_users: int
    presences: int
    of_presences: int

    @property
    def words(self) -> str:
        """The effect in words and numbers."""
        who = f"{self.users} of {self.of_users} users would no longer show a presence"
        return f"{who}, including {self.presences} of the {self.of_presences} presences shown now"


class ClearingHeld(Failure):
    """A change would clear more than half of all presences, and waits for confirmation."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "A change would clear more than half of all presences, so nothing is cleared until it is confirmed"
    remedy = (
        "If this is intended, confirm it with calendar-engine hold confirm. If not, correct who takes part and what is "
        "shown (calendar-engine config rollback), or the groups, nodes and users in the PBX. Until then everybody is "
        "kept as before."
    )


class NobodyTakesPart(Failure):
    """The PBX is connected and all its users are known, but there is nobody to show a presence for."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Nobody takes part"
    remedy = (
        "Check pbx.users.* in the settings, the groups, nodes and templates of the users in the PBX, and whether the "
        "App object may see the users (TableUsers)."
    )

    @classmethod
    def of(cls, seen: int) -> Self:
        """Return the failure for a PBX of which so many users are known."""
        selected = f"none of the {seen} users of the PBX is selected by pbx.users"
        return cls(selected if seen else "the PBX reported no users")


class PresencesLeft(Failure):
    """Users who are not written any more still show what the engine wrote earlier."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The PBX still shows presences that are not updated any more"
    remedy = (
        "They stay as they were when writing ended, however long ago. Clear them with calendar-engine go-back, or "
        "write them again with calendar-engine go-live."
    )


def held(leaving: Set[str], everybody: Set[str], showing: Set[str]) -> Held | None:
    """Return what to hold: if those `leaving` are more than half of `everybody`, or of those `showing` a presence,
    and at least `LEAST`."""
    cleared = leaving & showing
    if not (_most(leaving, everybody) or _most(cleared, showing)):
        return None
    return Held(len(leaving), len(everybody), len(cleared), len(showing))


def _most(part: Set[str], whole: Set[str]) -> bool:
    return len(part) >= LEAST and 2 * len(part) > len(whole)
