"""Which URLs autodiscover asks, and which hosts may see the service account's credentials."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_PATH = "/autodiscover/autodiscover"


def https_url(text: str, base: str = "https:") -> str | None:
    """Return `text`, as seen from `base`, as an https URL in one spelling; None when it is not one.

    The URL is put together anew from its parts, so that no other program reads another host out of it than we did.
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
    """Return the host of an URL, without its port."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> str:
    """Return scheme, host and port of an URL: what a connection failure is about."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def urls_at(url: str) -> tuple[str, ...]:
    """Return what to ask at `url`: itself when it names a service, else SOAP before POX at the standard paths."""
    if url.lower().endswith((".svc", ".xml")):
        return (url,)
    return tuple(f"{origin_of(url)}{_PATH}{dialect}" for dialect in (".svc", ".xml"))


def urls_of_domain(domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the URLs to ask with credentials, and those to ask for a redirect without, for a mail domain."""
    hosts = (f"autodiscover.{domain}", domain)
    asked = tuple(url for host in hosts for url in urls_at(f"https://{host}/"))
    return asked, tuple(f"http://{host}{_PATH}.xml" for host in hosts)


def parent_domain(host: str) -> frozenset[str]:
    """Return the domain that a host is in, none where that would be a top-level domain or the host is an address."""
    _, _, domain = host.partition(".")
    return frozenset({domain}) if "." in domain and not domain.rpartition(".")[2].isdecimal() else frozenset()


@dataclass(frozen=True, slots=True)
class TrustedHosts:
    """The hosts that credentials may be sent to: some domains with all below them, and hosts from the settings.

    A redirect found by plain http can be forged by whoever controls the network or the name service, and an NTLM
    log-in at a forged host can be turned against the account.
    """

    domains: frozenset[str]
    hosts: frozenset[str]

    def include(self, host: str) -> bool:
        """Tell whether `host` may see the credentials."""
        in_a_domain = any(host == domain or host.endswith(f".{domain}") for domain in self.domains)
        return in_a_domain or host in self.hosts
