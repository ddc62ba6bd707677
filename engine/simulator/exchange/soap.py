"""SOAP 1.1 as EWS speaks it: taking a request apart, and writing answers and faults (MS-OXWSCDATA, MS-OXWSCORE)."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from engine.simulator.exchange.xml import Element, Maker, local_name, read, serialize

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
"""Not in the published parts of the schema (MS-OXWAVLS has it only in print); its answer has a shape of its own."""


class Refusal(Exception):
    """A response code with its text; `values` go into MessageXml.

    It concerns the request as a whole (a SOAP fault) unless an operation turns it into a response message.
    """

    def __init__(self, code: str, message: str, values: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.values = values or {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: HTTP status, body, and the first response code in it that is not NoError.

    `chunks` come in place of the body where the answer hangs. `cookie` leads back to the back end that answered.
    """

    status: int
    body: bytes
    code: str = "NoError"
    chunks: AsyncGenerator[bytes, None] | None = None
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request taken apart. `operation` is the local name of the element in Body."""

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
    """Take a request apart. Raises Refusal for what Exchange refuses before it looks at the operation."""
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
    """Return the refusal of a request that does not keep to the schema."""
    return Refusal("ErrorSchemaValidation", "The request failed schema validation.", {"Violation": violation})


def answer(operation: str, messages: Iterable[Element]) -> Answer:
    """Return the answer of an operation with its response messages."""
    if operation == WITHOUT_SCHEMA:
        response = M("GetUserAvailabilityResponse", M("FreeBusyResponseArray", *messages))
    else:
        response = M(f"{operation}Response", M("ResponseMessages", *messages))
    codes = (element.text or "" for element in response.iter(f"{{{MESSAGES}}}ResponseCode"))
    body = S("Envelope", S("Header", T("ServerVersionInfo", **SERVER_VERSION)), S("Body", response))
    return Answer(200, serialize(body), next((code for code in codes if code != "NoError"), "NoError"))


def success(operation: str, *content: Element) -> Element:
    """Return the response message of one thing done."""
    return M(f"{operation}ResponseMessage", M("ResponseCode", "NoError"), *content, ResponseClass="Success")


def failure(operation: str, problem: Refusal, *content: Element, response_class: str = "Error") -> Element:
    """Return the response message of one thing not done (or, as a "Warning", done in part)."""
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
    """Return the SOAP fault, which goes with HTTP status 500."""
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
