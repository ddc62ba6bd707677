"""What a check of Exchange works with: the clients that a running engine would use."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.exchange.http.auth import RequestAuth
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.wire import Network
from engine.exchange.source import CalendarSource
from engine.settings.model import ExchangeSettings


@dataclass(frozen=True, slots=True)
class ExchangeAccess:
    """Clients for the Exchange that the settings describe, built but not used yet.

    `settings` are complete for the kind of Exchange; in a hybrid organisation, all but `source` are those of Exchange
    Online. `token` authorises every request unless a password does.
    `source` reads calendars through `http` and closes it; `network` is how `http` reaches servers.
    """

    settings: ExchangeSettings
    network: Network
    http: ExchangeHttp
    token: RequestAuth | None
    source: CalendarSource


MakeAccess = Callable[[], ExchangeAccess]
"""Raises an `ExchangeFailure` if files named in the settings cannot be used."""
