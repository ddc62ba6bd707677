"""Distinguishes a mailbox that is gone from a directory that finds nothing at the moment. No I/O."""

from datetime import datetime, timedelta

CONFIRMED = 3
"""Number of answers that there is no mailbox: the first one, and two that confirm it."""

APART = timedelta(seconds=30)
"""An answer that comes sooner than this after the previous one confirms nothing."""

FEWEST = 2
SHARE = 4
"""If more than one in `SHARE` known mailboxes are missing at once, the cause is the service."""


class Absences:
    """Counts consecutive answers that there is no mailbox.

    A user whose mailbox `was_known`, from a reading or from a presence that is shown, has something to lose: if many of
    those are missing at once, none of them counts as gone.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[int, datetime]] = {}
        self._missed: set[str] = set()
        self._found: set[str] = set()

    def found(self, guid: str) -> None:
        """Note that the mailbox exists."""
        self.forget(guid)
        self._found.add(guid)

    def missing(self, guid: str, now: datetime, *, was_known: bool) -> None:
        """Note an answer that there is no mailbox."""
        number, last = self._answers.get(guid, (0, None))
        if last is None or abs(now - last) >= APART:
            self._answers[guid] = number + 1, now
        if was_known or guid in self._found:
            self._missed.add(guid)
        self._found.discard(guid)

    def forget(self, guid: str) -> None:
        """Discard everything about this user."""
        self._answers.pop(guid, None)
        self._missed.discard(guid)
        self._found.discard(guid)

    def is_confirmed(self, guid: str) -> bool:
        """Return whether the answer was confirmed twice."""
        return self._answers.get(guid, (0, None))[0] >= CONFIRMED

    def is_one_of_many(self, guid: str) -> bool:
        """Return whether the mailbox was known, and too many others are missing with it to be a coincidence."""
        missed = len(self._missed)
        return guid in self._missed and missed >= FEWEST and missed * SHARE > missed + len(self._found)
