"""How all requests of a group of mailboxes reach the one server that has their subscriptions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = "X-BackEndOverrideCookie"
_COOKIE = re.compile(rf"(?:^|[,;]\s*){_NAME}=([^;,\s]*)")


@dataclass(frozen=True, slots=True)
class Affinity:
    """Leads requests to the server of the mailbox `anchor`, or of an earlier request by its `cookie` ("" if none).

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    anchor: str
    cookie: str

    def headers(self) -> dict[str, str]:
        """Return the headers that a request needs for it."""
        headers = {"X-AnchorMailbox": self.anchor, "X-PreferServerAffinity": "true"}
        return headers | {"Cookie": f"{_NAME}={self.cookie}"} if self.cookie else headers


def override_cookie(headers: Mapping[str, str]) -> str:
    """Return the value of X-BackEndOverrideCookie in an answer's headers, exactly as it is, "" if there is none."""
    found = _COOKIE.search(headers.get("set-cookie", ""))
    return found[1] if found else ""
