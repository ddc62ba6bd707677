"""Named failures of the proxy that Exchange and Microsoft Entra are reached through (`exchange.proxy`)."""

from engine.core.errors import Fault, Scope
from engine.exchange.errors import CertificateNotTrusted, ExchangeUnreachable


class ProxyFailure(ExchangeUnreachable):
    """Base class: the proxy leads nowhere, so nothing was sent to the server behind it."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE


class ProxyUnreachable(ProxyFailure):
    """There is no connection to the proxy itself."""

    fault = Fault.NETWORK
    meaning = "The proxy cannot be reached"
    remedy = (
        "Check that the proxy is up, that host and port in exchange.proxy are right, and that DNS, routing and "
        "firewalls let this machine reach it."
    )


class ProxyTlsImpossible(ProxyFailure):
    """The TLS handshake with a proxy whose URL starts with https:// failed for another reason than the certificate."""

    meaning = "The proxy and this machine cannot agree on a TLS connection"
    remedy = (
        "Most proxies are reached without TLS, even for https: write exchange.proxy with http:// unless the proxy has "
        "a port for TLS, which needs at least TLS 1.2."
    )


class ProxyLogInRefused(ProxyFailure):
    """The proxy answers 407: it wants a user and a password, or refuses those it got."""

    fault = Fault.CREDENTIALS
    meaning = "The proxy wants a log-in, or refuses the one it got"
    remedy = (
        "Name the user in exchange.proxy (http://USER@HOST:PORT) and store its password (calendar-engine secret set "
        "exchange.proxy_password). The proxy has to accept Basic: NTLM and Kerberos are not supported there. Or let it "
        "admit this machine without a log-in."
    )


class ProxyRefuses(ProxyFailure):
    """The proxy answers a request for a tunnel by something else than 2xx and 407, or hangs up.

    `has_answered`: it gave a status, so the log-in at the proxy was right.
    """

    has_answered = False
    fault = Fault.PERMISSION
    meaning = "The proxy refuses the connection to the server behind it"
    remedy = (
        "Allow this machine, on the proxy, to open connections (CONNECT) to that host and port; and check that the "
        "proxy itself can look up and reach the host."
    )


class ProxyInspectsTls(CertificateNotTrusted):
    """Behind a proxy, a server shows a certificate that is not trusted: as a rule the proxy's own."""

    meaning = "The certificate that the proxy lets through is not trusted"
    remedy = (
        "Except the host from TLS inspection on the proxy: through an inspecting proxy, NTLM with channel binding "
        "cannot log in. Or set exchange.ca_file to a file with the CA that the proxy issues its certificates by, and "
        'exchange.channel_binding = "off".'
    )
