"""Where mailboxes live: which group of servers, under which EWS URL, on which back end; and how requests get there."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

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
    """What in a request decides about its way: host, X-AnchorMailbox, X-PreferServerAffinity and the cookie."""

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
        """Return where a mailbox is at home."""
        return self._moved.get(mailbox.casefold(), self.usual)

    def move(self, mailbox: str, home: Home) -> None:
        """Let a mailbox be at home elsewhere from now on."""
        self._moved[mailbox.casefold()] = home

    def is_served_at(self, mailbox: str, host: str) -> bool:
        """Tell whether EWS under this host name answers for the mailbox; localhost answers for everybody."""
        home = self.of(mailbox)
        return host in ("localhost", home.external_host, home.internal_host)

    def back_end_of(self, mailbox: str) -> str:
        """Return the back end that a mailbox is on: one of the group's, the same one every time."""
        number = zlib.crc32(mailbox.casefold().encode()) % BACK_ENDS + 1
        return f"{self.of(mailbox).group}-EX{number}"

    def back_end(self, route: Route, mailbox: str | None) -> str:
        """Return where the front end leads a request: by cookie, else by anchor, else by impersonated mailbox."""
        server, _, generation = route.cookie.partition("~")
        if server and generation == str(self._generation):
            return server
        anchor = route.anchor if route.prefers_affinity and route.anchor else mailbox
        return self.back_end_of(anchor) if anchor else ""

    def cookie_for(self, back_end: str) -> str:
        """Return the cookie that leads back to a back end."""
        return f"{back_end}~{self._generation}"

    def knows(self, cookie: str) -> bool:
        """Tell whether a cookie still leads somewhere."""
        return cookie.rpartition("~")[2] == str(self._generation)

    def lose_cookies(self) -> None:
        """Let every cookie handed out so far lead nowhere."""
        self._generation += 1


def _affinity_cookie(headers: Mapping[str, str]) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[AFFINITY_COOKIE].value if AFFINITY_COOKIE in cookies else ""
