"""The keys and values that are specified but have no effect yet: refused by name, so that nobody relies on them.

A feature that arrives deletes its lines here.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from engine.core.settings.model import ExchangeType

UNAVAILABLE_KEYS = frozenset(
    {
        "exchange.graph_url",
    }
)

UNAVAILABLE_VALUES: Mapping[type[StrEnum], frozenset[StrEnum]] = MappingProxyType(
    {
        ExchangeType: frozenset({ExchangeType.CLOUD_GRAPH}),
    }
)
