"""Autodiscover by plain old XML: /autodiscover/autodiscover.xml (MS-OXDSCLI)."""

from lxml import etree

from engine.simulator.exchange.autodiscover import Directory, Redirect
from engine.simulator.exchange.soap import Answer
from engine.simulator.exchange.xml import Element, Maker, read, serialize
from engine.simulator.faults import RedirectAddress
from engine.simulator.world import Person

REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
ENVELOPE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
NAMESPACES = {"r": REQUEST}

P = Maker(ENVELOPE, {})
R = Maker(RESPONSE, {})

INVALID_REQUEST = "600"
NO_PROVIDER = "601"


def parse(body: bytes) -> tuple[str, str]:
    """Return the address that is asked for and the schema of answer that is acceptable, "" where there is none."""
    try:
        root = read(body)
    except etree.XMLSyntaxError:
        return "", ""
    address = root.findtext("r:Request/r:EMailAddress", "", NAMESPACES)
    return address.strip(), root.findtext("r:Request/r:AcceptableResponseSchema", "", NAMESPACES).strip()


def answer(directory: Directory, body: bytes, redirect: Redirect | None) -> Answer:
    """Return the answer to a request body; `redirect`, if any, sends the asker elsewhere."""
    address, schema = parse(body)
    if not address:
        return _error(INVALID_REQUEST, "Invalid Request")
    if schema != RESPONSE:
        return _error(NO_PROVIDER, "Provider is not available")
    if redirect is not None:
        return _answer(_redirected(redirect), "NoError")
    owner = directory.mailbox_owner(address)
    if owner is None:
        return _error(directory.unknown_pox_address, "The email address can't be found.")
    return _answer(_settings(directory, owner), "NoError")


def _settings(directory: Directory, owner: Person) -> Element:
    known = directory.settings(owner)
    user = R(
        "User",
        R("DisplayName", known["UserDisplayName"]),
        R("AutoDiscoverSMTPAddress", known["AutoDiscoverSMTPAddress"]),
    )
    internal = R("Protocol", R("Type", "EXCH"), R("EwsUrl", known["InternalEwsUrl"]))
    external = R(
        "Protocol",
        R("Type", "EXPR"),
        R("EwsUrl", known["ExternalEwsUrl"]),
        R("GroupingInformation", known["GroupingInformation"]),
    )
    return R("Response", user, R("Account", R("AccountType", "email"), R("Action", "settings"), internal, external))


def _redirected(redirect: Redirect) -> Element:
    if isinstance(redirect, RedirectAddress):
        return R("Response", R("Account", R("Action", "redirectAddr"), R("RedirectAddr", redirect.address)))
    return R("Response", R("Account", R("Action", "redirectUrl"), R("RedirectUrl", redirect.url)))


def _error(code: str, message: str) -> Answer:
    error = P("Error", P("ErrorCode", code), P("Message", message), P("DebugData"), Time="08:00:00.0", Id="1")
    return _answer(P("Response", error), code)


def _answer(response: Element, code: str) -> Answer:
    return Answer(200, serialize(P("Autodiscover", response)), code)
