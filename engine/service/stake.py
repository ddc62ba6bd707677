"""What is at stake in a change of the settings: a link that worked may not work any more."""

from engine.core.failures import Failure
from engine.service.failures import ChangeBrokeLink
from engine.service.seat import Seat
from engine.sync.happenings import Happening, LinkRecovered, LinkTrouble, Side


class Stake:
    """Watches the links in `seat` after a change until each of them works again that did before."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._anxious: frozenset[Side] = frozenset()
        self._broken: dict[Side, Failure] = {}
        seat.observe(self._observe)

    @property
    def broken(self) -> ChangeBrokeLink | None:
        """What the last change seems to have broken."""
        if not self._broken:
            return None
        return ChangeBrokeLink("; ".join(f"{side}: {failure}" for side, failure in self._broken.items()))

    def put(self) -> None:
        """Begin to watch: a change restarts the links now."""
        status = self._seat.status()
        links = {Side.PBX: status.pbx, Side.EXCHANGE: status.exchange}
        self._anxious = frozenset(side for side, link in links.items() if link.works) | self._broken.keys()
        self._broken = {}

    def _observe(self, happening: Happening) -> None:
        match happening:
            case LinkTrouble(side, failure) if side in self._anxious:
                self._broken[side] = failure
            case LinkRecovered(side):
                self._anxious -= {side}
                self._broken.pop(side, None)
            case _:
                pass
