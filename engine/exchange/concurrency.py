"""How many requests a server gets at once: fewer as soon as it complains, more again little by little. No I/O."""


class Concurrency:
    """Additive increase, multiplicative decrease (RFC 5681, section 3.1), from `most` requests at once downwards.

    Requests that were under way when the server complained say nothing new: they do not count a second time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._round = 0

    @property
    def allowed(self) -> int:
        """How many requests may be under way now: at least one, never more than `most`."""
        return int(self._allowed)

    def begin(self) -> int:
        """Return what the outcome of a request that begins now is reported with."""
        return self._round

    def went_well(self, begun: int) -> None:
        """As many successes as may be under way at once allow one more."""
        if begun == self._round:
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)

    def complained(self, begun: int) -> None:
        """The server has too much to do: half as many from now on."""
        if begun == self._round:
            self._allowed = max(1.0, self._allowed / 2)
            self._round += 1
