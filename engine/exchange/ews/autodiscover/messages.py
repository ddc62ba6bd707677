"""The two dialects of autodiscover: SOAP GetUserSettings (MS-OXWSADISC) and POX, plain old XML (MS-OXDSCLI)."""

from dataclasses import dataclass

from engine.exchange.ews.safe_xml import markup, parse, text_of
from engine.exchange.ews.soap import SOAP

_SETTINGS_NAMESPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_A = f"{{{_SETTINGS_NAMESPACE}}}"

_SOAP_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?>\n'
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    b' xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"'
    b' xmlns:wsa="http://www.w3.org/2005/08/addressing">'
    b"<s:Header><a:RequestedServerVersion>Exchange2013_SP1</a:RequestedServerVersion>"
    b"<wsa:Action>http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings</wsa:Action>"
    b"<wsa:To>%b</wsa:To></s:Header>"
    b"<s:Body><a:GetUserSettingsRequestMessage><a:Request>"
    b"<a:Users><a:User><a:Mailbox>%b</a:Mailbox></a:User></a:Users>"
    b"<a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting>"
    b"<a:Setting>GroupingInformation</a:Setting><a:Setting>AutoDiscoverSMTPAddress</a:Setting>"
    b"</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
)
_POX_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?>\n'
    b'<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    b"<EMailAddress>%b</EMailAddress><AcceptableResponseSchema>"
    b"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    b"</AcceptableResponseSchema></Request></Autodiscover>"
)
# In POX, EXCH is how a client inside reaches the server, EXPR how one outside does.
_POX_INTERNAL, _POX_EXTERNAL = "EXCH", "EXPR"
# Exchange says 500 (MS-OXDSCLI); 404 is what another server says, as observed.
POX_UNKNOWN_ADDRESS = ("500", "404")
SOAP_UNKNOWN_ADDRESS = ("InvalidUser", "InvalidDomain")
# The server has its reasons, and they are the same for every address and every day.
_STANDING = ("NotFederated", "InvalidRequest", "InvalidSetting", "error 600", "error 601", "error 602")


@dataclass(frozen=True, slots=True)
class EwsUrls:
    """The server tells where EWS is, for clients outside and inside, which group of servers looks after the mailbox,
    and its primary address; "" where it does not."""

    external: str
    internal: str
    group: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class OtherAddress:
    """The server says: ask for this address in place of the one asked for."""

    address: str


@dataclass(frozen=True, slots=True)
class OtherUrl:
    """The server says: ask there."""

    url: str


@dataclass(frozen=True, slots=True)
class UnknownAddress:
    """The server has no mailbox of this address; it may still know another one."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The server has no answer, for the reason given."""

    reason: str

    @property
    def may_pass(self) -> bool:
        """Whether it may have an answer another time."""
        return self.reason not in _STANDING


Reply = EwsUrls | OtherAddress | OtherUrl | UnknownAddress | Declined


def soap_request(url: str, address: str) -> bytes:
    """Return a GetUserSettings request for the EWS URLs of one mailbox, to be sent to `url`."""
    return _SOAP_REQUEST % (markup(url), markup(address))


def pox_request(address: str) -> bytes:
    """Return a POX request for the settings of one mailbox."""
    return _POX_REQUEST % markup(address)


def soap_reply(body: bytes) -> Reply:
    """Read the answer to a GetUserSettings request for one mailbox; raises `NotUnderstood` when it is no XML."""
    root = parse(body)
    fault = root.find(f"{SOAP}Body/{SOAP}Fault")
    if fault is not None:
        return Declined(f"SOAP fault {text_of(fault, '{*}faultcode').rpartition(':')[2]}")
    response = root.find(f"{SOAP}Body/{_A}GetUserSettingsResponseMessage/{_A}Response")
    if response is None:
        return Declined("an answer that is no autodiscover answer")
    user = response.find(f"{_A}UserResponses/{_A}UserResponse")
    code = text_of(response, f"{_A}ErrorCode")
    if user is not None and code in ("", "NoError"):
        code = text_of(user, f"{_A}ErrorCode")
    target = text_of(user, f"{_A}RedirectTarget") if user is not None else ""
    if code in ("", "NoError"):
        settings = user.iter(f"{_A}UserSetting") if user is not None else ()
        values = {text_of(setting, f"{_A}Name"): text_of(setting, f"{_A}Value") for setting in settings}
        return EwsUrls(
            external=values.get("ExternalEwsUrl", ""),
            internal=values.get("InternalEwsUrl", ""),
            group=values.get("GroupingInformation", ""),
            address=values.get("AutoDiscoverSMTPAddress", ""),
        )
    if code == "RedirectAddress":
        return OtherAddress(target)
    if code == "RedirectUrl":
        return OtherUrl(target)
    return UnknownAddress() if code in SOAP_UNKNOWN_ADDRESS else Declined(code)


def pox_reply(body: bytes) -> Reply:
    """Read the answer to a POX request; raises `NotUnderstood` when it is no XML."""
    response = parse(body).find("{*}Response")
    if response is None:
        return Declined("an answer that is no autodiscover answer")
    error = response.find("{*}Error")
    if error is not None:
        code = text_of(error, "{*}ErrorCode")
        return UnknownAddress() if code in POX_UNKNOWN_ADDRESS else Declined(f"error {code}")
    account = response.find("{*}Account")
    if account is None:
        return Declined("an answer without an account")
    action = text_of(account, "{*}Action").lower()
    if action == "redirectaddr":
        return OtherAddress(text_of(account, "{*}RedirectAddr"))
    if action == "redirecturl":
        return OtherUrl(text_of(account, "{*}RedirectUrl"))
    protocols = account.iterfind("{*}Protocol")
    urls = {text_of(protocol, "{*}Type").upper(): text_of(protocol, "{*}EwsUrl") for protocol in protocols}
    return EwsUrls(
        external=urls.get(_POX_EXTERNAL, ""),
        internal=urls.get(_POX_INTERNAL, ""),
        address=text_of(response, "{*}User/{*}AutoDiscoverSMTPAddress"),
    )
