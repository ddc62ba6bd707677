"""Detects PBX users who share a mailbox, and users whose addresses lead to several mailboxes.

Neither changes a presence. Two users who resolve to one mailbox both show it, because it is proved to own an address
that the PBX has for each of them: desk telephone and softphone of one person. If a user resolves to two mailboxes, that
of the first address is used (exchange.candidate_order).
"""

from collections.abc import Callable
from datetime import timedelta

from engine.core.errors import Failure
from engine.exchange.errors import ExchangeFailure, MailboxAmbiguous, MailboxNotFound, MailboxShared
from engine.exchange.source import CalendarSource, Mailbox
from engine.sync.events import SyncContext, UserChanged, UserTrouble
from engine.sync.participants import Participant, Participants
from engine.sync.reading import candidates_after
from engine.sync.scheduling import Schedule, WakeableTimer

FIRST_LOOK = timedelta(minutes=1)
"""Delay between the reading of a mailbox and the lookup of the user's other addresses: first readings come first."""

BETWEEN_LOOKS = timedelta(seconds=1)
"""Pause between two users: 10,000 of them take some hours, and one request a second disturbs nobody."""

AFTER_TROUBLE = timedelta(hours=1)
AFTER_CONFLICT = timedelta(days=1)
"""Pauses before the next lookup: after a failed one, and after a conflict that may be corrected in Exchange."""

_MOST_LOOKED_UP = 10
_MOST_NAMED = 3


class MailboxClaims:
    """Finds users who share a mailbox, and users whose addresses lead to two.

    `may_ask` returns whether Exchange works: no address is looked up before.
    """

    def __init__(
        self, participants: Participants, source: CalendarSource, context: SyncContext, *, may_ask: Callable[[], bool]
    ) -> None:
        self._participants = participants
        self._source = source
        self._clock = context.network_clock
        self._observe = context.observe
        self._may_ask = may_ask
        self._mailboxes: dict[str, str] = {}
        self._users: dict[str, tuple[str, ...]] = {}
        self._considered: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._ambiguous: dict[str, MailboxAmbiguous] = {}
        self._timetable = Schedule()
        self._alarm = WakeableTimer(self._clock)

    def notices(self, guid: str) -> tuple[Failure, ...]:
        """Return the problems of a user that do not prevent reading the calendar."""
        shared, ambiguous = self._shared(guid), self._ambiguous.get(guid)
        if shared is None and ambiguous is None:
            return ()
        return tuple(each for each in (shared, ambiguous) if each is not None)

    def noticed(self) -> dict[str, tuple[Failure, ...]]:
        """Return the problems of all users who have any, by guid."""
        sharing = (guid for users in self._users.values() if len(users) > 1 for guid in users)
        return {guid: found for guid in {*sharing, *self._ambiguous} if (found := self.notices(guid))}

    def visited(self, guid: str) -> None:
        """Note where a user's mailbox is, and schedule the lookup of the user's other addresses."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing or participant.mailbox is None:
            self.forget(guid)
            return
        self._claim(guid, participant, participant.mailbox)
        considered = participant.mailbox.address.lower(), participant.candidates
        if self._considered.get(guid) != considered:
            self._considered[guid] = considered
            self._ambiguous.pop(guid, None)
            if candidates_after(participant.mailbox, participant.candidates):
                self._look_in(FIRST_LOOK, guid)

    def forget(self, guid: str) -> None:
        """Note that a user has no mailbox or no longer takes part."""
        self._considered.pop(guid, None)
        self._ambiguous.pop(guid, None)
        self._timetable.discard(guid)
        address = self._mailboxes.pop(guid, None)
        if address is None:
            return
        others = tuple(each for each in self._users.pop(address) if each != guid)
        if others:
            self._users[address] = others
        for other in others:
            self._observe(UserChanged(other))

    async def run(self) -> None:
        """Look up addresses, one user after the other, until cancelled."""
        while True:
            guid = self._timetable.pop_due(self._clock.now())
            if guid is None:
                await self._alarm.wait(self._timetable.earliest())
                continue
            if self._may_ask():
                await self._look(guid)
            else:
                self._look_in(FIRST_LOOK, guid)
            await self._clock.sleep_until(self._clock.now() + BETWEEN_LOOKS)

    def _claim(self, guid: str, participant: Participant, mailbox: Mailbox) -> None:
        address = mailbox.address.lower()
        if self._mailboxes.get(guid) == address:
            return
        self.forget(guid)
        self._mailboxes[guid] = address
        others = self._users.get(address, ())
        self._users[address] = (*others, guid)
        shared = self._shared(guid)
        if shared is not None:
            self._observe(UserTrouble(participant.user, shared))
        for other in others:
            self._observe(UserChanged(other))

    def _shared(self, guid: str) -> MailboxShared | None:
        address = self._mailboxes.get(guid, "")
        users = self._users.get(address, ())
        if len(users) < 2:
            return None
        others = sorted(
            self._participants[other].user.label for other in users if other != guid and other in self._participants
        )
        if not others:
            return None
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        return MailboxShared(f"{address} is also the mailbox of {', '.join(others[:_MOST_NAMED])}{more}")

    def _look_in(self, pause: timedelta, guid: str) -> None:
        self._timetable.set(guid, self._clock.now() + pause)
        self._alarm.wake()

    async def _look(self, guid: str) -> None:
        participant, considered = self._participants.get(guid), self._considered.get(guid)
        if participant is None or participant.mailbox is None or considered is None:
            return
        mailbox = participant.mailbox
        try:
            elsewhere = await self._elsewhere(mailbox, participant.candidates)
        except ExchangeFailure:
            self._look_in(AFTER_TROUBLE, guid)
            return
        if self._considered.get(guid) != considered:
            return
        before = self._ambiguous.pop(guid, None)
        if elsewhere:
            failure = self._ambiguous[guid] = _ambiguous(mailbox, elsewhere)
            self._look_in(AFTER_CONFLICT, guid)
            if before is None:
                self._observe(UserTrouble(participant.user, failure))
        if elsewhere or before is not None:
            self._observe(UserChanged(guid))

    async def _elsewhere(self, mailbox: Mailbox, candidates: tuple[str, ...]) -> dict[str, str]:
        """Return the further addresses that lead to other mailboxes, with those mailboxes."""
        found: dict[str, str] = {}
        for candidate in candidates_after(mailbox, candidates)[:_MOST_LOOKED_UP]:
            try:
                other = await self._source.resolve((candidate,))
            except MailboxNotFound:
                continue
            if other.address.lower() != mailbox.address.lower():
                found[candidate] = other.address
        return found


def _ambiguous(mailbox: Mailbox, elsewhere: dict[str, str]) -> MailboxAmbiguous:
    verb = "leads" if len(elsewhere) == 1 else "lead"
    return MailboxAmbiguous(
        f"{mailbox.found_by} is used, but {', '.join(elsewhere)} {verb} elsewhere",
        confidential="; ".join(f"{candidate} belongs to {address}" for candidate, address in elsewhere.items()),
    )
