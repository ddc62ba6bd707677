"""Ownership of users where several engines share them: who may write a user's presence, and for how long.

An engine that works alone always owns everybody (`ALWAYS`).
"""

from dataclasses import dataclass
from typing import Protocol

from engine.core.errors import Failure, Fault, Scope


class LeaseEnded(Failure):
    """The claim to a user was over before a presence was sent, or before it was stored."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Another engine may write this user now"
    remedy = (
        "Nothing has to be done: the engine that owns the user asks the PBX what it shows, and writes what differs. If "
        "it happens often, check the load and the clocks of this machine, and the network between it and the database."
    )


class WrittenTooLate(LeaseEnded):
    """A presence was sent, and the claim was over right after that: the process was stopped in between."""

    meaning = "This engine wrote a presence when another one may have owned the user"
    remedy = (
        "Nothing has to be done: the engine that owns the user reads the presence back and corrects it. This machine "
        "stood still for seconds: check its load, and whether it was paused or moved as a virtual machine."
    )


class Claim(Protocol):
    """An engine's own belief that it may write the users of one shard, until an instant of its own clock.

    `term` names the process, and `token` is raised whenever the shard changes hands: together they tell whether it was
    the present owner who stored something.
    """

    @property
    def token(self) -> int:
        """How often the shard had changed hands when it was taken."""
        ...

    @property
    def shard(self) -> int:
        """The number of the shard."""
        ...

    @property
    def term(self) -> str:
        """The process that claims it."""
        ...

    def holds(self) -> bool:
        """Return whether the claim is in force at this very moment; once it is over, it stays over."""
        ...


class Ownership(Protocol):
    """What an engine knows of the users that are its own."""

    def claim_of(self, guid: str) -> Claim | None:
        """Return the claim to this user, None if this engine does not own the user."""
        ...


@dataclass(frozen=True, slots=True)
class _Unlimited:
    """The claim of an engine that works alone."""

    token: int = 0
    shard: int = 0
    term: str = ""

    def holds(self) -> bool:
        """Return whether the claim is in force: it always is."""
        return True


UNLIMITED: Claim = _Unlimited()
"""The claim of an engine that shares its users with no other."""


class _Everybody:
    """The ownership of an engine that works alone."""

    def claim_of(self, _: str) -> Claim:
        """Return the claim to any user."""
        return UNLIMITED


ALWAYS: Ownership = _Everybody()
"""The ownership of a single engine: everybody is always its own."""
