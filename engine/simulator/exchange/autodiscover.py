"""Simulated autodiscover, by plain XML (MS-OXDSCLI) and by SOAP (MS-OXWSADISC)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from engine.simulator.exchange.soap import SOAP, Answer, Element, Maker, S, read, serialize
from engine.simulator.exchange.topology import Homes
from engine.simulator.faults import RedirectAddress, RedirectUrl
from engine.simulator.world import Person, World

Redirect: TypeAlias = RedirectAddress | RedirectUrl
ROUTING_DOMAIN = "corp.mail.onmicrosoft.example"
"""The domain of the addresses (targetAddress) by which mail for remote mailboxes is sent to Exchange Online."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Content of the answers. `url_of` makes the EWS URL of a host name; `unknown_pox_address` is an error code of
    POX; `service_account` has a mailbox, too, but is nobody of the world."""

    world: World
    homes: Homes
    url_of: Callable[[str], str]
    unknown_pox_address: str
    service_account: Person | None = None

    def mailbox_owner(self, address: str) -> Person | None:
        """Return the owner of the mailbox with this primary or proxy address."""
        account = self.service_account
        if account is not None and account.mailbox == address.strip().casefold():
            return account
        return self.world.owner(address.strip())

    def redirect_of(self, address: str) -> Redirect | None:
        """Return where the owner of a remote mailbox is sent to, None for any other address."""
        owner = self.mailbox_owner(address)
        if owner is None or not self.homes.is_remote(owner.mailbox or ""):
            return None
        return RedirectAddress(f"{owner.name}@{ROUTING_DOMAIN}")

    def serves_domain_of(self, address: str) -> bool:
        """Return whether the domain of the address belongs to this organisation."""
        domain = address.strip().casefold().rpartition("@")[2]
        known = {(person.mailbox or "").casefold().rpartition("@")[2] for person in self.world.people}
        return bool(domain) and domain in known

    def settings(self, owner: Person) -> dict[str, str]:
        """Return the user settings by the names of SOAP autodiscover."""
        home = self.homes.of(owner.mailbox or "")
        return {
            "UserDisplayName": owner.display_name,
            "AutoDiscoverSMTPAddress": owner.mailbox or "",
            "ExternalEwsUrl": self.url_of(home.external_host),
            "InternalEwsUrl": self.url_of(home.internal_host),
            "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, "
            "Exchange2013, Exchange2013_SP1, Exchange2016",
            "CasVersion": "15.02.1544.011",
            "GroupingInformation": home.group,
        }


REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
ENVELOPE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
POX_NAMESPACES = {"r": REQUEST}

P = Maker(ENVELOPE, {})
R = Maker(RESPONSE, {})

INVALID_REQUEST = "600"
NO_PROVIDER = "601"


def parse_pox(body: bytes) -> tuple[str, str]:
    """Return the requested address and the accepted response schema, "" for what is missing."""
    try:
        root = read(body)
    except etree.XMLSyntaxError:
        return "", ""
    address = root.findtext("r:Request/r:EMailAddress", "", POX_NAMESPACES)
    return address.strip(), root.findtext("r:Request/r:AcceptableResponseSchema", "", POX_NAMESPACES).strip()


def answer_pox(directory: Directory, body: bytes, redirect: Redirect | None) -> Answer:
    """Return the answer to a request body, or a redirect if `redirect` is given."""
    address, schema = parse_pox(body)
    if not address:
        return _error(INVALID_REQUEST, "Invalid Request")
    if schema != RESPONSE:
        return _error(NO_PROVIDER, "Provider is not available")
    redirect = redirect or directory.redirect_of(address)
    if redirect is not None:
        return _pox_answer(_pox_redirected(redirect), "NoError")
    owner = directory.mailbox_owner(address)
    if owner is None:
        return _error(directory.unknown_pox_address, "The email address can't be found.")
    return _pox_answer(_settings(directory, owner), "NoError")


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


def _pox_redirected(redirect: Redirect) -> Element:
    if isinstance(redirect, RedirectAddress):
        return R("Response", R("Account", R("Action", "redirectAddr"), R("RedirectAddr", redirect.address)))
    return R("Response", R("Account", R("Action", "redirectUrl"), R("RedirectUrl", redirect.url)))


def _error(code: str, message: str) -> Answer:
    error = P("Error", P("ErrorCode", code), P("Message", message), P("DebugData"), Time="08:00:00.0", Id="1")
    return _pox_answer(P("Response", error), code)


def _pox_answer(response: Element, code: str) -> Answer:
    return Answer(200, serialize(P("Autodiscover", response)), code)


NAMESPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SOAP_NAMESPACES = {"s": SOAP, "a": NAMESPACE, "wsa": ADDRESSING}
ACTION = f"{NAMESPACE}/Autodiscover/GetUserSettings"
NIL = {f"{{{INSTANCE}}}nil": "true"}

A = Maker(NAMESPACE, {"a": NAMESPACE, "i": INSTANCE})
W = Maker(ADDRESSING, {"wsa": ADDRESSING})


def parse_soap(body: bytes) -> Element | None:
    """Return the envelope of a GetUserSettings request, None for anything else."""
    try:
        root = read(body)
    except etree.XMLSyntaxError:
        return None
    action = root.findtext("s:Header/wsa:Action", "", SOAP_NAMESPACES).strip()
    version = root.find("s:Header/a:RequestedServerVersion", SOAP_NAMESPACES)
    request = root.find("s:Body/a:GetUserSettingsRequestMessage/a:Request", SOAP_NAMESPACES)
    return root if action == ACTION and version is not None and request is not None else None


def soap_users(envelope: Element) -> list[str]:
    """Return the requested addresses."""
    path = "s:Body/a:GetUserSettingsRequestMessage/a:Request/a:Users/a:User/a:Mailbox"
    return [(element.text or "").strip() for element in envelope.findall(path, SOAP_NAMESPACES)]


def answer_soap(directory: Directory, envelope: Element | None, redirect: Redirect | None) -> Answer:
    """Return the answer, with one user response for each user: the settings, or `redirect` if given."""
    if envelope is None or not soap_users(envelope):
        return _soap_answer("InvalidRequest", [])
    path = "s:Body/a:GetUserSettingsRequestMessage/a:Request/a:RequestedSettings/a:Setting"
    wanted = [element.text or "" for element in envelope.findall(path, SOAP_NAMESPACES)]
    if redirect is not None:
        return _soap_answer("NoError", [_soap_redirected(redirect) for _ in soap_users(envelope)])
    return _soap_answer("NoError", [_user_response(directory, user, wanted) for user in soap_users(envelope)])


def _soap_answer(code: str, responses: Sequence[Element]) -> Answer:
    response = A("Response", A("ErrorCode", code), A("ErrorMessage"), A("UserResponses", *responses))
    header = S("Header", W("Action", f"{ACTION}Response"), A("ServerVersionInfo", A("MajorVersion", "15")))
    body = S("Envelope", header, S("Body", A("GetUserSettingsResponseMessage", response)))
    codes = (element.text or "" for element in response.iter(f"{{{NAMESPACE}}}ErrorCode"))
    return Answer(200, serialize(body), next((found for found in codes if found != "NoError"), "NoError"))


def _user_response(directory: Directory, user: str, wanted: Sequence[str]) -> Element:
    if (redirect := directory.redirect_of(user)) is not None:
        return _soap_redirected(redirect)
    owner = directory.mailbox_owner(user)
    if owner is None:
        code = "InvalidUser" if directory.serves_domain_of(user) else "InvalidDomain"
        return _response(code, f"{code}: {user}")
    known = directory.settings(owner)
    errors = [_unavailable(name) for name in wanted if name not in known]
    settings = [_setting(name, known[name]) for name in wanted if name in known]
    return _response("NoError", "No error.", errors=errors, settings=settings)


def _soap_redirected(redirect: Redirect) -> Element:
    if isinstance(redirect, RedirectAddress):
        return _response("RedirectAddress", "Redirection address.", target=redirect.address)
    return _response("RedirectUrl", "Redirection URL.", target=redirect.url)


def _response(
    code: str, message: str, *, target: str = "", errors: Sequence[Element] = (), settings: Sequence[Element] = ()
) -> Element:
    return A(
        "UserResponse",
        A("ErrorCode", code),
        A("ErrorMessage", message),
        A("RedirectTarget", target) if target else A("RedirectTarget", **NIL),
        A("UserSettingErrors", *errors),
        A("UserSettings", *settings),
    )


def _unavailable(name: str) -> Element:
    message = f"The setting {name} is not available."
    return A(
        "UserSettingError", A("ErrorCode", "SettingIsNotAvailable"), A("ErrorMessage", message), A("SettingName", name)
    )


def _setting(name: str, value: str) -> Element:
    kind = {f"{{{INSTANCE}}}type": "a:StringSetting"}
    return A("UserSetting", A("Name", name), A("Value", value), **kind)
