"""Tells an outage of the service from failures of single mailboxes. No I/O."""

from collections import Counter

from engine.core.errors import Failure
from engine.exchange.errors import ExchangeFailure, MailboxNotFound, NoCalendarReadable
from engine.exchange.retry import policy_of

NAMED = 3
"""How many kinds of failures are named."""


class Readability:
    """Exchange works where somebody's calendar is read, not where it merely answers.

    `anybody_read` is whether one was read since the beginning.
    """

    def __init__(self) -> None:
        self._well: set[str] = set()
        self._ill: dict[str, Failure] = {}
        self.anybody_read = False

    def well(self, guid: str) -> None:
        """The calendar was read."""
        self.anybody_read = True
        self._ill.pop(guid, None)
        self._well.add(guid)

    def ill(self, guid: str, failure: Failure) -> None:
        """The calendar could not be read."""
        self._well.discard(guid)
        self._ill[guid] = failure

    def forget(self, guid: str) -> None:
        """Take no more interest in this user."""
        self._well.discard(guid)
        self._ill.pop(guid, None)

    @property
    def works(self) -> bool:
        """Whether somebody's calendar was read at the last visit."""
        return bool(self._well)

    def verdict(self, users: int) -> NoCalendarReadable | None:
        """Return what to say once the calendars of all `users` were tried and none could be read."""
        if self._well or not self._ill or len(self._ill) < users:
            return None
        counted = Counter(failure.meaning for failure in self._ill.values())
        return NoCalendarReadable(", ".join(f"{meaning} ({number})" for meaning, number in counted.most_common(NAMED)))

    def denial(self, users: int) -> ExchangeFailure | None:
        """Return one of the denials once all `users` were tried and everybody who has a mailbox is denied."""
        if self._well or len(self._ill) < users:
            return None
        ill = [each for each in self._ill.values() if isinstance(each, ExchangeFailure)]
        denials = [each for each in ill if policy_of(type(each)).for_everybody is not None]
        without = sum(isinstance(each, MailboxNotFound) for each in self._ill.values())
        return denials[0] if denials and len(denials) + without == len(self._ill) else None


class Outbreak:
    """Counts the mailboxes that were well before and fell ill one after the other, without a well one in between.

    More than `most` of them, as many as can be visited at the same time, are no coincidence. Who was ill already
    says nothing new, so that some mailboxes that are always in trouble never look like trouble of all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ill: set[str] = set()
        self._in_a_row = 0

    def struck(self, key: str) -> bool:
        """A visit failed; tell whether everybody is concerned."""
        if key not in self._ill:
            self._ill.add(key)
            self._in_a_row += 1
        return self._in_a_row > self._most

    def well(self, key: str) -> None:
        """A visit had an answer."""
        self._ill.discard(key)
        self._in_a_row = 0
