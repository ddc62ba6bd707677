"""Reads the calendars of a hybrid organisation: those on premises and those in Exchange Online, each by a reader of its
own.

Each half has a `CalendarScheduler` with its own availability, limits, pauses and intervals. A user is with one of them
at a time, and it asks its own half only. So nothing that one half does, be it down, slow, refusing log-ins or asking
for pauses, delays a user whose mailbox is in the other.

Where a user is:

- A user whose mailbox is known is with its half, whatever happens to either of them. If that half says that it does not
  have the mailbox any more, the other is asked, and what was read before counts meanwhile: so moves are noticed with
  the next reading, in both directions.
- A user whose mailbox is not known is looked for address by address: on premises first, then in Exchange Online
  (`Search`). Only if both say no is there no mailbox, or a refusal that is shown. That is noted in the half where the
  user was last (`home`), which counts how often a mailbox was missing.
- If the half to be asked is paused, or a user waits for its turn there for `PATIENCE`, the other one is asked
  meanwhile, so that after a restart the users of a half that works are found although the other is down or silent. A
  mailbox of a later address that is found so is provisional: the user is looked for again when both halves work. If it
  is not found, the user waits for the paused half, is nobody without a mailbox, and keeps what was read.
- An answer counts for `ASKED_AGAIN`; after that, a user who is still being looked for is looked for in both again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from engine.exchange.errors import ExchangeFailure
from engine.exchange.hybrid import HybridSource
from engine.exchange.source import CalendarSource, Priority
from engine.settings.model import SiteSettings
from engine.sync.calendar_reader import CalendarScheduler
from engine.sync.events import EXCHANGES, Side, SyncContext
from engine.sync.participants import Participant, Participants
from engine.sync.polling import PollInterval
from engine.sync.search import Search

ASKED_AGAIN = timedelta(minutes=15)
"""How long the answer of a half counts while the other cannot be asked, or refuses the mailbox."""

PATIENCE = timedelta(seconds=30)
LOOK = timedelta(seconds=10)
"""How often to check who waits for a half that is too busy, or does not answer."""


class HybridCalendars:
    """Reads the calendars of all `participants`, as `CalendarScheduler` does for a single source; implements
    `OtherHalf` for its two readers."""

    def __init__(
        self,
        participants: Participants,
        source: HybridSource,
        settings: SiteSettings,
        context: SyncContext,
        *,
        changed: Callable[[str], None],
        shows_something: Callable[[str], bool],
    ) -> None:
        self._participants = participants
        self._network_clock = context.network_clock
        self._readers = {
            side: CalendarScheduler(
                {},
                half,
                settings,
                context,
                changed=changed,
                shows_something=shows_something,
                side=side,
                other_half=self,
            )
            for side, half in zip(EXCHANGES, source.halves, strict=True)
        }
        self._places: dict[str, Side] = {}
        self._homes: dict[str, Side] = {}
        self._searches: dict[str, Search] = {}
        self._provisional: set[str] = set()
        self._paused: set[Side] = set()

    def everybody_is_known(self) -> None:
        """Note that all participants are known: from now on, a failure of all of a half is one of that half."""
        for reader in self._readers.values():
            reader.everybody_is_known()

    def arrived(self, guid: str) -> None:
        """Schedule the lookup of the mailbox of a participant who is new or has other addresses now."""
        participant = self._participants[guid]
        search = self._begin(guid, participant)
        if guid not in self._places:
            self._places[guid] = self._next(guid, search)
        reader = self._readers[self._places[guid]]
        reader.take(guid, participant)
        reader.arrived(guid)

    def resync(self, guid: str) -> None:
        """Schedule a reading of this participant's calendar as soon as possible."""
        if guid in self._places:
            self._readers[self._places[guid]].resync(guid)

    def reresolve(self, guid: str) -> None:
        """Forget where this participant's mailbox is, and schedule its lookup and reading as soon as possible."""
        if guid in self._places:
            self._searches.pop(guid, None)
            self._readers[self._places[guid]].reresolve(guid)

    def next_visit(self, guid: str) -> datetime | None:
        """Return when this participant's calendar is due; None while it is being read."""
        return self._readers[self._places[guid]].next_visit(guid) if guid in self._places else None

    def is_asked_for_again(self, guid: str) -> bool:
        """Return whether another visit was requested while this participant is being visited."""
        return any(reader.is_asked_for_again(guid) for reader in self._readers.values())

    def forget(self, guid: str) -> None:
        """Discard everything about this participant."""
        for reader in self._readers.values():
            reader.leave(guid)
            reader.forget(guid)
        self._places.pop(guid, None)
        self._homes.pop(guid, None)
        self._searches.pop(guid, None)
        self._provisional.discard(guid)

    def on_notification(self, address: str, urgency: Priority) -> tuple[str, ...]:
        """Schedule another reading of this mailbox by its urgency; return the participants whose calendar is in it."""
        readers = self._readers.values()
        return tuple(guid for reader in readers for guid in reader.on_notification(address, urgency))

    def share_with(self, engines: int) -> None:
        """Read with one part of the connections, as one of this number of engines."""
        for reader in self._readers.values():
            reader.share_with(engines)

    def poll_interval(self) -> PollInterval | None:
        """Return how often the calendars of the half without notifications are read now."""
        return next(filter(None, (reader.poll_interval() for reader in self._readers.values())), None)

    def is_idle(self) -> bool:
        """Return whether nothing is being read and nobody is due."""
        return all(reader.is_idle() for reader in self._readers.values())

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reader in self._readers.values():
                group.create_task(reader.run())
            group.create_task(self._spare_long_waits())

    def addresses(self, side: Side, guid: str) -> tuple[str, ...] | None:
        """Implements `OtherHalf`: the next address that this side has not denied."""
        participant = self._participants[guid]
        search = self._searches.get(guid) or self._begin(guid, participant)
        if self._is_outdated(search) and self._readers[_other(side)].is_open:
            self._begin(guid, participant)
            self._move(guid, participant, _other(side))
            return None
        place = side if search.is_turn_of(side) else self._next(guid, search)
        if place is side:
            return search.address(side)
        self._move(guid, participant, place)
        return None

    def absent(self, side: Side, guid: str, failure: ExchangeFailure, *, was_found: bool) -> None:
        """Implements `OtherHalf`: the other side is asked next, unless both have denied all addresses."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing or self._places.get(guid) is not side:
            return
        now = self._network_clock.now()
        if participant.mailbox is not None:
            self._searches[guid] = Search.after(participant.mailbox, side, participant.candidates, now)
            participant.mailbox = None
        search = self._searches.get(guid) or self._begin(guid, participant)
        search.deny(side, failure, was_found=was_found)
        if not search.is_over:
            self._move(guid, participant, self._next(guid, search))
            return
        del self._searches[guid]
        place, result = search.result(self._home(guid))
        if place is not side:
            self._move(guid, participant, place)
        self._readers[place].failed(guid, participant, result, was_found=search.is_in_doubt)

    def found(self, side: Side, guid: str) -> None:
        """Implements `OtherHalf`: from now on, this side looks after the user."""
        search = self._searches.pop(guid, None)
        if search is not None and search.is_turn_of(side):
            self._provisional.discard(guid)
        elif search is not None:
            self._provisional.add(guid)
        if self._home(guid) is not side:
            self._readers[_other(side)].forget(guid)
        self._homes[guid] = side

    def visited(self, side: Side) -> None:
        """Implements `OtherHalf`: those who are looked for wait nowhere if they can be looked for in the other half."""
        if not self._readers[side].is_open:
            self._paused.add(side)
            self._look_elsewhere(side)
        elif side in self._paused:
            self._paused.discard(side)
            if not self._readers[_other(side)].is_open:
                self._look_elsewhere(_other(side))
            for guid in self._provisional:
                self.reresolve(guid)

    def _look_elsewhere(self, side: Side) -> None:
        """Move those whose mailbox is not known from a half that is paused, if the other can be asked for it."""
        for guid in self._readers[side].looked_for():
            participant = self._participants[guid]
            search = self._searches.get(guid)
            if search is None or self._is_outdated(search):
                search = self._begin(guid, participant)
            self._move(guid, participant, self._next(guid, search))

    async def _spare_long_waits(self) -> None:
        """Leave those who wait too long for their turn in one half to the other, unless that was done already."""
        while True:
            now = self._network_clock.now()
            await self._network_clock.sleep_until(now + LOOK)
            for side, reader in self._readers.items():
                if not self._readers[_other(side)].is_open:
                    continue
                for guid in reader.looked_for():
                    search = self._searches.get(guid)
                    if search is not None and not search.was_moved and now >= search.begun + PATIENCE:
                        search.was_moved = True
                        if search.may_go_on(_other(side)):
                            self._move(guid, self._participants[guid], _other(side))

    def _next(self, guid: str, search: Search) -> Side:
        """Return the half to ask next: one that works, rather that in which the user was last."""
        home = self._home(guid)
        sides = (home, _other(home))
        turns = [side for side in sides if search.is_turn_of(side)]
        working = [side for side in sides if self._readers[side].is_open]
        asked = [side for side in turns if side in working] or [side for side in working if search.may_go_on(side)]
        return (asked or turns)[0]

    def _move(self, guid: str, participant: Participant, to: Side) -> None:
        place = self._places[guid]
        if place is not to:
            self._readers[place].leave(guid)
            self._places[guid] = to
            self._readers[to].take(guid, participant)
        elif participant.mailbox is None and self._readers[to].is_open:
            self._readers[to].take(guid, participant)

    def _begin(self, guid: str, participant: Participant) -> Search:
        search = self._searches[guid] = Search(participant.candidates, self._network_clock.now())
        return search

    def _is_outdated(self, search: Search) -> bool:
        return bool(search.denials) and self._network_clock.now() >= search.begun + ASKED_AGAIN

    def _home(self, guid: str) -> Side:
        return self._homes.get(guid, EXCHANGES[0])


def _other(side: Side) -> Side:
    return EXCHANGES[1 - EXCHANGES.index(side)]


def calendar_reader(
    participants: Participants,
    source: CalendarSource,
    settings: SiteSettings,
    context: SyncContext,
    *,
    changed: Callable[[str], None],
    shows: Callable[[str], bool],
) -> CalendarScheduler | HybridCalendars:
    """Return the reader of all calendars of a source; `shows` is whether the PBX shows a presence of ours."""
    if isinstance(source, HybridSource):
        return HybridCalendars(participants, source, settings, context, changed=changed, shows_something=shows)
    return CalendarScheduler(participants, source, settings, context, changed=changed, shows_something=shows)
