"""Reports what expires soon, once for each threshold, and when that is over."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NoReturn

from engine.core.clock import Clock
from engine.core.expiry import Expiries, Expiring, ExpiryWarning
from engine.sync.events import ConcernArose, ConcernOver, Observer, Side

LOOK = timedelta(minutes=1)
"""How often to look, by the network clock."""

_SIDES: Mapping[Expiring, Side] = MappingProxyType(
    {Expiring.PBX_CERTIFICATE: Side.PBX, Expiring.LISTENING_CERTIFICATE: Side.PBX}
)


class ExpiryWatch:
    """Reports the warnings of `expiries` to `observe`; `network_clock` paces it."""

    def __init__(self, expiries: Expiries, network_clock: Clock, observe: Observer) -> None:
        self._expiries = expiries
        self._network_clock = network_clock
        self._observe = observe
        self._reported: dict[Expiring, ExpiryWarning] = {}

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        while True:
            self._look()
            await self._network_clock.sleep_until(self._network_clock.now() + LOOK)

    def _look(self) -> None:
        warnings = {each.kind: each for each in self._expiries.warnings()}
        for kind, warning in warnings.items():
            before = self._reported.get(kind)
            if before is None or before.threshold != warning.threshold:
                self._observe(ConcernArose(_side(kind), warning))
        for kind in self._reported.keys() - warnings.keys():
            self._observe(ConcernOver(_side(kind), self._reported[kind]))
        self._reported = warnings


def _side(kind: Expiring) -> Side:
    return _SIDES.get(kind, Side.EXCHANGE)
