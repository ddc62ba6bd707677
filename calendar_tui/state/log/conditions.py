"""The conditions that exchanges are filtered by: each can be suspended and taken up again, and none is forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

REMEMBERED = 50
"""Filters in the history."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as it was typed; a suspended one has no effect."""

    text: str
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them have to hold. `history` are the filters there were, the newest first."""

    all: tuple[Condition, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def filter(self) -> str:
        """What the engine is asked for."""
        return _joined(each for each in self.all if not each.suspended)

    @property
    def text(self) -> str:
        """All of them, as they are edited."""
        return _joined(self.all)

    def typed(self, texts: tuple[str, ...]) -> "Conditions":
        """Return these conditions instead; one that was suspended stays so."""
        suspended = {each.text for each in self.all if each.suspended}
        return Conditions(tuple(Condition(text, text in suspended) for text in texts), self._remembered())

    def with_one(self, text: str) -> "Conditions":
        """Return the same and one more."""
        others = tuple(each for each in self.all if each.text != text)
        return Conditions((*others, Condition(text)), self._remembered())

    def without(self, number: int) -> "Conditions":
        """Return the same but for one."""
        return Conditions((*self.all[:number], *self.all[number + 1 :]), self._remembered())

    def toggled(self, number: int) -> "Conditions":
        """Suspend one, or take it up again."""
        if not 0 <= number < len(self.all):
            return self
        changed = replace(self.all[number], suspended=not self.all[number].suspended)
        return replace(self, all=(*self.all[:number], changed, *self.all[number + 1 :]))

    def all_toggled(self) -> "Conditions":
        """Suspend all; take all up again if none has an effect."""
        suspended = any(not each.suspended for each in self.all)
        return replace(self, all=tuple(replace(each, suspended=suspended) for each in self.all))

    def _remembered(self) -> tuple[str, ...]:
        if not self.text:
            return self.history
        return (self.text, *(each for each in self.history if each != self.text))[:REMEMBERED]


def _joined(conditions: Iterable[Condition]) -> str:
    texts = [each.text for each in conditions]
    if len(texts) == 1:
        return texts[0]
    return " ".join(f"({text})" if " or " in text else text for text in texts)
