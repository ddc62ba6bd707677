"""When a log-in may be tried, decided from the ones before: pure, so that each rule can be tested by itself.

Active Directory and its like lock an account after so many wrong passwords within so much time: usually 5 to 10 within
15 to 60 minutes, sometimes within a day. What went wrong is told by few answers only: a proxy or a balancer may answer
a wrong password with 503, 302, a log-in page or by hanging up. So the rule does not ask whether a log-in was wrong, but
whether it was proved right: every log-in that nothing from behind it has answered is held to be wrong.

- A secret that was never proved, or was refused since then, is tried twice, then after 1 hour, 4 hours and once a day:
  no more than four times within any 24 hours.
- All secrets of an account together are tried no more than four times within an hour, and once only each where another
  one of them has failed within the day.
- A secret that was proved and not refused since then is trusted: an outage is the likelier reason. Three log-ins that
  prove nothing, then one in 15 minutes.
- A proof begins all of that again: it also resets what the server counts.
- When somebody asks for it, one more may be tried at once, up to four within 15 minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

TRIES = 2
PAUSES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""After the second, third and every further log-in of a secret that is not trusted."""
MOST, MOST_WITHIN = 4, timedelta(hours=1)
"""Log-ins of one account without a proof, whatever its secrets are."""
ONCE_WITHIN = timedelta(hours=24)
"""How long the failure of one secret makes the next one be tried once only."""
TRUSTED_TRIES, TRUSTED_PAUSE = 3, timedelta(minutes=15)
ASKED_WITHIN = timedelta(minutes=15)
"""Even when somebody asks, no more than `MOST` within this time."""
KEPT = 16


class Outcome(StrEnum):
    """How a log-in ended."""

    BEGUN = "begun"
    """The secret was sent, and nothing more is known: it is under way, or this process ended meanwhile."""
    UNDECIDED = "undecided"
    REFUSED = "refused"
    PROVED = "proved"
    ASKED = "asked"
    """No log-in: somebody has asked for one."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a server may lock: `kind` is which secret it logs in with, `name` tells accounts of a kind apart."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        """The name that its log-ins are kept under."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in; `credential` is the fingerprint of the secret (and the spelling of the user) it was made with."""

    credential: str
    at: datetime
    outcome: Outcome


Attempts = tuple[Attempt, ...]
"""What is remembered of one account, the oldest first."""


class Paused(Exception):
    """No log-in may be tried before `until`. So many were `refused`, so many proved nothing (`undecided`).

    `seen` is what the last of those was answered with, in words, where that is known.
    """

    def __init__(self, until: datetime, *, refused: int, undecided: int, seen: str = "") -> None:
        super().__init__(until)
        self.seen = seen
        self.until = until
        self.refused = refused
        self.undecided = undecided

    def __str__(self) -> str:
        told = [f"{self.refused} refused"] if self.refused else []
        told += [f"{self.undecided} without an answer from behind the log-in"] if self.undecided else []
        told += [f"the last one: {self.seen}"] if self.seen else []
        return f"log-ins are paused until {self.until:%Y-%m-%d %H:%M:%S} UTC ({', '.join(told)})"


def paused(attempts: Attempts, credential: str, now: datetime) -> Paused | None:
    """Return until when no log-in with `credential` may be tried and why, None where one may be."""
    unproved = _since_proof(attempts, credential)
    recent = _within(attempts, ONCE_WITHIN, now)
    if attempts and attempts[-1].outcome is Outcome.ASKED:
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
    refused = sum(each.outcome is Outcome.REFUSED for each in counted)
    return Paused(until, refused=refused, undecided=len(counted) - refused)


def begun(attempts: Attempts, credential: str, now: datetime) -> Attempts:
    """Return the attempts with one more. Raises `Paused`."""
    if (pause := paused(attempts, credential, now)) is not None:
        raise pause
    return (*attempts, Attempt(credential, now, Outcome.BEGUN))


def settled(attempts: Attempts, attempt: Attempt, outcome: Outcome) -> Attempts:
    """Return the attempts after one that had begun has ended so, without a proof."""
    return tuple(replace(each, outcome=outcome) if each == attempt else each for each in attempts)


def taken_back(attempts: Attempts, attempt: Attempt) -> Attempts:
    """Return the attempts without one that turned out not to have been made."""
    return tuple(each for each in attempts if each != attempt)


def proved(credential: str, at: datetime) -> Attempts:
    """Return what is left to remember after a proof: nothing but that."""
    return (Attempt(credential, at, Outcome.PROVED),)


def asked(attempts: Attempts, now: datetime) -> Attempts:
    """Return the attempts after somebody has asked for one more. Raises `Paused` where that is too much."""
    wanted = (*attempts, Attempt("", now, Outcome.ASKED))
    if (pause := paused(wanted, "", now)) is not None:
        raise pause
    return wanted


def tidied(attempts: Attempts, now: datetime) -> Attempts:
    """Return the newest attempts and the last proof; what is still to come was made now: the clock was set back."""
    made = [each for each in attempts if each.outcome is not Outcome.PROVED][-KEPT:]
    kept = (each for each in attempts if each.outcome is Outcome.PROVED or each in made)
    return tuple(replace(each, at=min(each.at, now)) for each in kept)


def _is_attempt(each: Attempt) -> bool:
    return each.outcome not in (Outcome.PROVED, Outcome.ASKED)


def _since_proof(attempts: Attempts, credential: str) -> Attempts:
    """Return the log-ins with a secret that followed its last proof; a proof is the only thing kept of what it ends."""
    return tuple(each for each in attempts if each.credential == credential and _is_attempt(each))


def _is_trusted(attempts: Attempts, credential: str) -> bool:
    own = [each.outcome for each in attempts if each.credential == credential]
    return Outcome.PROVED in own and Outcome.REFUSED not in own


def _within(attempts: Sequence[Attempt], time: timedelta, now: datetime) -> Attempts:
    return tuple(each for each in attempts if _is_attempt(each) and now - each.at < time)
