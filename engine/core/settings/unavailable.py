"""The keys and values that are specified but have no effect yet: refused by name, so that nobody relies on them.

A feature that arrives deletes its lines here.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from engine.core.settings.model import ExchangeType, PbxLinkKind

UNAVAILABLE_KEYS = frozenset(
    {
        "pbx.listen_address",
        "pbx.listen_port",
        "pbx.listen_path",
        "pbx.certificate",
        "pbx.certificate_key",
        "pbx.fingerprint",
        "exchange.max_subscriptions_per_connection",
        "exchange.graph_url",
        "debug_log.ews",
        "debug_log.max_megabytes",
        "debug_log.max_days",
        "debug_log.subjects",
        "engine.socket",
        "engine.socket_group",
        "engine.metrics_port",
    }
)

UNAVAILABLE_VALUES: Mapping[type[StrEnum], frozenset[StrEnum]] = MappingProxyType(
    {
        PbxLinkKind: frozenset({PbxLinkKind.LISTEN}),
        ExchangeType: frozenset({ExchangeType.CLOUD_GRAPH}),
    }
)
