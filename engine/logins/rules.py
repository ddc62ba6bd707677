"""Rules for when a log-in may be tried, from the previous ones. Pure functions, so each rule can be tested by itself.

Active Directory and similar directories lock an account after a number of wrong passwords within some time: usually 5
to 10 within 15 to 60 minutes, sometimes within a day. Few answers say what went wrong: a proxy or a load balancer may
answer a wrong password with 503, 302, a log-in page or by hanging up. So the rule is not whether a log-in was wrong,
but whether it was proved right: every log-in that nothing behind it has answered counts as wrong.

- A secret that was never proved, or was refused since then, is tried twice, then after 1 hour, 4 hours and once a day:
  no more than four times within any 24 hours.
- All secrets of an account together are tried no more than four times within an hour, and only once each if another
  one of them has failed within the day.
- A secret that was proved and not refused since then is trusted, because an outage is more likely: three log-ins that
  prove nothing, then one every 15 minutes.
- A proof resets all of that, as it resets the count of the server.
- On request, one more may be tried at once, up to four within 15 minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from engine.core.errors import Failure

TRIES = 2
PAUSES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""Pauses after the second, third and every further log-in with a secret that is not trusted."""
MOST, MOST_WITHIN = 4, timedelta(hours=1)
"""Limit on log-ins of one account without a proof, with all of its secrets together."""
ONCE_WITHIN = timedelta(hours=24)
"""How long the failure of one secret limits the next one to a single attempt."""
TRUSTED_TRIES, TRUSTED_PAUSE = 3, timedelta(minutes=15)
ASKED_WITHIN = timedelta(minutes=15)
"""Even on request, no more than `MOST` log-ins within this time."""
KEPT = 16


class LogInOutcome(StrEnum):
    """How a log-in ended."""

    BEGUN = "begun"
    """The secret was sent, and nothing more is known: it is under way, or the process ended in the meantime."""
    UNDECIDED = "undecided"
    REFUSED = "refused"
    PROVED = "proved"
    ASKED = "asked"
    """No log-in, but a request to try one."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that a server may lock: `kind` is the setting of its secret, `name` identifies it within the kind."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        """The key under which its log-ins are stored."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in; `credential` is the fingerprint of its secret (and of the spelling of the user)."""

    credential: str
    at: datetime
    outcome: LogInOutcome


Attempts = tuple[Attempt, ...]
"""The remembered log-ins of one account, oldest first."""


F = TypeVar("F", bound=Failure)


class Paused(Exception):
    """No log-in may be tried before `until`, after a number of `refused` ones and ones without proof (`undecided`).

    `seen` describes what answered the last of those, if known; without any, why others have to be waited for.
    """

    def __init__(self, until: datetime, *, refused: int, undecided: int, seen: str = "") -> None:
        super().__init__(until)
        self.seen = seen
        self.until = until
        self.refused = refused
        self.undecided = undecided

    def explain(self, failure: F) -> F:
        """Return the failure that says this, in words of its own where no log-in has failed."""
        if self.refused or self.undecided:
            return failure
        return failure.in_words(
            "The log-in waits for the other engines of the cluster",
            "Nothing to do if this ends within a minute. If the shared database cannot be reached, correct that: "
            "without it calendar-engine does not know whether another engine tries the same password.",
        )

    def __str__(self) -> str:
        if not (self.refused or self.undecided):
            return f"not tried before {self.until:%Y-%m-%d %H:%M:%S} UTC, {self.seen}"
        reasons = [f"{self.refused} refused"] if self.refused else []
        reasons += [f"{self.undecided} without an answer from the service itself"] if self.undecided else []
        reasons += [f"the last one: {self.seen}"] if self.seen else []
        return f"log-ins are paused until {self.until:%Y-%m-%d %H:%M:%S} UTC ({', '.join(reasons)})"


