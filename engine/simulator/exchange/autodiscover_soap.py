"""Autodiscover by SOAP: GetUserSettings of /autodiscover/autodiscover.svc (MS-OXWSADISC)."""

from collections.abc import Sequence

from lxml import etree

from engine.simulator.exchange.autodiscover import Directory, Redirect
from engine.simulator.exchange.soap import SOAP, Answer, S
from engine.simulator.exchange.xml import Element, Maker, read, serialize
from engine.simulator.faults import RedirectAddress

NAMESPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES = {"s": SOAP, "a": NAMESPACE, "wsa": ADDRESSING}
ACTION = f"{NAMESPACE}/Autodiscover/GetUserSettings"
NIL = {f"{{{INSTANCE}}}nil": "true"}

A = Maker(NAMESPACE, {"a": NAMESPACE, "i": INSTANCE})
W = Maker(ADDRESSING, {"wsa": ADDRESSING})


def parse(body: bytes) -> Element | None:
    """Return the envelope of a GetUserSettings request, None for anything else."""
    try:
        root = read(body)
    except etree.XMLSyntaxError:
        return None
    action = root.findtext("s:Header/wsa:Action", "", NAMESPACES).strip()
    version = root.find("s:Header/a:RequestedServerVersion", NAMESPACES)
    request = root.find("s:Body/a:GetUserSettingsRequestMessage/a:Request", NAMESPACES)
    return root if action == ACTION and version is not None and request is not None else None


def users(envelope: Element) -> list[str]:
    """Return the addresses that are asked for."""
    path = "s:Body/a:GetUserSettingsRequestMessage/a:Request/a:Users/a:User/a:Mailbox"
    return [(element.text or "").strip() for element in envelope.findall(path, NAMESPACES)]


def answer(directory: Directory, envelope: Element | None, redirect: Redirect | None) -> Answer:
    """Return the answer: one user response for each user, which `redirect`, if any, sends elsewhere."""
    if envelope is None or not users(envelope):
        return _answer("InvalidRequest", [])
    path = "s:Body/a:GetUserSettingsRequestMessage/a:Request/a:RequestedSettings/a:Setting"
    wanted = [element.text or "" for element in envelope.findall(path, NAMESPACES)]
    if redirect is not None:
        return _answer("NoError", [_redirected(redirect) for _ in users(envelope)])
    return _answer("NoError", [_user_response(directory, user, wanted) for user in users(envelope)])


def _answer(code: str, responses: Sequence[Element]) -> Answer:
    response = A("Response", A("ErrorCode", code), A("ErrorMessage"), A("UserResponses", *responses))
    header = S("Header", W("Action", f"{ACTION}Response"), A("ServerVersionInfo", A("MajorVersion", "15")))
    body = S("Envelope", header, S("Body", A("GetUserSettingsResponseMessage", response)))
    codes = (element.text or "" for element in response.iter(f"{{{NAMESPACE}}}ErrorCode"))
    return Answer(200, serialize(body), next((found for found in codes if found != "NoError"), "NoError"))


def _user_response(directory: Directory, user: str, wanted: Sequence[str]) -> Element:
    owner = directory.mailbox_owner(user)
    if owner is None:
        code = "InvalidUser" if directory.serves_domain_of(user) else "InvalidDomain"
        return _response(code, f"{code}: {user}")
    known = directory.settings(owner)
    errors = [_unavailable(name) for name in wanted if name not in known]
    settings = [_setting(name, known[name]) for name in wanted if name in known]
    return _response("NoError", "No error.", errors=errors, settings=settings)


def _redirected(redirect: Redirect) -> Element:
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
