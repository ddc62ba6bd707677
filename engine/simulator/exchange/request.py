"""An HTTP request to the simulated server, independent of the socket."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

EWS_PATH = "/ews/exchange.asmx"
AUTODISCOVER_SOAP_PATH = "/autodiscover/autodiscover.svc"
AUTODISCOVER_POX_PATH = "/autodiscover/autodiscover.xml"
OF_NOTIFICATIONS = ("Subscribe", "Unsubscribe", "GetStreamingEvents")
"""Operations whose anchor is a mailbox of the group rather than the impersonated one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Method, host without port, path and headers (names in lower case) and the body."""

    method: str
    scheme: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def endpoint(self) -> str:
        """The path as IIS compares it, ignoring case."""
        return self.path.casefold()

    @property
    def media_type(self) -> str:
        """Content-Type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().casefold()


def complaints(request: Request, operation: str, mailbox: str) -> tuple[str, ...]:
    """Return the faults in the headers that a real server tolerates and a good client avoids."""
    found = []
    if request.scheme == "http" and "authorization" in request.headers:
        found.append("credentials over plain http")
    if not request.headers.get("user-agent") or "httpx" in request.headers["user-agent"]:
        found.append("no User-Agent of its own")
    if request.scheme == "https" and request.endpoint == EWS_PATH:
        found.extend(_ews_complaints(request, operation, mailbox))
    return tuple(found)


def _ews_complaints(request: Request, operation: str, mailbox: str) -> list[str]:
    found = []
    anchor = request.headers.get("x-anchormailbox", "")
    if operation in OF_NOTIFICATIONS:
        if not anchor:
            found.append("X-AnchorMailbox is missing")
        if request.headers.get("x-preferserveraffinity", "").casefold() != "true":
            found.append("X-PreferServerAffinity is not true")
    elif mailbox and anchor.casefold() != mailbox.casefold():
        found.append(f"X-AnchorMailbox is {anchor or 'missing'}, not the impersonated mailbox")
    try:
        uuid.UUID(request.headers.get("client-request-id", ""))
    except ValueError:
        found.append("client-request-id is missing or no GUID")
    if request.headers.get("return-client-request-id", "").casefold() != "true":
        found.append("return-client-request-id is not true")
    return found
