"""The keys and values that are specified but have no effect yet: refused by name, so that nobody relies on them.

A feature that arrives deletes its lines here.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from engine.core.settings.model import ExchangeType, Mode

UNAVAILABLE_KEYS = frozenset(
    {
        "exchange.tenant_id",
        "exchange.client_id",
        "exchange.authority",
        "exchange.graph_url",
        "exchange.certificate",
        "exchange.certificate_key",
        "debug_log.ews",
        "debug_log.max_megabytes",
        "debug_log.max_days",
        "debug_log.subjects",
        "engine.metrics_port",
    }
)

UNAVAILABLE_VALUES: Mapping[type[StrEnum], frozenset[StrEnum]] = MappingProxyType(
    {
        ExchangeType: frozenset({ExchangeType.CLOUD_EWS, ExchangeType.CLOUD_GRAPH}),
        Mode: frozenset({Mode.FREE_BUSY}),
    }
)
