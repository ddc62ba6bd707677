"""Distinguishes an outage of the service from failures of single mailboxes. No I/O."""

from collections import Counter

from engine.core.errors import Failure
from engine.exchange.errors import ExchangeFailure, MailboxNotFound, NoCalendarReadable
from engine.exchange.retry import policy_of

NAMED = 3
"""Number of kinds of failures that are named."""


class Readability:
    """Tracks whether calendars can be read: Exchange works if one is read, not if it merely answers.

    `anybody_read` is whether any calendar was read since the start.
    """

    def __init__(self) -> None:
        self._well: set[str] = set()
        self._ill: dict[str, Failure] = {}
        self.anybody_read = False

    def succeeded(self, guid: str) -> None:
        """Note that the calendar was read."""
        self.anybody_read = True
        self._ill.pop(guid, None)
        self._well.add(guid)

    def failed(self, guid: str, failure: Failure) -> None:
        """Note that the calendar could not be read."""
        self._well.discard(guid)
        self._ill[guid] = failure

    def forget(self, guid: str) -> None:
        """Discard everything about this user."""
        self._well.discard(guid)
        self._ill.pop(guid, None)

    @property
    def works(self) -> bool:
        """Whether the last visit of any user's calendar succeeded."""
        return bool(self._well)

    @property
    def is_ill(self) -> bool:
        """Whether the calendar of anybody who has a mailbox could not be read."""
        return any(not isinstance(failure, MailboxNotFound) for failure in self._ill.values())

    @property
    def only_cause(self) -> ExchangeFailure | None:
        """The failure that everybody has who has a mailbox, None if there are several kinds or none."""
        found = [each for each in self._ill.values() if not isinstance(each, MailboxNotFound)]
        first = found[0] if found else None
        return first if isinstance(first, ExchangeFailure) and len({type(each) for each in found}) == 1 else None

    def verdict(self, users: int) -> NoCalendarReadable | None:
        """Return the failure to report once the calendars of all `users` were tried and none could be read."""
        if self._well or not self._ill or len(self._ill) < users:
            return None
        counted = Counter(failure.meaning for failure in self._ill.values())
        return NoCalendarReadable(", ".join(f"{meaning} ({number})" for meaning, number in counted.most_common(NAMED)))

    def denial(self, users: int) -> ExchangeFailure | None:
        """Return one of the denials once all `users` were tried and every existing mailbox is denied."""
        if self._well or len(self._ill) < users:
            return None
        ill = [each for each in self._ill.values() if isinstance(each, ExchangeFailure)]
        denials = [each for each in ill if policy_of(type(each)).for_everybody is not None]
        without = sum(isinstance(each, MailboxNotFound) for each in self._ill.values())
        return denials[0] if denials and len(denials) + without == len(self._ill) else None


class OutageDetector:
    """Detects an outage: counts mailboxes that begin to fail in a row, without a success in between.

    More than `most`, as many as can be visited at the same time, are no coincidence. A mailbox that was failing
    already does not count again, so that some mailboxes with permanent problems never look like an outage.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ill: set[str] = set()
        self._in_a_row = 0

    def failed(self, key: str) -> bool:
        """Note a failed visit; return whether this is an outage."""
        if key not in self._ill:
            self._ill.add(key)
            self._in_a_row += 1
        return self._in_a_row > self._most

    def succeeded(self, key: str) -> None:
        """Note a visit that had an answer."""
        self._ill.discard(key)
        self._in_a_row = 0
