"""When so many presences would be cleared at once that somebody has to say that this is meant. No I/O."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta

from engine.core.errors import Failure, Fault, Scope

LEAST = 3
"""Fewer than that many are never held: on a site that small everybody sees what was done."""

GRACE = timedelta(seconds=5)
"""Network time for which what the PBX says of single users is collected, since one change there tells many of them."""


@dataclass(frozen=True, slots=True)
class Held:
    """`users` of `of_users` would take part no more, and `presences` of `of_presences` be cleared."""

    users: int
    of_users: int
    presences: int
    of_presences: int

    @property
    def words(self) -> str:
        """Say it with numbers."""
        who = f"{self.users} of {self.of_users} users would no longer show a presence"
        return f"{who}, including {self.presences} of the {self.of_presences} presences shown now"


class ClearingHeld(Failure):
    """A change would clear more than half of all presences, and waits for somebody to confirm it."""

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
    meaning = "Nobody takes part, so no presence is shown"
    remedy = (
        "Check pbx.users.* in the settings, the groups, nodes and templates of the users in the PBX, and whether the "
        "App object may see the users (TableUsers)."
    )


def held(leaving: Set[str], everybody: Set[str], showing: Set[str]) -> Held | None:
    """Return what is to be held: where those `leaving` are more than half of `everybody`, or of those `showing`
    something, and `LEAST` at least."""
    cleared = leaving & showing
    if not (_most(leaving, everybody) or _most(cleared, showing)):
        return None
    return Held(len(leaving), len(everybody), len(cleared), len(showing))


def _most(part: Set[str], whole: Set[str]) -> bool:
    return len(part) >= LEAST and 2 * len(part) > len(whole)
