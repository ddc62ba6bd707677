"""SOAP envelopes of EWS: wrapping requests, and reading the response messages of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.safe_xml import Element, markup, parse, text_of

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"

# Exchange2013_SP1 is the schema of the oldest servers that are supported. Times are requested and returned in UTC.
_BEFORE_IMPERSONATION = (
    b'<?xml version="1.0" encoding="utf-8"?>\n'
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    b' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    b' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
    b'<s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/>'
)
_BEFORE_OPERATION = b'<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext></s:Header><s:Body>'
_AFTER_OPERATION = b"</s:Body></s:Envelope>"


@dataclass(frozen=True, slots=True)
class Impersonation:
    """The mailbox that the service account impersonates.

    Exchange looks a primary address up faster, and refuses any other with ErrorNonPrimarySmtpAddress, which names the
    primary one. Unless the address is known to be `primary`, the element for any address is used.
    """

    address: str
    primary: bool = True

    def header(self) -> bytes:
        """Return the ExchangeImpersonation header (MS-OXWSCORE, ConnectingSID)."""
        name = b"PrimarySmtpAddress" if self.primary else b"SmtpAddress"
        return (
            b"<t:ExchangeImpersonation><t:ConnectingSID><t:%b>%b</t:%b></t:ConnectingSID></t:ExchangeImpersonation>"
        ) % (name, markup(self.address), name)


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """One response message of an operation, or a SOAP fault in the same form.

    `code` is the ResponseCode, or the name of the fault. `values` are the named values of MessageXml. `element` holds
    the requested data, unless it is a fault.
    """

    code: str
    failed: bool
    is_fault: bool
    values: Mapping[str, str]
    element: Element


def envelope(operation: bytes, impersonation: Impersonation | None) -> bytes:
    """Return the request body for `operation`, in the name of an impersonated mailbox or of the service account."""
    acting_for = impersonation.header() if impersonation else b""
    return b"".join((_BEFORE_IMPERSONATION, acting_for, _BEFORE_OPERATION, operation, _AFTER_OPERATION))


def response_messages(body: bytes) -> list[ResponseMessage]:
    """Return the response messages of an answer in order; a SOAP fault counts as one that failed.

    Raises `NotUnderstood` if the answer is no SOAP envelope with at least one of them.
    """
    root = parse(body)
    content = root.find(f"{SOAP}Body/*") if root.tag == f"{SOAP}Envelope" else None
    if content is None:
        raise NotUnderstood("the answer is no SOAP envelope")
    if content.tag == f"{SOAP}Fault":
        return [_fault(content)]
    messages = content.findall(f"{MESSAGES}ResponseMessages/*")
    # GetUserAvailability is older than the other operations, and has the ResponseMessage one level deeper.
    messages += content.findall(f"{MESSAGES}FreeBusyResponseArray/{MESSAGES}FreeBusyResponse")
    if not messages:
        raise NotUnderstood("the answer holds no response message")
    return [_response_message(message) for message in messages]


def parse_instant(text: str) -> datetime | None:
    """Return the UTC instant of an xs:dateTime, None if it is not one; without a zone, that of TimeZoneContext
    counts."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _response_message(message: Element) -> ResponseMessage:
    inside = message.find(f"{MESSAGES}ResponseMessage")
    said = message if inside is None else inside
    code = text_of(said, f"{MESSAGES}ResponseCode")
    return ResponseMessage(
        code=code,
        failed=said.get("ResponseClass", "Success" if code in ("", "NoError") else "Error") == "Error",
        is_fault=False,
        values=_values(said.find(f"{MESSAGES}MessageXml")),
        element=message,
    )


def _fault(fault: Element) -> ResponseMessage:
    detail = fault.find("{*}detail")
    code = text_of(detail, "{*}ResponseCode") if detail is not None else ""
    return ResponseMessage(
        code=code or text_of(fault, "{*}faultcode").rpartition(":")[2],
        failed=True,
        is_fault=True,
        values=_values(detail.find("{*}MessageXml") if detail is not None else None),
        element=fault,
    )


def _values(message_xml: Element | None) -> dict[str, str]:
    if message_xml is None:
        return {}
    return {value.get("Name", ""): (value.text or "").strip() for value in message_xml.iter(f"{TYPES}Value")}
