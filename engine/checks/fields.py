"""The setting that a failure is about, where its cursor belongs."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.checks.errors import AccountWithoutDomain
from engine.core.errors import Failure
from engine.exchange.errors import (
    CertificateNotTrusted,
    LedElsewhere,
    LoginMethodNotOffered,
    LoginRefused,
    MailboxAtAnotherUrl,
    ServiceMailboxMissing,
    TlsImpossible,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed, EwsHostNotTrusted
from engine.exchange.graph.errors import TenantWithoutExchange
from engine.exchange.http.proxy_errors import ProxyFailure, ProxyLogInRefused
from engine.exchange.oauth.errors import (
    ApplicationUnknown,
    ClientCertificateUnusable,
    ClientSecretExpired,
    ClientSecretRefused,
    ResourceUnknown,
    TenantUnknown,
)
from engine.pbx.errors import (
    ListenCertificateUnusable,
    ListeningImpossible,
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxLoginRefused,
    PbxPasswordWrong,
    PbxTlsImpossible,
    PbxUnreachable,
    WrongPbx,
)
from engine.sync.hold import NobodyTakesPart

_FIELDS: Mapping[type[Failure], str] = MappingProxyType(
    {
        PbxUnreachable: "pbx.host",
        NotAPbx: "pbx.host",
        PbxTlsImpossible: "pbx.port",
        PbxCertificateNotTrusted: "pbx.fingerprint",
        PbxLoginRefused: "pbx.password",
        PbxPasswordWrong: "pbx.password",
        WrongPbx: "pbx.master",
        ListeningImpossible: "pbx.listen_port",
        ListenCertificateUnusable: "pbx.certificate",
        NobodyTakesPart: "pbx.users",
        CertificateNotTrusted: "exchange.fingerprint",
        TlsImpossible: "exchange.ews_url",
        LedElsewhere: "exchange.ews_url",
        MailboxAtAnotherUrl: "exchange.ews_url",
        AutodiscoverFailed: "exchange.ews_url",
        EwsHostNotTrusted: "exchange.trusted_hosts",
        AccountWithoutDomain: "exchange.user",
        LoginRefused: "exchange.password",
        LoginMethodNotOffered: "exchange.auth",
        ServiceMailboxMissing: "exchange.resolve_with",
        ProxyFailure: "exchange.proxy",
        ProxyLogInRefused: "exchange.proxy_password",
        TenantUnknown: "exchange.tenant_id",
        TenantWithoutExchange: "exchange.tenant_id",
        ApplicationUnknown: "exchange.client_id",
        ClientSecretRefused: "exchange.client_secret",
        ClientSecretExpired: "exchange.client_secret",
        ClientCertificateUnusable: "exchange.certificate",
        ResourceUnknown: "exchange.graph_url",
    }
)


def field_of(failure: Failure) -> str:
    """Return the key of the setting, or the name of the secret, that is wrong; "" if it has to be mended elsewhere."""
    return next((_FIELDS[kind] for kind in type(failure).__mro__ if kind in _FIELDS), "")
