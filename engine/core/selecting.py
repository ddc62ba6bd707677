"""What a selection of users can be made of, and what it does: whom it takes, and whom it leaves out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import escape

from engine.core.users import User, UserSelection


@dataclass(frozen=True, slots=True)
class Choice:
    """A group, node, location or template, and the number of users it has."""

    name: str
    count: int

    @property
    def pattern(self) -> str:
        """What selects exactly it: the name, with the signs of patterns escaped."""
        return escape(self.name)


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that a selection can be made of, each list with the most frequent first."""

    groups: tuple[Choice, ...]
    nodes: tuple[Choice, ...]
    locations: tuple[Choice, ...]
    templates: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """The users whom a selection takes and leaves out, by name."""

    taken: tuple[User, ...]
    left_out: tuple[User, ...]

    @property
    def leaves_nobody(self) -> bool:
        """Whether nobody takes part: such a selection is refused."""
        return not self.taken

    @property
    def leaves_out_most(self) -> bool:
        """Whether more than half are left out: that has to be meant."""
        return len(self.left_out) > len(self.taken)


def choices(users: Sequence[User]) -> Choices:
    """Return what a selection among these users can be made of."""
    return Choices(
        groups=_counted(group for user in users for group in dict.fromkeys(user.groups)),
        nodes=_counted(user.node for user in users),
        locations=_counted(user.home for user in users),
        templates=_counted(user.template for user in users),
    )


def selected(users: Iterable[User], selection: UserSelection) -> Selected:
    """Return whom a selection takes and leaves out."""
    by_name = sorted(users, key=lambda user: (user.label.casefold(), user.guid))
    taken = tuple(filter(selection.takes_part, by_name))
    return Selected(taken, tuple(user for user in by_name if not selection.takes_part(user)))


def _counted(names: Iterable[str]) -> tuple[Choice, ...]:
    counts = Counter(filter(None, names))
    return tuple(Choice(name, counts[name]) for name in sorted(counts, key=lambda name: (-counts[name], name)))
