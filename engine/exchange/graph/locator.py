"""Finds the mailbox of an address: straight as the name of a user, in the directory, or by its free/busy times."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

from engine.core.clock import Clock
from engine.core.tenant import TenantFacts, nothing_learned
from engine.exchange.errors import ExchangeFailure, MailboxNotFound
from engine.exchange.graph.batches import Batches
from engine.exchange.graph.directory import DirectoryUser, owner, users
from engine.exchange.graph.errors import AddressAmbiguous, DirectoryNotReadable, UserNameUnknown
from engine.exchange.graph.gathering import Gatherer
from engine.exchange.graph.readers import A_MINUTE, ScheduleReader, content
from engine.exchange.graph.requests import ADDRESSES_OF_A_FILTER, calendar_view, find_users, path_of
from engine.exchange.retry import WITH_LESS
from engine.exchange.source import Mailbox


class MailboxLocator:
    """Finds mailboxes at `root`, the URL of Graph with the version. `clock` is the network clock, `facts` returns what
    is known of the tenant: where an address is known to be no name of a user, the directory is asked first.

    Where the application may not read the directory, that is tried again after an hour.
    """

    def __init__(
        self,
        batches: Batches,
        schedule_reader: ScheduleReader,
        root: str,
        clock: Clock,
        facts: Callable[[], TenantFacts] = nothing_learned,
    ) -> None:
        self._batches = batches
        self._schedule_reader = schedule_reader
        self._root = root
        self._clock = clock
        self._facts = facts
        self._gatherer = Gatherer[str, DirectoryUser](ADDRESSES_OF_A_FILTER, self._look_up, clock)
        self._directory_closed_until = clock.now()

    async def locate(self, candidate: str, address: str) -> Mailbox:
        """Return the mailbox of `address`, which `candidate` stands for.

        Raises `MailboxNotFound` if there is none; `UserNameUnknown` if there is one that cannot be read, because its
        user is unknown; any other failure says nothing about whether there is one.
        """
        if self._facts().primary_address_works is False and self._directory_is_open:
            with contextlib.suppress(DirectoryNotReadable):
                return await self._in_directory(candidate, address)
        try:
            return await self._read(address, Mailbox(address, self._url(address), found_by=candidate), about=address)
        except MailboxNotFound as failure:
            if self._directory_is_open:
                with contextlib.suppress(DirectoryNotReadable):
                    return await self._in_directory(candidate, address)
            if await self._schedule_reader.knows(address):
                raise UserNameUnknown(address) from failure
            raise

    @property
    def _directory_is_open(self) -> bool:
        return self._clock.now() >= self._directory_closed_until

    async def _in_directory(self, candidate: str, address: str) -> Mailbox:
        user = await self._gatherer.ask(address.casefold(), address)
        found = Mailbox(user.mail or address, self._url(user.id), found_by=candidate)
        return await self._read(user.id, found, about=user.described(address))

    async def _read(self, user: str, mailbox: Mailbox, *, about: str) -> Mailbox:
        """Return the mailbox of a user (object id or user principal name) if its calendar can be read."""
        request = calendar_view(user, A_MINUTE, with_subjects=False, with_organizers=False)
        content(await self._batches.ask(user, request), about, self._facts().missing_mailbox)
        self._schedule_reader.was_read(user)
        return mailbox

    def _url(self, user: str) -> str:
        return f"{self._root}{path_of(user)}"

    async def _look_up(self, addresses: Mapping[str, str]) -> Mapping[str, DirectoryUser | ExchangeFailure]:
        request = find_users(list(addresses.values()))
        try:
            found = users(content(await self._batches.ask(request.url, request), "the directory"))
        except DirectoryNotReadable:
            self._directory_closed_until = self._clock.now() + WITH_LESS
            raise
        return {key: _owner(address, found) for key, address in addresses.items()}


def _owner(address: str, found: Sequence[DirectoryUser]) -> DirectoryUser | ExchangeFailure:
    try:
        return owner(address, found)
    except (MailboxNotFound, AddressAmbiguous) as failure:
        return failure
