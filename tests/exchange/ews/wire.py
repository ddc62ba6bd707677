"""Canned answers of Exchange, and an HTTP client that returns them and records the requests."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from html import escape

import httpx

from engine.exchange.errors import ExchangeFailure

OPENING = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    '<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4"'
    ' Version="V2017_07_11" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header><s:Body>'
)
CLOSING = "</s:Body></s:Envelope>"
NAMESPACES = (
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    request_id: str = "7f0c"


@dataclass(frozen=True)
class Request:
    url: str
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class PlayedStream:
    status: int
    headers: Mapping[str, str]
    request_id: str
    body: bytes

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.body), 100):
            yield self.body[start : start + 100]

    def came(self, envelope: bytes) -> None:
        pass


class PlayedHttp:
    """Answers each request by `play`, which returns an answer or a failure to raise."""

    def __init__(self, play: Callable[[Request], Answer | ExchangeFailure]) -> None:
        self.play = play
        self.requests: list[Request] = []
        self.closed = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None) -> Answer:
        return self._answer(Request(url, body.decode(), headers))

    @contextlib.asynccontextmanager
    async def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[PlayedStream]:
        answer = self._answer(Request(url, body.decode(), headers))
        yield PlayedStream(answer.status, answer.headers, answer.request_id, answer.body)

    async def get_anonymously(self, url: str) -> Answer:
        return self._answer(Request(url, "", {}))

    async def close(self) -> None:
        self.closed = True

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        outcome = self.play(request)
        if isinstance(outcome, ExchangeFailure):
            raise outcome
        return outcome


def response(operation: str, *messages: str) -> bytes:
    inner = f"<m:{operation}Response{NAMESPACES}><m:ResponseMessages>{''.join(messages)}</m:ResponseMessages>"
    return f"{OPENING}{inner}</m:{operation}Response>{CLOSING}".encode()


def message(operation: str, content: str = "", code: str = "NoError", kind: str = "Success", values: str = "") -> str:
    xml = f"<m:MessageXml>{values}</m:MessageXml>" if values else ""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="{kind}"><m:ResponseCode>{code}</m:ResponseCode>{xml}'
        f"{content}</m:{operation}ResponseMessage>"
    )


def value(name: str, text: str) -> str:
    return f'<t:Value Name="{name}">{escape(text)}</t:Value>'


def fault(code: str, values: str = "") -> bytes:
    errors = "http://schemas.microsoft.com/exchange/services/2006/errors"
    return (
        f"{OPENING}<s:Fault{NAMESPACES}><faultcode>t:{code}</faultcode><faultstring>…</faultstring>"
        f'<detail><e:ResponseCode xmlns:e="{errors}">{code}</e:ResponseCode><t:MessageXml>{values}</t:MessageXml>'
        f"</detail></s:Fault>{CLOSING}"
    ).encode()


def item(key: str = "AAMk1", **fields: str | None) -> str:
    """A CalendarItem; a field given as None is left out, one given is put in the place the schema wants it."""
    values: dict[str, str | None] = {
        "Subject": None,
        "Sensitivity": "Normal",
        "Start": "2026-03-02T09:00:00Z",
        "End": "2026-03-02T10:00:00Z",
        "IsAllDayEvent": "false",
        "LegacyFreeBusyStatus": "Busy",
        "IsCancelled": "false",
        "CalendarItemType": "Single",
        "MyResponseType": None,
        "StartTimeZone": "W. Europe Standard Time",
        **fields,
    }
    zone = values.pop("StartTimeZone")
    elements = [f"<t:{name}>{text}</t:{name}>" for name, text in values.items() if text is not None]
    if zone is not None:
        elements.append(f'<t:StartTimeZone Id="{escape(zone)}" Name="somewhere"/>')
    return f'<t:CalendarItem><t:ItemId Id="{key}" ChangeKey="C"/>{"".join(elements)}</t:CalendarItem>'


def found(*items: str, complete: bool = True, of: int | None = None) -> bytes:
    """A FindItem answer with items `of` so many: as many as there are, or one more where it is not `complete`."""
    total = of if of is not None else len(items) + (0 if complete else 1)
    folder = (
        f'<m:RootFolder TotalItemsInView="{total}" IncludesLastItemInRange="{str(complete).lower()}">'
        f"<t:Items>{''.join(items)}</t:Items></m:RootFolder>"
    )
    return response("FindItem", message("FindItem", folder))


def organized(*mailboxes: str | None) -> bytes:
    """A GetItem answer with the content of the organizer's Mailbox for each item, None for an item that is gone."""
    messages = []
    for mailbox in mailboxes:
        if mailbox is None:
            messages.append(message("GetItem", "<m:Items/>", "ErrorItemNotFound", "Error"))
        else:
            organizer = f"<t:Organizer><t:Mailbox>{mailbox}</t:Mailbox></t:Organizer>"
            content = f'<t:CalendarItem><t:ItemId Id="A" ChangeKey="C"/>{organizer}</t:CalendarItem>'
            messages.append(message("GetItem", f"<m:Items>{content}</m:Items>"))
    return response("GetItem", *messages)


def resolved(*entries: tuple[str, str], listed: tuple[str, ...] = (), complete: bool = True) -> bytes:
    """A ResolveNames answer with (address, MailboxType) for each entry, and the same listed proxy addresses for all."""
    if not entries:
        return response("ResolveNames", message("ResolveNames", "", "ErrorNameResolutionNoResults", "Error"))
    proxies = "".join(f'<t:Entry Key="EmailAddress{n}">{proxy}</t:Entry>' for n, proxy in enumerate(listed, 1))
    contact = f"<t:Contact><t:EmailAddresses>{proxies}</t:EmailAddresses></t:Contact>" if listed else ""
    resolutions = "".join(
        f"<t:Resolution><t:Mailbox><t:Name>N</t:Name><t:EmailAddress>{address}</t:EmailAddress>"
        f"<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>{kind}</t:MailboxType></t:Mailbox>{contact}</t:Resolution>"
        for address, kind in entries
    )
    last = f'IncludesLastItemInRange="{"true" if complete else "false"}"'
    set_of = f'<m:ResolutionSet TotalItemsInView="{len(entries)}" {last}>{resolutions}'
    several = ("ErrorNameResolutionMultipleResults", "Warning") if len(entries) > 1 else ("NoError", "Success")
    return response("ResolveNames", message("ResolveNames", f"{set_of}</m:ResolutionSet>", *several))
