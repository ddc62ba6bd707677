"""How long a mailbox is left alone after a failure of its own. No I/O."""

from datetime import timedelta
from random import Random

from engine.core.backoff import Pauses, asked_for, doubling
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
LOOKS = Pauses(tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)))
"""Pauses after what only a person can mend, or what passes by itself within the hour: soon at first, then seldom."""

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

LONGEST_WHILE_KNOWN = LOOKS.steps[2]
"""A mailbox that was read lately is looked for within minutes for as long as what it said counts."""

PASSING = doubling(timedelta(seconds=10), timedelta(minutes=5))
"""Pauses after a failure of one mailbox that may pass by itself."""


def needs_a_person(failure: Failure | None) -> bool:
    """Tell whether a failure is one that, if it stays, only a person can mend."""
    return isinstance(failure, tuple(RECHECKS))


def looked_enough(failures: int) -> bool:
    """Tell whether all short looks were taken after so many failures in a row."""
    return failures > len(LOOKS.steps)


def pause_after(failure: Failure, failures: int, random: Random) -> timedelta:
    """Return the pause after the last of so many failures in a row."""
    recheck = next((pause for kind, pause in RECHECKS.items() if isinstance(failure, kind)), None)
    if recheck is not None:
        return Pauses((*LOOKS.steps, recheck)).after(failures, random)
    pause = PASSING.after(failures, random)
    if isinstance(failure, ExchangeFailure) and failure.retry_after is not None:
        asked = asked_for(timedelta(seconds=failure.retry_after), random)
        # "Retry-After: 0", again and again, does not mean as often as we can.
        return asked if asked >= PASSING.steps[0] else max(asked, pause)
    return pause
