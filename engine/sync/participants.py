"""The participating users: their states, the changes that the PBX reports, and the index by mailbox."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import msgspec

from engine.core.appointments import Appointment
from engine.core.errors import EngineMistake, Failure
from engine.core.presence.model import Presence
from engine.core.users import CandidateOrder, User, UserSelection, address_candidates
from engine.exchange.source import Mailbox, Window
from engine.pbx.events import UserRemoved, UsersComplete, UserSeen
from engine.sync.hold import LEAST, Held, held

_unpacked = msgspec.msgpack.Decoder(tuple[Appointment, ...]).decode


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The appointments of a calendar within `window` when it was read, `at` calendar time.

    They are kept `packed`, in a third of the memory: 20 of them are needed for some microseconds, a few times a day.
    """

    window: Window
    packed: bytes
    at: datetime

    @classmethod
    def of(cls, window: Window, appointments: Sequence[Appointment], at: datetime) -> "Reading":
        """Pack the appointments that were read."""
        return cls(window, msgspec.msgpack.encode(appointments), at)

    @property
    def appointments(self) -> tuple[Appointment, ...]:
        """The appointments, unpacked; each call makes new ones."""
        return _unpacked(self.packed)


@dataclass(slots=True)
class Participant:
    """State of one user: mailbox, last reading, and the presence that the PBX should show.

    `departing` users were deselected, or `deleted`: their presence is cleared and then they are forgotten.
    `problem` prevents reading the calendar, `internal_error` prevents a decision, and `refusal` is why the PBX refused
    the presence `refused`. `has_no_mailbox` is set once that is certain: there is nothing to show. Until
    `lasts_until`, the last reading is used although the mailbox can no longer be read. `desired` is None as long
    as nothing is known that would justify a presence; it is valid until `expires`.
    """

    user: User
    candidates: tuple[str, ...] = ()
    mailbox: Mailbox | None = None
    reading: Reading | None = None
    problem: Failure | None = None
    internal_error: EngineMistake | None = None
    refusal: Failure | None = None
    refused: Presence | None = None
    failed_visits: int = 0
    lasts_until: datetime | None = None
    desired: Presence | None = None
    expires: datetime | None = None
    departing: bool = False
    deleted: bool = False
    has_no_mailbox: bool = False


Participants = dict[str, Participant]
"""Participants by the guid of their PBX user object."""


class UsersElsewhere:
    """The users whom other engines work for, by their guids, and who of them take part by a `selection`."""

    def __init__(self, selection: UserSelection) -> None:
        self._selection = selection
        self._all: dict[str, User] = {}
        self._taking_part: dict[str, User] = {}
        self.all: Mapping[str, User] = MappingProxyType(self._all)
        self.taking_part: Mapping[str, User] = MappingProxyType(self._taking_part)

    def put(self, user: User) -> None:
        """Add a user, or what is new of one."""
        self._all[user.guid] = user
        if self._selection.takes_part(user):
            self._taking_part[user.guid] = user
        else:
            self._taking_part.pop(user.guid, None)

    def pop(self, guid: str) -> User | None:
        """Remove a user, and return what was known."""
        self._taking_part.pop(guid, None)
        return self._all.pop(guid, None)

    def keep(self, guids: Collection[str]) -> None:
        """Remove all others."""
        for guid in self._all.keys() - guids:
            self.pop(guid)

    def select(self, selection: UserSelection) -> None:
        """Apply another selection."""
        self._selection = selection
        for user in self._all.values():
            self.put(user)


