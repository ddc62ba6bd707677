"""Proof of which mailbox owns an address: by the directory, by impersonation, or by autodiscover."""

from collections.abc import Callable

from engine.exchange.errors import ImpersonationDenied, ImpersonationRightMissing, MailboxNotFound, NotPrimaryAddress
from engine.exchange.ews.client import EwsClient
from engine.exchange.ews.locator import MailboxLocator
from engine.exchange.ews.resolve_names import MAILBOX, Offer, offer, proved_owner, resolve_name
from engine.exchange.ews.response_codes import NAMES_NOT_RESOLVED
from engine.exchange.ews.soap import Impersonation

_NAMED = 3
"""How many of the mailboxes found are named in a failure."""


class Ownership:
    """Finds the mailbox of an address; returns only a mailbox that is proved to own it.

    With `as_candidates` each address is looked up while impersonating it. `may_impersonate` returns whether it is
    worth trying to impersonate a mailbox.
    """

    def __init__(
        self, client: EwsClient, endpoint: MailboxLocator, *, as_candidates: bool, may_impersonate: Callable[[], bool]
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._as_candidates = as_candidates
        self._may_impersonate = may_impersonate

    async def mailbox(self, url: str, address: str) -> str:
        """Return the primary address of the mailbox that owns `address`; raises `MailboxNotFound` if there is none."""
        if self._as_candidates:
            return await self._by_itself(url, address)
        offered = await self._look_up(url, address, None)
        owner = proved_owner(address, offered.entries)
        if owner is not None:
            return owner
        mailboxes = [entry.address for entry in offered.entries if entry.type == MAILBOX]
        if not mailboxes and offered.complete:
            kinds = f": only a {offered.entries[0].type} is similar" if offered.entries else ""
            raise MailboxNotFound(f"{address} is not in the directory{kinds}")
        owner = await self._by_impersonation(url, address) or await self._endpoint.primary_address(address)
        if owner is None:
            raise _not_proved(address, mailboxes)
        return owner

    async def _by_itself(self, url: str, address: str) -> str:
        """Return the primary address of the mailbox: that its address can be impersonated proves that it exists."""
        try:
            # Whether it is the primary address is not known yet.
            offered = await self._look_up(url, address, Impersonation(address, primary=False))
        except NotPrimaryAddress as failure:
            if not failure.primary:
                raise
            offered = await self._look_up(url, failure.primary, Impersonation(failure.primary, primary=False))
            return proved_owner(failure.primary, offered.entries) or failure.primary
        return proved_owner(address, offered.entries) or await self._owner_of_impersonated(url, address)

    async def _by_impersonation(self, url: str, address: str) -> str | None:
        """Return the mailbox that is impersonated by this address, None if that proves nothing."""
        if not self._may_impersonate():
            return None
        try:
            return await self._owner_of_impersonated(url, address)
        except (ImpersonationDenied, ImpersonationRightMissing, MailboxNotFound):
            return None

    async def _owner_of_impersonated(self, url: str, address: str) -> str:
        """Return the primary address: Exchange refuses a secondary one and names it; other servers may accept any."""
        try:
            await self._look_up(url, address, Impersonation(address))
        except NotPrimaryAddress as failure:
            if not failure.primary:
                raise
            return failure.primary
        return address

    async def _look_up(self, url: str, address: str, impersonation: Impersonation | None) -> Offer:
        answer = await self._client.call(url, resolve_name(address), impersonation, about=address)
        message = answer.messages[0]
        return offer(message.element if message.code in NAMES_NOT_RESOLVED else answer.content(message))


def _not_proved(address: str, offered: list[str]) -> MailboxNotFound:
    others = f" and {len(offered) - _NAMED} more" if len(offered) > _NAMED else ""
    return MailboxNotFound(
        f"the server offered {_mailboxes(len(offered))} for {address}, none of which is proved to own it",
        confidential=f"offered: {', '.join(offered[:_NAMED])}{others}" if offered else "",
    )


def _mailboxes(number: int) -> str:
    return "1 mailbox" if number == 1 else f"{number} mailboxes"
