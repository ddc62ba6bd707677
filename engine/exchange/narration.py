"""Descriptions of what the engine does about a failure, made from the retry policy itself so they cannot go stale."""

from datetime import timedelta
from enum import Enum, auto

from engine.core.backoff import Pauses
from engine.core.errors import Failure
from engine.exchange.errors import ExchangeBusy, NotPrimaryAddress
from engine.exchange.retry import (
    LISTEN_AGAIN,
    LOG_INS,
    SUBSCRIBE_LATER,
    WITH_LESS,
    Concerns,
    Forgets,
    RetryPolicy,
    Subscribing,
    WithLess,
    policy_of,
)
from engine.logins.rules import TRIES

_NO_READING = (Subscribing.LATER, Subscribing.REFUSED, Subscribing.LOST)


class Task(Enum):
    """The task that failed."""

    READ = auto()
    SUBSCRIBE = auto()
    LISTEN = auto()


def narrated(failure: type[Failure], task: Task = Task.READ) -> str:
    """Return what the engine does about a failure, and when."""
    policy = policy_of(failure)
    if task is Task.LISTEN:
        return _listening(policy.subscribing)
    if task is Task.SUBSCRIBE and policy.subscribing in _NO_READING:
        return f"read this mailbox every exchange.poll_seconds, and subscribe to it {_again(SUBSCRIBE_LATER)}"
    return "".join(
        (
            _before(failure, policy),
            _next_try(policy),
            "; a pause that Exchange asks for takes precedence" if issubclass(failure, ExchangeBusy) else "",
            _besides(policy),
        )
    )


def in_short(failure: type[Failure], task: Task = Task.READ) -> str:
    """Return what the engine does about a failure, in no more than 24 characters."""
    policy = policy_of(failure)
    if task is Task.LISTEN:
        return f"connect again in {_time(LISTEN_AGAIN.steps[0])}"
    if task is Task.SUBSCRIBE and policy.subscribing in _NO_READING:
        return f"subscribe in {_time(SUBSCRIBE_LATER.steps[0])}"
    if policy.by_breaker:
        return "pause log-ins"
    if policy.in_parts:
        return "read in parts"
    if policy.with_less is not WithLess.NOBODY:
        return f"read less, more in {_time(WITH_LESS)}"
    match policy.concerns:
        case Concerns.EVERYBODY:
            return f"all again in {_time(policy.pauses_of_all.steps[0])}"
        case Concerns.ACCOUNT:
            return f"account again in {_time(policy.pauses_of_all.steps[0])}"
        case _:
            return f"mailbox again in {_time(policy.pauses.steps[0])}"


def _before(failure: type[Failure], policy: RetryPolicy) -> str:
    if issubclass(failure, NotPrimaryAddress):
        return "use the primary address at once, if the answer names it; otherwise "
    if policy.in_parts:
        return "read the calendar in parts; if none of them can be read, "
    if policy.with_less is not WithLess.NOBODY:
        return (
            f"read only times and states, and try to read more in about {_time(WITH_LESS)}; if the settings do not "
            "allow that, "
        )
    return ""


def _next_try(policy: RetryPolicy) -> str:
    mailbox, for_all = f"read this mailbox {_again(policy.pauses)}", f"try one mailbox {_again(policy.pauses_of_all)}"
    match policy.concerns:
        case Concerns.MAILBOX:
            return mailbox
        case Concerns.MAILBOX_UNLESS_MANY if policy.before_an_answer:
            return f"{mailbox}; if it affects many, or Exchange has not answered yet, stop all, and {for_all}"
        case Concerns.MAILBOX_UNLESS_MANY:
            return f"{mailbox}; if it affects many, stop all, and {for_all}"
        case Concerns.SERVER | Concerns.ADDRESS:
            return f"{mailbox}; if no other server answers, stop all, and {for_all}"
        case Concerns.ACCOUNT:
            again = _again(policy.pauses_of_all)
            return f"retry the service account's own requests {again}; calendars of known mailboxes are still read"
        case Concerns.EVERYBODY:
            return f"stop all, and {for_all}"


def _besides(policy: RetryPolicy) -> str:
    words = []
    if policy.while_known is not None:
        words.append(f"after {_time(policy.while_known)} at the latest while its last reading is still used")
    if policy.confirms:
        words.append("its presence is cleared once more answers confirm that it is gone")
    if policy.forgets is Forgets.MAILBOX:
        words.append("the mailbox is looked up again before that")
    if policy.forgets is Forgets.SERVER:
        words.append("the server is looked up again before that")
    if policy.fewer_at_once:
        words.append("fewer requests are sent at once for a while")
    if policy.before_a_token is not None:
        words.append(f"no token is requested within {_time(policy.before_a_token)}")
    if policy.by_breaker:
        words.append(f"log-ins wait longer: after {TRIES} in a row, {_again(LOG_INS)}, or on request")
    return "".join(f"; {each}" for each in words)


def _listening(subscribing: Subscribing) -> str:
    connect = f"connect {_again(LISTEN_AGAIN)}"
    match subscribing:
        case Subscribing.LOST:
            return f"subscribe again, alone or later if that fails, and {connect}; then read the calendars"
        case Subscribing.REFUSED:
            return f"{connect}; refused new subscriptions are retried in smaller groups, then alone, and then later"
        case Subscribing.OF_THE_MAILBOX:
            return f"{connect}, in the name of another mailbox; then read the calendars"
        case _:
            return f"{connect}; then read the calendars"


def _again(pauses: Pauses) -> str:
    first, last = pauses.steps[0], pauses.steps[-1]
    return f"again in about {_time(first)}" + (f", growing to {_time(last)}" if last > first else "")


def _time(pause: timedelta) -> str:
    seconds = round(pause.total_seconds())
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
