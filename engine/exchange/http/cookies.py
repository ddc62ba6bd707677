"""The cookies of one connection (RFC 6265, section 5), as httpx asks for them.

httpx keeps them in the jar of the standard library, which takes 0.2 ms a request where a server sets one with every
answer, as Exchange does. Here all of them belong to one host.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

OVERRIDE_COOKIE = "X-BackEndOverrideCookie"
"""Leads to the server of one group of mailboxes, so the caller that received it sends it back.

https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
"""
MOST = 50
"""More cookies of one host than that no client has to keep (RFC 6265, section 6.1)."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie; `until` is when it expires (Unix time), None for the end of the connection."""

    name: str
    value: str
    path: str
    until: float | None

    def is_for(self, path: str) -> bool:
        """Return whether a request for `path` carries it."""
        if not path.startswith(self.path):
            return False
        return path == self.path or self.path.endswith("/") or path[len(self.path)] == "/"


class ConnectionCookies(httpx.Cookies):
    """Cookies of one host, kept until they expire; `now` is Unix time."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._now = now
        self._kept: dict[tuple[str, str], Cookie] = {}

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep what an answer sets, and forget what it ends."""
        for header in response.headers.get_list("set-cookie"):
            cookie = parsed(header, response.request.url, self._now())
            if cookie is None or cookie.name == OVERRIDE_COOKIE:
                continue
            self._kept.pop((cookie.name, cookie.path), None)
            if (cookie.until is None or cookie.until > self._now()) and len(self._kept) < MOST:
                self._kept[cookie.name, cookie.path] = cookie

    def set_cookie_header(self, request: httpx.Request) -> None:
        """Add the cookies to a request, unless it has its own."""
        if not self._kept or "Cookie" in request.headers:
            return
        now, path = self._now(), request.url.path
        pairs = [
            f"{each.name}={each.value}"
            for each in self._kept.values()
            if each.is_for(path) and (each.until is None or each.until > now)
        ]
        if pairs:
            request.headers["Cookie"] = "; ".join(pairs)


def parsed(header: str, url: httpx.URL, now: float) -> Cookie | None:
    """Return the cookie of a Set-Cookie header in an answer from `url`, None if it is none, or that of another host."""
    pair, *rest = header.split(";")
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not (name and equals) or not (name + value).isascii() or not (name + value).isprintable():
        return None
    attributes = {key.strip().lower(): value.strip() for key, _, value in (each.partition("=") for each in rest)}
    domain = attributes.get("domain", "").lstrip(".").lower()
    if domain and url.host != domain and not url.host.endswith(f".{domain}"):
        return None
    path = attributes.get("path", "")
    if not path.startswith("/"):
        path = url.path.rpartition("/")[0] or "/"
    return Cookie(name, value, path, _until(attributes, now))


def _until(attributes: dict[str, str], now: float) -> float | None:
    try:
        if "max-age" in attributes:
            return now + int(attributes["max-age"][:12])
        if "expires" in attributes:
            return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (ValueError, OverflowError):
        return None
    return None