class Membership:
    """Updates the participants from the events of the PBX.

    `remembered` returns the guids whose calendar presence was ever written: those that no longer take part depart. If
    so many would depart at once that it is hardly intended, they are `held`, and take part as before until that is
    confirmed; `showing` returns whether a user's presence is not empty, and `weigh_soon` requests a call of `weigh`.
    `let_go` are those confirmed to depart, in this run or an earlier one: they are not weighed again. `arrived` is
    called for participants whose mailbox has to be looked up, `departing` for those who leave. Of users for whom
    another engine works (`works_for` says no), only who they are is known.
    """

    def __init__(
        self,
        participants: Participants,
        selection: UserSelection,
        *,
        order: CandidateOrder = CandidateOrder.NAME,
        remembered: Callable[[], Collection[str]],
        arrived: Callable[[str], None],
        departing: Callable[[str], None],
        showing: Callable[[str], bool] = lambda _: True,
        weigh_soon: Callable[[], None] = lambda: None,
        works_for: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._participants = participants
        self._works_for = works_for
        self._elsewhere = UsersElsewhere(selection)
        self.selection = selection
        self._order = order
        self._remembered = remembered
        self._arrived = arrived
        self._departing = departing
        self._domain = ""
        self._others: dict[str, User] = {}
        self._leaving: dict[str, User] = {}
        self._showing = showing
        self._weigh_soon = weigh_soon
        self._is_complete = False
        self.let_go: set[str] = set()
        self.held: Held | None = None

    def set_domain(self, domain: str) -> None:
        """Set the PBX's system domain; mailboxes found with another one are looked up again."""
        if domain == self._domain:
            return
        self._domain = domain
        for participant in list(self._participants.values()):
            self._look_for(participant, participant.user)

    def adjust(self, selection: UserSelection) -> None:
        """Apply another selection: newly selected users arrive, and deselected ones depart.

        Those who departed in a dry run, without effect, depart again.
        """
        self.selection = selection
        self._elsewhere.select(selection)
        staying = [participant.user for participant in self._participants.values() if not participant.departing]
        for user in (*staying, *self._others.values()):
            self._seen(user)
        if self._is_complete:
            self.weigh()

    def handle(self, event: UserSeen | UserRemoved | UsersComplete) -> None:
        """Update the participants from an event of the PBX."""
        match event:
            case UserSeen(user):
                self._seen(user)
            case UserRemoved(guid):
                self._others.pop(guid, None)
                if self._elsewhere.pop(guid) is None:
                    self._depart(self._user(guid))
            case UsersComplete(guids):
                self._elsewhere.keep(guids)
                self._others = {guid: user for guid, user in self._others.items() if guid in guids}
                for guid in {*self._participants, *self._remembered()} - guids:
                    self._depart(self._user(guid))
                self._is_complete = True
                self.weigh()

    def begin(self, remembered: Iterable[str]) -> None:
        """Work for users of other engines who are this engine's own by now: the `remembered` first, in their order."""
        for guid in remembered:
            user = self._elsewhere.all.get(guid) or self._others.get(guid)
            if user is not None:
                self._seen(user)
            elif self._is_complete and guid not in self._participants:
                self._depart(User(guid=guid, name=""))
        for user in [user for guid, user in self._elsewhere.all.items() if self._works_for(guid)]:
            self._seen(user)

    def end(self) -> list[str]:
        """Leave to other engines who is not this engine's own any more; return the former participants."""
        for guid in [guid for guid in self._leaving if not self._works_for(guid)]:
            del self._leaving[guid]
        for guid in [guid for guid in self._others if not self._works_for(guid)]:
            self._elsewhere.put(self._others.pop(guid))
        left = [guid for guid in self._participants if not self._works_for(guid)]
        for guid in left:
            participant = self._participants.pop(guid)
            if not participant.deleted and participant.user.name and guid not in self._elsewhere.all:
                self._elsewhere.put(participant.user)
        return left

    def copy_begins(self) -> None:
        """Note that all users are being copied again: who leaves is known only when all of them are."""
        self._is_complete = False

    @property
    def not_selected(self) -> int:
        """Number of PBX users who do not take part, at this engine or another one."""
        return len(self._others) + len(self._elsewhere.all) - len(self._elsewhere.taking_part)

    @property
    def domain(self) -> str:
        """The system domain of the PBX, "" if it is not known yet."""
        return self._domain

    def everybody(self) -> Iterator[User]:
        """Yield all users of the PBX that are known, taking part or not."""
        yield from (participant.user for participant in self._participants.values())
        yield from self._others.values()
        yield from self._elsewhere.all.values()

    def known(self) -> Set[str]:
        """Return the guids of all users who take part, or whom other engines work for."""
        return self._participants.keys() | self._elsewhere.all.keys()

    @property
    def elsewhere(self) -> Mapping[str, User]:
        """The users who take part at other engines, by their guids."""
        return self._elsewhere.taking_part

    def is_leaving(self, guid: str) -> bool:
        """Return whether a user no longer takes part, and has not departed only because others may leave as well."""
        return guid in self._leaving

    def is_idle(self) -> bool:
        """Return whether no departure waits to be weighed."""
        return not self._leaving or self.held is not None or not self._is_complete

    def weigh(self) -> None:
        """Let the leaving users go, or hold all of them."""
        if not self._is_complete:
            return
        if not self._leaving:
            self.held = None
            return
        staying = {guid for guid in self._remembered() if not self._is_departing(guid)}
        leaving = self._leaving.keys() & staying
        showing = {guid for guid in staying if self._showing(guid)}
        self.held = held(leaving, staying, showing)
        if self.held is None:
            self._let_go()
            return
        for guid in leaving - self._participants.keys():
            user = self._leaving[guid]
            self._participants[guid] = Participant(user)
            if user.name:
                self._look_for(self._participants[guid], user, always=True)

    @property
    def let_go_once_confirmed(self) -> Set[str]:
        """The users who have been let go, including those who are held now and then confirmed."""
        return self.let_go if self.held is None else self.let_go | self._leaving.keys()

    def confirm(self) -> Held | None:
        """Let the held users go; return what was held, None if nothing was."""
        confirmed, self.held = self.held, None
        if confirmed is not None:
            self.let_go |= self._leaving.keys()
            self._let_go()
        return confirmed

    def _let_go(self) -> None:
        leaving, self._leaving = self._leaving, {}
        for user in leaving.values():
            self._go(user)

    def _is_departing(self, guid: str) -> bool:
        return guid in self._participants and self._participants[guid].departing

    def _seen(self, user: User) -> None:
        if not self._works_for(user.guid):
            self._elsewhere.put(user)
            return
        self._elsewhere.pop(user.guid)
        if not self.selection.takes_part(user):
            self._others[user.guid] = user
            self._depart(user)
            return
        self._others.pop(user.guid, None)
        self.let_go.discard(user.guid)
        if self._leaving.pop(user.guid, None) is not None:
            self._weigh_soon()
        participant = self._participants.get(user.guid)
        if participant is None or participant.departing:
            participant = self._participants[user.guid] = Participant(user)
            self._look_for(participant, user, always=True)
        elif participant.user != user:
            participant.refused = None
            self._look_for(participant, user)

    def _look_for(self, participant: Participant, user: User, *, always: bool = False) -> None:
        participant.user = user
        candidates = address_candidates(user, self._domain, self._order)
        if participant.departing or (candidates == participant.candidates and not always):
            return
        participant.candidates = candidates
        participant.mailbox = None
        self._arrived(user.guid)

    def _depart(self, user: User) -> None:
        """Let a user go, or wait for others who go as well; those already departing have been weighed."""
        remembered = self._remembered()
        weighed = user.guid in self.let_go or self._is_departing(user.guid)
        if len(remembered) < LEAST or user.guid not in remembered or weighed:
            self._leaving.pop(user.guid, None)
            self._go(user)
            return
        self._leaving[user.guid] = user
        self._weigh_soon()

    def _go(self, user: User) -> None:
        """Make a user depart, or just remove one whose presence was never written and needs no clearing."""
        if user.guid in self._remembered():
            self._participants[user.guid] = Participant(user, departing=True, deleted=user.guid not in self._others)
        elif self._participants.pop(user.guid, None) is None:
            return
        self._departing(user.guid)

    def _user(self, guid: str) -> User:
        participant = self._participants.get(guid)
        return participant.user if participant else User(guid=guid, name="")


class MailboxIndex:
    """Index of participants by mailbox. `unwatch` is called when nobody needs a mailbox any more."""

    def __init__(self, unwatch: Callable[[Mailbox], None]) -> None:
        self._unwatch = unwatch
        self._guids: dict[str, tuple[str, ...]] = {}
        self._mailboxes: dict[str, Mailbox] = {}

    def put(self, guid: str, mailbox: Mailbox) -> None:
        """Note that this participant's calendar is in `mailbox`."""
        before = self._mailboxes.get(guid)
        if before is not None and _key(before) != _key(mailbox):
            self.remove(guid)
        self._mailboxes[guid] = mailbox
        others = self.guids(mailbox.address)
        if guid not in others:
            self._guids[_key(mailbox)] = (*others, guid)

    def remove(self, guid: str) -> None:
        """Forget a participant."""
        mailbox = self._mailboxes.pop(guid, None)
        if mailbox is None:
            return
        others = tuple(each for each in self.guids(mailbox.address) if each != guid)
        if others:
            self._guids[_key(mailbox)] = others
        else:
            del self._guids[_key(mailbox)]
            self._unwatch(mailbox)

    def guids(self, address: str) -> tuple[str, ...]:
        """Return the participants whose calendar is in the mailbox with this address."""
        return self._guids.get(address.lower(), ())


def _key(mailbox: Mailbox) -> str:
    return mailbox.address.lower()
