"""Autodiscover requests and replies (MS-OXDSCLI, MS-OXWSADISC), and the addresses to ask. No I/O."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

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
# These errors do not depend on the address or the time: another attempt would fail in the same way.
_STANDING = ("NotFederated", "InvalidRequest", "InvalidSetting", "error 600", "error 601", "error 602")


@dataclass(frozen=True, slots=True)
class EwsUrls:
    """The URLs of EWS for clients outside and inside, the group of servers that hosts the mailbox, and the mailbox's
    primary address; "" for each that the server does not give."""

    external: str
    internal: str
    group: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class RedirectAddress:
    """A redirect to another address, to be asked about instead."""

    address: str


@dataclass(frozen=True, slots=True)
class RedirectUrl:
    """A redirect to another URL."""

    url: str


@dataclass(frozen=True, slots=True)
class UnknownAddress:
    """The server has no mailbox with this address, which says nothing about other addresses."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error in place of the settings, with its reason."""

    reason: str

    @property
    def may_pass(self) -> bool:
        """Whether the error may be temporary."""
        return self.reason not in _STANDING


Reply = EwsUrls | RedirectAddress | RedirectUrl | UnknownAddress | ErrorReply


def soap_request(url: str, address: str) -> bytes:
    """Return a GetUserSettings request for the EWS URLs of one mailbox, to be sent to `url`."""
    return _SOAP_REQUEST % (markup(url), markup(address))


def pox_request(address: str) -> bytes:
    """Return a POX request for the settings of one mailbox."""
    return _POX_REQUEST % markup(address)


def soap_reply(body: bytes) -> Reply:
    """Read the answer to a GetUserSettings request for one mailbox; raises `InputNotUnderstood` if it is not XML."""
    root = parse(body)
    fault = root.find(f"{SOAP}Body/{SOAP}Fault")
    if fault is not None:
        return ErrorReply(f"SOAP fault {text_of(fault, '{*}faultcode').rpartition(':')[2]}")
    response = root.find(f"{SOAP}Body/{_A}GetUserSettingsResponseMessage/{_A}Response")
    if response is None:
        return ErrorReply("an answer that is no autodiscover answer")
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
        return RedirectAddress(target)
    if code == "RedirectUrl":
        return RedirectUrl(target)
    return UnknownAddress() if code in SOAP_UNKNOWN_ADDRESS else ErrorReply(code)


def pox_reply(body: bytes) -> Reply:
    """Read the answer to a POX request; raises `InputNotUnderstood` if it is not XML."""
    response = parse(body).find("{*}Response")
    if response is None:
        return ErrorReply("an answer that is no autodiscover answer")
    error = response.find("{*}Error")
    if error is not None:
        code = text_of(error, "{*}ErrorCode")
        return UnknownAddress() if code in POX_UNKNOWN_ADDRESS else ErrorReply(f"error {code}")
    account = response.find("{*}Account")
    if account is None:
        return ErrorReply("an answer without an account")
    action = text_of(account, "{*}Action").lower()
    if action == "redirectaddr":
        return RedirectAddress(text_of(account, "{*}RedirectAddr"))
    if action == "redirecturl":
        return RedirectUrl(text_of(account, "{*}RedirectUrl"))
    protocols = account.iterfind("{*}Protocol")
    urls = {text_of(protocol, "{*}Type").upper(): text_of(protocol, "{*}EwsUrl") for protocol in protocols}
    return EwsUrls(
        external=urls.get(_POX_EXTERNAL, ""),
        internal=urls.get(_POX_INTERNAL, ""),
        address=text_of(response, "{*}User/{*}AutoDiscoverSMTPAddress"),
    )


_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_PATH = "/autodiscover/autodiscover"


def https_url(text: str, base: str = "https:") -> str | None:
    """Resolve `text` relative to `base` and return it as a normalised https URL; None if it is not one.

    The URL is rebuilt from its parts, so that every program finds the same host in it as this one did.
    """
    try:
        parts = urlsplit(urljoin(base, text.strip()))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme != "https" or parts.username is not None or not _HOST.fullmatch(host):
        return None
    if not (parts.path + parts.query).isascii() or not (parts.path + parts.query).isprintable():
        return None
    where = host if port in (None, 443) else f"{host}:{port}"
    return f"https://{where}{parts.path or '/'}{'?' if parts.query else ''}{parts.query}".replace(" ", "%20")


def host_of(url: str) -> str:
    """Return the host of a URL, without its port."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL: the server that a failed connection was for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def urls_at(url: str) -> tuple[str, ...]:
    """Return the services to ask at `url`: the URL itself if it names one, else SOAP, then POX, at the standard
    paths."""
    if url.lower().endswith((".svc", ".xml")):
        return (url,)
    return tuple(f"{origin_of(url)}{_PATH}{dialect}" for dialect in (".svc", ".xml"))


def urls_of_domain(domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the URLs to try for a mail domain: those asked with credentials, and those asked anonymously."""
    hosts = (f"autodiscover.{domain}", domain)
    asked = tuple(url for host in hosts for url in urls_at(f"https://{host}/"))
    return asked, tuple(f"http://{host}{_PATH}.xml" for host in hosts)


def parent_domain(host: str) -> frozenset[str]:
    """Return the parent domain of a host; empty if that is a top-level domain or the host is an IP address."""
    _, _, domain = host.partition(".")
    return frozenset({domain}) if "." in domain and not domain.rpartition(".")[2].isdecimal() else frozenset()


@dataclass(frozen=True, slots=True)
class TrustedHosts:
    """The hosts that credentials may be sent to: some domains with their subdomains, and hosts from the settings.

    A redirect found by plain http can be forged by anybody who controls the network or the name service, and an NTLM
    log-in at a forged host can be relayed to log in as the service account.
    """

    domains: frozenset[str]
    hosts: frozenset[str]

    def include(self, host: str) -> bool:
        """Return whether credentials may be sent to `host`."""
        in_a_domain = any(host == domain or host.endswith(f".{domain}") for domain in self.domains)
        return in_a_domain or host in self.hosts
