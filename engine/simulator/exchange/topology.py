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
    """The home of every mailbox: `usual` until it is moved. Addresses are compared ignoring case.

    A remote mailbox is in Exchange Online: its owner is still in the directory here, and mail is sent on.
    """

    def __init__(self, usual: Home) -> None:
        self.usual = usual
        self._moved: dict[str, Home] = {}
        self._remote: set[str] = set()
        self._generation = 1

    def of(self, mailbox: str) -> Home:
        """Return the home of a mailbox."""
        return self._moved.get(mailbox.casefold(), self.usual)

    def move(self, mailbox: str, home: Home) -> None:
        """Move a mailbox to another home."""
        self._moved[mailbox.casefold()] = home

    def is_remote(self, mailbox: str) -> bool:
        """Return whether a mailbox is in Exchange Online."""
        return mailbox.casefold() in self._remote

    def send_away(self, mailbox: str) -> None:
        """Move a mailbox to Exchange Online."""
        self._remote.add(mailbox.casefold())

    def take_back(self, mailbox: str) -> None:
        """Move a mailbox back from Exchange Online."""
        self._remote.discard(mailbox.casefold())

    def is_served_at(self, mailbox: str, host: str) -> bool:
        """Return whether EWS at this host name serves the mailbox; localhost serves all."""
        home = self.of(mailbox)
        return host in ("localhost", home.external_host, home.internal_host)

    def back_end_of(self, mailbox: str) -> str:
        """Return the back end of a mailbox: one of its group, always the same one."""
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

    `impersonation_refused_in`: whether a refused impersonation is reported in a SOAP fault with HTTP 500, or in a
    response message with HTTP 200. `no_results_class`: the class of ErrorNameResolutionNoResults. `names_match`:
    ResolveNames finds addresses that begin with the entry, as Exchange does, or that contain it, as another server
    does.
    `lists_addresses`: it lists the first three addresses of each match on request. `secondary_impersonation`: a
    secondary address is accepted as SmtpAddress. `unknown_pox_address`: the ErrorCode of POX autodiscover for an
    unknown
    address. `caller_has_mailbox`: whether the service account has a mailbox of its own, which ResolveNames requires
    without impersonation. `app_only`: the caller is an application without a mailbox, so every request has to
    impersonate
    one, as in Exchange Online. `remote_mailbox_type` is the type that ResolveNames tells of a mailbox in Exchange
    Online.

    `expands_series`: a CalendarView contains the occurrences of a series; other servers return its master instead.
    `tells_completeness`: IncludesLastItemInRange is true if nothing was left out; some servers never set it.

    Of streams: `heartbeat_seconds` between two heartbeats (a real server takes 45), which contain a StatusEvent if
    `heartbeats_with_status_event`; an XML declaration before every envelope or only before the first
    (`declares_every_envelope`); events on items and the folder, or only on the folder (`folder_events_only`).
    `affinity_cookie_required`: without the cookie GetStreamingEvents ends up at another back end; unless
    `affinity_works` (a load balancer that drops cookies and headers) it always does, even for a single mailbox.
    `subscriptions_of_the_impersonated`: a connection carries only those of the mailbox that it is opened for, as with
    a server that is not Microsoft's. `unknown_subscriptions` are "reported" on a connection that stays open, or the
    connection is "refused" with their ids.
    `mailboxes_per_stream` is the number of mailboxes whose subscriptions one connection may carry,
    `subscriptions_per_mailbox` the EwsMaxSubscriptions of the throttling policy, `hanging_connections` the
    HangingConnectionLimit of each account or impersonated mailbox.
    `unconnected_subscriptions_last` is the lifetime of a subscription that no connection uses.
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
    remote_mailbox_type: Literal["Mailbox", "Contact"] = "Mailbox"
    expands_series: bool = True
    tells_completeness: bool = True


AS_DOCUMENTED = Behaviour()
