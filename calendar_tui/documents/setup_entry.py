"""Ways into the set-up: which change of the settings mends which problem."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.api.schema.setup import FlowName

FLOW_OF: Mapping[str, FlowName] = MappingProxyType(
    {
        "login-refused": "password",
        "client-secret-refused": "password",
        "client-secret-expired": "password",
        "certificate-not-trusted": "exchange-certificate",
        "pbx-certificate-not-trusted": "pbx-certificate",
        "pbx-login-refused": "pbx",
        "pbx-rights-missing": "pbx",
        "pbx-unreachable": "pbx",
        "not-a-pbx": "pbx",
        "wrong-pbx": "pbx",
        "autodiscover-failed": "exchange",
        "application-unknown": "exchange",
        "tenant-unknown": "exchange",
        "consent-missing": "exchange",
        "graph-permission-missing": "exchange",
        "impersonation-right-missing": "exchange",
        "cloud-ews-ends": "graph",
        "cloud-ews-ended": "graph",
        "ews-switched-off": "graph",
        "nobody-takes-part": "users",
    }
)
"""The part of the set-up that a problem leads to, by the name of its failure."""
