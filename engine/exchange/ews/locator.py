"""Locates the EWS URL: the configured one, or the one autodiscover finds, with one search for all that wait for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from engine.core.clock import Clock
from engine.core.errors import Scope
from engine.exchange.addresses import domain_of, is_smtp_address
from engine.exchange.errors import (
    ExchangeFailure,
    MailboxNotFound,
    MailboxOutOfReach,
    MailboxTrouble,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.ews.autodiscover.protocol import host_of
from engine.exchange.ews.autodiscover.search import Search, discover
from engine.exchange.ews.client import Http
from engine.exchange.ews.streaming.groups import ServerLocation
from engine.exchange.source import Mailbox
from engine.settings.model import ExchangeSettings, Mode


class MailboxLocator:
    """Locates the URL for new mailboxes. A failed search is not cached: the next caller starts another."""

    def __init__(self, settings: ExchangeSettings, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._url = settings.ews_url
        self._forgotten: set[str] = set()
        self._searching = asyncio.Lock()
        self._failure: ExchangeFailure | None = None
        self._searches = 0
        self._told_by: str | None = None

    async def url(self, addresses: Sequence[str]) -> str:
        """Return the URL; `addresses` are mailboxes that autodiscover may ask about, besides the service account's.

        Raises what `discover` raises, for all callers that waited for the same search.
        """
        searches = self._searches
        async with self._searching:
            if self._url is not None:
                return self._url
            if self._searches != searches and self._failure is not None:
                raise type(self._failure)(self._failure.detail)
            return await self._search(addresses)

    async def current(self, mailbox: Mailbox) -> Mailbox:
        """Return the mailbox with its known URL, or with a new one if that was forgotten.

        For free/busy, any server of the organisation will do.
        """
        if mailbox.url not in self._forgotten:
            return mailbox
        mailbox = replace(mailbox, url=await self.url([mailbox.address]))
        if self._settings.mode is Mode.DETAILS:
            mailbox = replace(mailbox, url=(await self.locate(mailbox)).url)
            self._forgotten.discard(mailbox.url)
        return mailbox

    async def locate(self, mailbox: Mailbox) -> ServerLocation:
        """Return where a mailbox is now; its known place if the URL is configured or autodiscover does not say.

        Raises `MailboxOutOfReach` if autodiscover leads to a server that our credentials are not sent to, as for a
        mailbox that is in the cloud now, and `LoginRefused`.
        """
        if self._settings.ews_url is not None or self._told_by is None:
            return ServerLocation(mailbox.url, "")
        search = self._search_for(mailbox.address, self._told_by)
        try:
            found = await discover(search, self._http, self._clock)
        except (AutodiscoverFailed, MailboxNotFound) as failure:
            if search.untrusted_redirect:
                reason = f"autodiscover leads from {mailbox.address} to {search.untrusted_redirect}"
                raise MailboxOutOfReach(reason) from failure
            return ServerLocation(mailbox.url, "")
        return ServerLocation(found.url, found.group)

    async def primary_address(self, address: str) -> str | None:
        """Return the primary address of the mailbox that owns `address`, None if autodiscover knows no owner or is not
        used.

        Raises `MailboxTrouble` if autodiscover cannot answer at the moment, and `LoginRefused`.
        """
        asked_at = self._told_by or self._settings.autodiscover_url
        if asked_at is None:
            return None
        search = self._search_for(address, asked_at)
        try:
            found = await discover(search, self._http, self._clock)
        except MailboxNotFound:
            return None
        except AutodiscoverFailed as failure:
            if search.untrusted_redirect:
                return None
            raise MailboxTrouble(f"autodiscover does not say who owns {address}: {failure.detail}") from failure
        return found.address if is_smtp_address(found.address) else None

    def invalidate(self, url: str) -> None:
        """Require `url` to be looked up again before its next use, unless it is the configured one."""
        if self._settings.ews_url is None:
            self._forgotten.add(url)
            if self._url == url:
                self._url = None

    def _search_for(self, address: str, url: str) -> Search:
        known = (host_of(self._url),) if self._url is not None else ()
        return Search(
            domain=domain_of(address),
            configured_url=url,
            addresses=(address,),
            server=self._settings.server,
            own=self._settings.user if is_smtp_address(self._settings.user) else "",
            trusted=(*self._settings.trusted_hosts, *known),
        )

    async def _search(self, addresses: Sequence[str]) -> str:
        user = self._settings.user
        own = user if is_smtp_address(user) else ""
        try:
            search = Search(
                domain=domain_of(own),
                configured_url=self._settings.autodiscover_url,
                addresses=(own, *addresses),
                server=self._settings.server,
                own=own,
                trusted=self._settings.trusted_hosts,
            )
            found = await discover(search, self._http, self._clock)
        except ExchangeFailure as failure:
            # A failure that concerns only the user asked about says nothing about the others.
            self._failure = failure if failure.scope is Scope.SERVICE else None
            raise
        else:
            self._url, self._failure = found.url, None
            self._told_by = found.told_by
            self._forgotten.discard(found.url)
            return found.url
        finally:
            self._searches += 1
