"""SOAP 1.1 and XML: reading requests strictly, writing responses and faults (MS-OXWSCDATA, MS-OXWSCORE)."""

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lxml import etree
from lxml.etree import _Element

Element: TypeAlias = _Element
Content: TypeAlias = Element | str

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
STAND_INS = re.compile("\U0010ff00([\U0010ff10-\U0010ff1f]{4})")
STAND_IN, FIRST_DIGIT = chr(0x10FF00), 0x10FF10
"""Replacement for a character that XML forbids while the library handles it: a mark and its number in four digits."""


class Maker:
    """Makes elements of one namespace: `make("Name", "text" or elements…, Attribute="value")`."""

    def __init__(self, namespace: str, prefixes: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._prefixes = dict(prefixes)

    def __call__(self, name: str, /, *content: Content, **attributes: str) -> Element:
        """Return the element. Characters that XML 1.0 forbids are replaced by stand-ins, see `serialize`."""
        written = {attribute: _writable(text) for attribute, text in attributes.items()}
        element = etree.Element(self._tag(name), written, self._prefixes)
        for part in content:
            if isinstance(part, str):
                element.text = _writable(part)
            else:
                element.append(part)
        return element

    def add(self, parent: Element, name: str, text: str) -> None:
        """Append an element with text to `parent`, which is many times faster than making it separately."""
        etree.SubElement(parent, self._tag(name)).text = _writable(text)

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}" if self._namespace else name


def _writable(text: str) -> str:
    return FORBIDDEN.sub(lambda match: STAND_IN + _digits(ord(match[0])), text)


def _digits(number: int) -> str:
    return "".join(chr(FIRST_DIGIT + int(digit, 16)) for digit in f"{number:04X}")


def _number(digits: str) -> str:
    return "".join(f"{ord(digit) - FIRST_DIGIT:X}" for digit in digits).lstrip("0") or "0"


def serialize(root: Element) -> bytes:
    """Return the document in UTF-8, with forbidden characters as references, as Exchange writes them.

    That includes each half of a surrogate pair, because Exchange keeps subjects in UTF-16 (libexpat issue 260).
    """
    document = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    if STAND_IN.encode() not in document:
        return document
    return STAND_INS.sub(lambda match: f"&#x{_number(match[1])};", document.decode()).encode()


def read(document: bytes) -> Element:
    """Return the root of a document. Raises lxml.etree.XMLSyntaxError."""
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))