def paused(attempts: Attempts, credential: str, now: datetime) -> Paused | None:
    """Return until when no log-in with `credential` may be tried and why, None if one may be."""
    unproved = _since_proof(attempts, credential)
    recent = _within(attempts, ONCE_WITHIN, now)
    if attempts and attempts[-1].outcome is LogInOutcome.ASKED:
        counted = _within(attempts, ASKED_WITHIN, now)
        until = counted[-MOST].at + ASKED_WITHIN if len(counted) >= MOST else now
    elif _is_trusted(attempts, credential):
        until = unproved[-1].at + TRUSTED_PAUSE if len(unproved) >= TRUSTED_TRIES else now
        counted = unproved
    else:
        tries = 1 if any(each.credential != credential for each in recent) else TRIES
        until = now
        if len(unproved) >= tries:
            until = unproved[-1].at + PAUSES[min(len(unproved) - tries, len(PAUSES) - 1)]
        of_all = _within(attempts, MOST_WITHIN, now)
        if len(of_all) >= MOST:
            until = max(until, of_all[-MOST].at + MOST_WITHIN)
        counted = unproved if len(unproved) >= tries else of_all
    if until <= now:
        return None
    refused = sum(each.outcome is LogInOutcome.REFUSED for each in counted)
    return Paused(until, refused=refused, undecided=len(counted) - refused)


def left(attempts: Attempts, credential: str, now: datetime) -> tuple[int, timedelta]:
    """Return how many more log-ins with `credential` may fail before a pause, and the length of that pause."""
    tried: Attempts = attempts
    for more in range(MOST + 1):
        pause = paused(tried, credential, now)
        if pause is not None:
            return more, pause.until - now
        tried = (*tried, Attempt(credential, now, LogInOutcome.REFUSED))
    return MOST, PAUSES[0]


def begun(attempts: Attempts, credential: str, now: datetime) -> Attempts:
    """Return the attempts with one more. Raises `Paused`."""
    if (pause := paused(attempts, credential, now)) is not None:
        raise pause
    return (*attempts, Attempt(credential, now, LogInOutcome.BEGUN))


def settled(attempts: Attempts, attempt: Attempt, outcome: LogInOutcome) -> Attempts:
    """Return the attempts with `outcome` for one that had begun and ended without a proof."""
    return tuple(replace(each, outcome=outcome) if each == attempt else each for each in attempts)


def taken_back(attempts: Attempts, attempt: Attempt) -> Attempts:
    """Return the attempts without one that was not made after all."""
    return tuple(each for each in attempts if each != attempt)


def proved(credential: str, at: datetime) -> Attempts:
    """Return the attempts to remember after a proof: only the proof."""
    return (Attempt(credential, at, LogInOutcome.PROVED),)


def asked(attempts: Attempts, now: datetime) -> Attempts:
    """Return the attempts with a request for one more. Raises `Paused` if that is too much."""
    wanted = (*attempts, Attempt("", now, LogInOutcome.ASKED))
    if (pause := paused(wanted, "", now)) is not None:
        raise pause
    return wanted


def tidied(attempts: Attempts, now: datetime) -> Attempts:
    """Return the newest attempts and the last proof; those in the future, after a clock jump, count as made now."""
    made = [each for each in attempts if each.outcome is not LogInOutcome.PROVED][-KEPT:]
    kept = (each for each in attempts if each.outcome is LogInOutcome.PROVED or each in made)
    return tuple(replace(each, at=min(each.at, now)) for each in kept)


def _is_attempt(each: Attempt) -> bool:
    return each.outcome not in (LogInOutcome.PROVED, LogInOutcome.ASKED)


def _since_proof(attempts: Attempts, credential: str) -> Attempts:
    """Return the log-ins with a secret since its last proof; a proof replaces everything before it."""
    return tuple(each for each in attempts if each.credential == credential and _is_attempt(each))


def _is_trusted(attempts: Attempts, credential: str) -> bool:
    own = [each.outcome for each in attempts if each.credential == credential]
    return LogInOutcome.PROVED in own and LogInOutcome.REFUSED not in own


def _within(attempts: Sequence[Attempt], time: timedelta, now: datetime) -> Attempts:
    return tuple(each for each in attempts if _is_attempt(each) and now - each.at < time)
