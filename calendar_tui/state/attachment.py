"""How this program stands with the engine."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Attaching:
    """No attempt was made yet."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What happens there is shown here at once."""

    socket: Path


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine is gone, or was never there; the next attempt is at `retry_at` (real time)."""

    failure: Exception
    retry_at: datetime

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return str(getattr(self.failure, "remedy", ""))


Attachment = Attaching | Attached | Lost