def local_name(element: Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname


SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
NAMESPACES = {"s": SOAP, "m": MESSAGES, "t": TYPES}

S = Maker(SOAP, {"s": SOAP})
M = Maker(MESSAGES, {"m": MESSAGES, "t": TYPES})
T = Maker(TYPES, {"t": TYPES})
E = Maker(ERRORS, {"e": ERRORS})
UNQUALIFIED = Maker("", {"a": TYPES})

SERVER_VERSION = {
    "MajorVersion": "15",
    "MinorVersion": "2",
    "MajorBuildNumber": "1544",
    "MinorBuildNumber": "11",
    "Version": "V2017_07_11",
}
KNOWN_VERSIONS = frozenset(
    {"Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2"}
    | {"Exchange2013", "Exchange2013_SP1", "Exchange2016"}
)

WITHOUT_SCHEMA = "GetUserAvailabilityRequest"
"""Not in the published parts of the schema (only in the text of MS-OXWAVLS); its answer has a different structure."""


class Refusal(Exception):
    """A response code with its text; `values` go into MessageXml.

    It refuses the request as a whole (a SOAP fault) unless an operation turns it into a response message.
    """

    def __init__(self, code: str, message: str, values: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.values = values or {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: HTTP status, body, and the first response code in it that is not NoError.

    A streaming answer has `chunks` instead of the body. `cookie` routes to the back end that answered.
    """

    status: int
    body: bytes
    code: str = "NoError"
    chunks: AsyncGenerator[bytes, None] | None = None
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed request. `operation` is the local name of the element in Body."""

    operation: str
    request: Element
    headers: Mapping[str, Element] = field(default_factory=dict)

    @property
    def impersonated(self) -> tuple[str, str] | None:
        """The kind and value of ConnectingSID, None without ExchangeImpersonation."""
        header = self.headers.get("ExchangeImpersonation")
        name = None if header is None else header.find("t:ConnectingSID/*", NAMESPACES)
        return None if name is None else (local_name(name), (name.text or "").strip())


def parse(body: bytes, schema: etree.XMLSchema | None) -> Envelope:
    """Parse a request. Raises Refusal for what Exchange refuses before it looks at the operation."""
    try:
        root = read(body)
    except etree.XMLSyntaxError as error:
        raise schema_violation(str(error)) from error
    headers, parts = root.findall("s:Header/*", NAMESPACES), root.findall("s:Body/*", NAMESPACES)
    if root.tag != f"{{{SOAP}}}Envelope" or len(parts) != 1:
        raise schema_violation("not a SOAP 1.1 envelope with one element in its Body")
    envelope = Envelope(local_name(parts[0]), parts[0], {local_name(header): header for header in headers})
    _check_version(envelope)
    if schema is not None:
        for part in (*headers, *parts):
            if local_name(part) != WITHOUT_SCHEMA:
                _validate(part, schema)
    return envelope


def schema_violation(violation: str) -> Refusal:
    """Return the refusal of a request that violates the schema."""
    return Refusal("ErrorSchemaValidation", "The request failed schema validation.", {"Violation": violation})


def answer(operation: str, messages: Iterable[Element]) -> Answer:
    """Return the answer of an operation with its response messages."""
    if operation == WITHOUT_SCHEMA:
        response = M("GetUserAvailabilityResponse", M("FreeBusyResponseArray", *messages))
    else:
        response = M(f"{operation}Response", M("ResponseMessages", *messages))
    # Before the response is moved into another document, because lxml leaks if elements move while it iterates.
    codes = [element.text or "" for element in response.iter(f"{{{MESSAGES}}}ResponseCode")]
    body = S("Envelope", S("Header", T("ServerVersionInfo", **SERVER_VERSION)), S("Body", response))
    return Answer(200, serialize(body), next((code for code in codes if code != "NoError"), "NoError"))


def success(operation: str, *content: Element) -> Element:
    """Return the response message of a success."""
    return M(f"{operation}ResponseMessage", M("ResponseCode", "NoError"), *content, ResponseClass="Success")


def failure(operation: str, problem: Refusal, *content: Element, response_class: str = "Error") -> Element:
    """Return the response message of a failure (or, as a "Warning", of a partial success)."""
    return M(
        f"{operation}ResponseMessage",
        M("MessageText", problem.message),
        M("ResponseCode", problem.code),
        M("DescriptiveLinkKey", "0"),
        *([M("MessageXml", *_values(problem))] if problem.values else []),
        *content,
        ResponseClass=response_class,
    )


def fault(problem: Refusal) -> Answer:
    """Return the SOAP fault, which has HTTP status 500."""
    detail = UNQUALIFIED("detail", E("ResponseCode", problem.code), E("Message", problem.message))
    if problem.values:
        detail.append(T("MessageXml", *_values(problem)))
    code = UNQUALIFIED("faultcode", f"a:{problem.code}")
    text = UNQUALIFIED("faultstring", problem.message)
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en-US")
    return Answer(500, serialize(S("Envelope", S("Body", S("Fault", code, text, detail)))), problem.code)


def _values(problem: Refusal) -> list[Element]:
    return [T("Value", value, Name=name) for name, value in problem.values.items()]


def _validate(part: Element, schema: etree.XMLSchema) -> None:
    alone = etree.fromstring(etree.tostring(part))
    if not schema.validate(alone):
        raise schema_violation(str(schema.error_log))


def _check_version(envelope: Envelope) -> None:
    header = envelope.headers.get("RequestServerVersion")
    if header is not None and header.get("Version") not in KNOWN_VERSIONS:
        raise Refusal("ErrorInvalidServerVersion", "The specified server version is invalid.")
