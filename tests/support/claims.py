"""Claims that a test ends when it wants to."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class TestedClaim:
    """A claim that holds until `end` is called, or for the first `comparisons` alone; `compared` is called at each."""

    __test__ = False

    token: int = 1
    shard: int = 0
    term: str = "a"
    comparisons: int | None = None
    compared: Callable[[], None] = lambda: None
    is_over: bool = False

    def holds(self) -> bool:
        self.compared()
        if self.comparisons is not None:
            self.is_over = self.is_over or self.comparisons == 0
            self.comparisons -= 1
        return not self.is_over

    def end(self) -> None:
        self.is_over = True
