"""Tells a mailbox that is gone from a directory that finds nothing at the moment. No I/O."""

from datetime import datetime, timedelta

CONFIRMED = 3
"""Answers that there is no mailbox: the first one, and two that confirm it."""

APART = timedelta(seconds=30)
"""What is answered sooner after the answer before confirms nothing."""

FEWEST = 2
SHARE = 4
"""More than one of so many mailboxes that were known, missing at once, are the trouble of the service."""


class Absences:
    """Counts answers in a row that say there is no mailbox.

    Whose mailbox `was_known`, by a reading or by a presence that is shown, has something to lose: where many of those
    are missing at once, none of them is gone.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[int, datetime]] = {}
        self._missed: set[str] = set()
        self._found: set[str] = set()

    def found(self, guid: str) -> None:
        """The mailbox is there."""
        self.forget(guid)
        self._found.add(guid)

    def missing(self, guid: str, now: datetime, *, was_known: bool) -> None:
        """An answer says that there is no mailbox."""
        number, last = self._answers.get(guid, (0, None))
        if last is None or abs(now - last) >= APART:
            self._answers[guid] = number + 1, now
        if was_known or guid in self._found:
            self._missed.add(guid)
        self._found.discard(guid)

    def forget(self, guid: str) -> None:
        """Take no more interest in this user, or begin again."""
        self._answers.pop(guid, None)
        self._missed.discard(guid)
        self._found.discard(guid)

    def is_confirmed(self, guid: str) -> bool:
        """Tell whether the answer was confirmed twice."""
        return self._answers.get(guid, (0, None))[0] >= CONFIRMED

    def is_one_of_many(self, guid: str) -> bool:
        """Tell whether the mailbox was known and so many others are missing with it that it is no coincidence."""
        missed = len(self._missed)
        return guid in self._missed and missed >= FEWEST and missed * SHARE > missed + len(self._found)
