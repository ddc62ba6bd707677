"""The search for a user's mailbox in the two halves of a hybrid organisation. No I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.exchange.errors import ExchangeFailure, MailboxMoved
from engine.exchange.hybrid import is_absence, nowhere
from engine.exchange.source import Mailbox
from engine.sync.events import EXCHANGES, Side
from engine.sync.reading import candidates_after


class OtherHalf(Protocol):
    """The way from the reader of one `side` of a hybrid organisation to that of the other."""

    def addresses(self, side: Side, guid: str) -> tuple[str, ...] | None:
        """Return what to look for on this side, None if this participant was left to the other."""
        ...

    def absent(self, side: Side, guid: str, failure: ExchangeFailure, *, was_found: bool) -> None:
        """Note that this side does not have the mailbox, or refuses it. `was_found`: its directory knows it."""
        ...

    def found(self, side: Side, guid: str) -> None:
        """Note that the mailbox is on this side, where it was read."""
        ...

    def visited(self, side: Side) -> None:
        """Note that a visit on this side has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Denial:
    """What one half says of an address: that it does not have the mailbox, or refuses it."""

    side: Side
    address: int
    failure: ExchangeFailure


@dataclass(slots=True)
class Search:
    """The search for the mailbox of one user, `begun` at an instant of network time.

    The `candidates` are looked for in their order, each of them in both halves. `denied` is how many of them each half
    has denied so far. If `is_in_doubt`, a half knows of the mailbox without having it, as while it is moved.
    `was_moved` is set if the user was left to the other half for waiting too long.
    """

    candidates: tuple[str, ...]
    begun: datetime
    denied: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(EXCHANGES, 0))
    denials: list[Denial] = field(default_factory=list)
    is_in_doubt: bool = False
    was_moved: bool = False

    @classmethod
    def after(cls, mailbox: Mailbox, side: Side, candidates: tuple[str, ...], now: datetime) -> "Search":
        """Return the search for a mailbox that was on this side: the addresses before its own were not there."""
        search = cls(candidates, now)
        search.denied[side] = max(len(candidates) - len(candidates_after(mailbox, candidates)) - 1, 0)
        return search

    def address(self, side: Side) -> tuple[str, ...]:
        """Return the address that this side has to look for next; none for a user who has none at all."""
        number = self.denied[side]
        return self.candidates[number : number + 1]

    def is_turn_of(self, side: Side) -> bool:
        """Return whether the other half has answered for all addresses that come before the next one of this side."""
        return self.denied[side] == min(self.denied.values())

    def may_go_on(self, side: Side) -> bool:
        """Return whether this side may look for its next address although the other cannot be asked for the one
        before: a problem with the right mailbox never leads to another one."""
        refused = any(each.side is side and not is_absence(each.failure) for each in self.denials)
        return self.denied[side] < len(self.candidates) and not refused

    def deny(self, side: Side, failure: ExchangeFailure, *, was_found: bool) -> None:
        """Note the answer of this side for its next address."""
        self.denials.append(Denial(side, self.denied[side], failure))
        self.denied[side] += 1
        self.is_in_doubt = self.is_in_doubt or was_found or isinstance(failure, MailboxMoved)

    @property
    def is_over(self) -> bool:
        """Whether both halves have denied all addresses, or one has refused an address that the other denied."""
        number = min(self.denied.values())
        refused = any(each.address < number and not is_absence(each.failure) for each in self.denials)
        return refused or number >= len(self.candidates)

    def result(self, home: Side) -> tuple[Side, ExchangeFailure]:
        """Return the failure that the answers amount to, and the side that has to deal with it: `home` unless it is
        the refusal of one."""
        failure = nowhere([each.failure for each in self.denials])
        return next((each.side for each in self.denials if each.failure is failure), home), failure
