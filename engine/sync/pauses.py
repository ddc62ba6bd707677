"""How long a mailbox is left alone after a failure of its own. No I/O."""

from datetime import timedelta
from random import Random

from engine.core.backoff import LOOKS
from engine.core.failures import Failure
from engine.exchange.failures import (
    CalendarNotReadable,
    EwsForbidden,
    EwsSwitchedOff,
    ExchangeFailure,
    ExchangeTooOld,
    ImpersonationDenied,
    MailboxAtAnotherUrl,
    MailboxNotFound,
    MailboxOutOfReach,
    ManyMailboxesMissing,
    RequestRejected,
)

HOUR = timedelta(hours=1)
RECHECKS = {
    ManyMailboxesMissing: HOUR,
    MailboxNotFound: timedelta(hours=24),
    MailboxOutOfReach: HOUR,
    MailboxAtAnotherUrl: HOUR,
    ImpersonationDenied: HOUR,
    CalendarNotReadable: HOUR,
    EwsSwitchedOff: HOUR,
    EwsForbidden: HOUR,
    ExchangeTooOld: HOUR,
    RequestRejected: HOUR,
}
"""When to look again after a failure that only a person can mend, once the short looks are through: it may have been a
hiccup. A change in the PBX makes it sooner."""

LONGEST_WHILE_KNOWN = LOOKS[2]
"""A mailbox that was read lately is looked for within minutes for as long as what it said counts."""

FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=10), timedelta(minutes=5)
"""Pauses after a failure of one mailbox that may pass by itself: doubled from the first to the longest."""


def needs_a_person(failure: Failure | None) -> bool:
    """Tell whether a failure is one that, if it stays, only a person can mend."""
    return isinstance(failure, tuple(RECHECKS))


def looked_enough(failures: int) -> bool:
    """Tell whether all short looks were taken after so many failures in a row."""
    return failures > len(LOOKS)


def pause_after(failure: Failure, failures: int, random: Random) -> timedelta:
    """Return the pause after the last of so many failures in a row."""
    recheck = next((pause for kind, pause in RECHECKS.items() if isinstance(failure, kind)), None)
    if recheck is not None:
        pause = recheck if looked_enough(failures) else LOOKS[failures - 1]
        return pause * random.uniform(0.75, 1.0)
    doublings: int = min(failures - 1, 10)
    pause = min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY) * random.uniform(0.75, 1.0)
    if isinstance(failure, ExchangeFailure) and failure.retry_after is not None:
        asked_for = timedelta(seconds=failure.retry_after) * random.uniform(1.0, 1.25)
        # "Retry-After: 0", again and again, does not mean as often as we can.
        return asked_for if asked_for >= FIRST_RETRY else max(asked_for, pause)
    return pause
