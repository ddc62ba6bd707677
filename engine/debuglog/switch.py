"""Whether exchanges are captured: by the settings, or by somebody who switched it for now. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from engine.core import bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """On or off; `mailboxes` (in lower case): of these alone, of all if empty; `until`: it goes off by itself then.

    `actor` has switched it, "" for the settings, which said `as_set` at that time: as long as they say the same, what
    somebody switched outlives a restart, and as soon as they say something else, they count.
    """

    on: bool
    mailboxes: frozenset[str] = frozenset()
    until: datetime | None = None
    actor: str = ""
    as_set: bool = False

    @classmethod
    def by_settings(cls, ews: bool) -> Self:
        """Return what the settings say."""
        return cls(on=ews, as_set=ews)

    @classmethod
    def remembered(cls, text: str | None, ews: bool, now: datetime) -> Self:
        """Return what was switched before a restart as far as it still counts, else what the settings say."""
        if text is not None:
            try:
                switch = bounded.json(text, cls)
            except bounded.NotReadable:
                return cls.by_settings(ews)
            if switch.as_set == ews and not switch.is_over(now):
                return switch
        return cls.by_settings(ews)

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time has passed."""
        return self.until is not None and now >= self.until

    def concerns(self, mailboxes: tuple[str, ...]) -> bool:
        """Tell whether an exchange about these mailboxes is captured; one about nobody in particular always is."""
        return not self.mailboxes or not mailboxes or any(each.lower() in self.mailboxes for each in mailboxes)
