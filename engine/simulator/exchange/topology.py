"""Topology of servers, back ends and mailbox homes, with switches for undocumented behaviour."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Literal

from engine.simulator.exchange.request import Request

AFFINITY_COOKIE = "X-BackEndOverrideCookie"
BACK_ENDS = 2


@dataclass(frozen=True, slots=True)
class Home:
    """A group of servers (GroupingInformation of autodiscover) and the host names their EWS has."""

    group: str
    external_host: str
    internal_host: str


@dataclass(frozen=True, slots=True)
class Route:
    """Parts of a request that determine its routing: host, X-AnchorMailbox, X-PreferServerAffinity and the cookie."""

    host: str
    anchor: str
    prefers_affinity: bool
    cookie: str

    @classmethod
    def of(cls, request: Request) -> "Route":
        """Return the route of a request."""
        return cls(
            host=request.host.casefold(),
            anchor=request.headers.get("x-anchormailbox", "").casefold(),
            prefers_affinity=request.headers.get("x-preferserveraffinity", "").casefold() == "true",
            cookie=_affinity_cookie(request.headers),
        )


class Homes:
    """All mailboxes are at home at `usual` until they move. Addresses are compared regardless of case."""

    def __init__(self, usual: Home) -> None:
        self.usual = usual
        self._moved: dict[str, Home] = {}
        self._generation = 1

    def of(self, mailbox: str) -> Home:
        """Return the home of a mailbox."""
        return self._moved.get(mailbox.casefold(), self.usual)

    def move(self, mailbox: str, home: Home) -> None:
        """Move a mailbox to another home."""
        self._moved[mailbox.casefold()] = home

    def is_served_at(self, mailbox: str, host: str) -> bool:
        """Return whether EWS under this host name serves the mailbox; localhost serves all."""
        home = self.of(mailbox)
        return host in ("localhost", home.external_host, home.internal_host)

    def back_end_of(self, mailbox: str) -> str:
        """Return the back end that a mailbox is on: one of the group's, the same one every time."""
        number = zlib.crc32(mailbox.casefold().encode()) % BACK_ENDS + 1
        return f"{self.of(mailbox).group}-EX{number}"

    def back_end(self, route: Route, mailbox: str | None) -> str:
        """Return the back end for a request: by cookie, else by anchor, else by impersonated mailbox."""
        server, _, generation = route.cookie.partition("~")
        if server and generation == str(self._generation):
            return server
        anchor = route.anchor if route.prefers_affinity and route.anchor else mailbox
        return self.back_end_of(anchor) if anchor else ""

    def cookie_for(self, back_end: str) -> str:
        """Return the affinity cookie of a back end."""
        return f"{back_end}~{self._generation}"

    def knows(self, cookie: str) -> bool:
        """Return whether a cookie is still valid."""
        return cookie.rpartition("~")[2] == str(self._generation)

    def lose_cookies(self) -> None:
        """Invalidate all cookies issued so far."""
        self._generation += 1


def _affinity_cookie(headers: Mapping[str, str]) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[AFFINITY_COOKIE].value if AFFINITY_COOKIE in cookies else ""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Behaviour of this server where the documentation leaves it open.

    `impersonation_refused_in`: a mailbox that may not be (or cannot be) impersonated is told in a SOAP fault with HTTP
    500, or in a response message with HTTP 200. `no_results_class`: the class of ErrorNameResolutionNoResults.
    `names_match`: ResolveNames finds who has an address that begins like the entry, as Exchange does, or that has it
    anywhere, as another server does. `lists_addresses`: it tells the (first three) addresses of whom it finds, where
    they are asked for. `secondary_impersonation`: a secondary address may be named as SmtpAddress.
    `unknown_pox_address`: the ErrorCode of POX autodiscover for an address that nobody has.
    `caller_has_mailbox`: whether the service account has a mailbox of its own, which ResolveNames wants without
    impersonation. `app_only`: whoever asks is an application, which no mailbox belongs to, so every request has to
    impersonate one, as in Exchange Online.

    `expands_series`: a CalendarView shows the occurrences of a series; other servers show its master as it is.
    `tells_completeness`: IncludesLastItemInRange is true where everything is there; some servers never say so.

    Of streams: `heartbeat_seconds` between two signs of life (a real server takes 45), with a StatusEvent in them if
    `heartbeats_with_status_event`; an XML declaration before every envelope or before the first alone
    (`declares_every_envelope`); events on items and the folder, or on the folder alone (`folder_events_only`).
    `affinity_cookie_required`: without the cookie GetStreamingEvents ends up at another back end; unless
    `affinity_works` (a load balancer that drops cookies and headers) it always does, even for a single mailbox.
    `subscriptions_of_the_impersonated`: a connection carries only those of the mailbox that it is opened for, as at a
    server that is not Microsoft's. `unknown_subscriptions` are "reported" on a connection that stays open, or the
    connection is "refused" with their ids.
    `mailboxes_per_stream` is how many mailboxes' subscriptions one connection may carry, `subscriptions_per_mailbox`
    the throttling policy's EwsMaxSubscriptions, `hanging_connections` the HangingConnectionLimit of each account or
    impersonated mailbox.
    `unconnected_subscriptions_last` is how long a subscription lives that no connection asks for.
    """

    impersonation_refused_in: Literal["fault", "response"] = "fault"
    no_results_class: Literal["Warning", "Error"] = "Warning"
    names_match: Literal["beginning", "anywhere"] = "beginning"
    lists_addresses: bool = True
    secondary_impersonation: bool = False
    unknown_pox_address: Literal["500", "404"] = "500"
    caller_has_mailbox: bool = True
    heartbeat_seconds: float = 2.0
    heartbeats_with_status_event: bool = False
    declares_every_envelope: bool = True
    folder_events_only: bool = False
    affinity_cookie_required: bool = True
    affinity_works: bool = True
    subscriptions_of_the_impersonated: bool = False
    unknown_subscriptions: Literal["reported", "refused"] = "reported"
    mailboxes_per_stream: int = 200
    subscriptions_per_mailbox: int = 20
    hanging_connections: int = 10
    unconnected_subscriptions_last: timedelta = timedelta(minutes=30)
    app_only: bool = False
    expands_series: bool = True
    tells_completeness: bool = True


AS_DOCUMENTED = Behaviour()
