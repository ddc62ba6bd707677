"""EWS of Exchange Online: its fixed URL, the scope of its tokens, and the date when Microsoft switches it off."""

from dataclasses import replace
from urllib.parse import urlsplit

from engine.core.clock import Clock
from engine.exchange.errors import CloudEwsEnded
from engine.exchange.oauth.tokens import BearerTokens, Successor, TokenSource
from engine.logins.breaker import Breaker
from engine.settings.model import CLOUD_EWS_END, ExchangeSettings, ResolveWith

URL = "https://outlook.office365.com/EWS/Exchange.asmx"
"""The same for all tenants. An application with rights from RBAC needs it, because it may not use autodiscover.
https://learn.microsoft.com/exchange/permissions-exo/application-rbac"""
AUTHORITY = "https://login.microsoftonline.com"
PROBE_SECONDS = 3600.0


def for_exchange_online(settings: ExchangeSettings) -> ExchangeSettings:
    """Return the settings with the URL filled in and each address resolved by impersonating it.

    The token of an application belongs to no mailbox, so every request has to impersonate one.
    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-authenticate-an-ews-application-by-using-oauth
    """
    return replace(settings, ews_url=settings.ews_url or URL, resolve_with=ResolveWith.CANDIDATES)


def scope_of(ews_url: str) -> str:
    """Return the scope for all permissions that the application has at this server; each cloud has its own."""
    return f"https://{urlsplit(ews_url).netloc}/.default"


class ExchangeOnlineTokens(BearerTokens):
    """Tokens for EWS until Microsoft switches it off. `calendar_clock` gives the date."""

    def __init__(
        self,
        source: TokenSource,
        user: str,
        clock: Clock,
        calendar_clock: Clock,
        breaker: Breaker | None = None,
        *,
        successor: Successor | None = None,
    ) -> None:
        super().__init__(source, user, clock, breaker, successor=successor)
        self._calendar_clock = calendar_clock

    async def authorization(self) -> str:
        """Return the Authorization header of a request. Raises `CloudEwsEnded` from that day on, else like
        `BearerTokens`."""
        if self._calendar_clock.now().date() >= CLOUD_EWS_END:
            raise CloudEwsEnded(retry_after=PROBE_SECONDS)
        return await super().authorization()
