"""Says in words what is done about a failure: from the policy that decides it, so that the words are never wrong."""

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
    """What was being done when something failed."""

    READ = auto()
    SUBSCRIBE = auto()
    LISTEN = auto()


def narrated(failure: type[Failure], task: Task = Task.READ) -> str:
    """Return what is done about a failure, and when."""
    policy = policy_of(failure)
    if task is Task.LISTEN:
        return _listening(policy.subscribing)
    if task is Task.SUBSCRIBE and policy.subscribing in _NO_READING:
        return f"read this mailbox every exchange.poll_seconds, and subscribe to it {_again(SUBSCRIBE_LATER)}"
    return "".join(
        (
            _before(failure, policy),
            _next_try(policy),
            "; a pause that is asked for counts instead" if issubclass(failure, ExchangeBusy) else "",
            _besides(policy),
        )
    )


def in_short(failure: type[Failure], task: Task = Task.READ) -> str:
    """Return what is done about a failure in no more than 24 characters."""
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
        return "ask at once for the primary address, where the answer names it; otherwise "
    if policy.in_parts:
        return "read the calendar in parts; where none of them can be read, "
    if policy.with_less is not WithLess.NOBODY:
        return (
            f"read times and states alone, and try to read more in about {_time(WITH_LESS)}; where the settings do not "
            "let that, "
        )
    return ""


def _next_try(policy: RetryPolicy) -> str:
    mailbox, for_all = f"read this mailbox {_again(policy.pauses)}", f"try one mailbox {_again(policy.pauses_of_all)}"
    match policy.concerns:
        case Concerns.MAILBOX:
            return mailbox
        case Concerns.MAILBOX_UNLESS_MANY if policy.before_an_answer:
            return f"{mailbox}; where many have it, or nothing was answered yet, stop all, and {for_all}"
        case Concerns.MAILBOX_UNLESS_MANY:
            return f"{mailbox}; where many have it, stop all, and {for_all}"
        case Concerns.SERVER | Concerns.ADDRESS:
            return f"{mailbox}; where nobody else's server answers, stop all, and {for_all}"
        case Concerns.ACCOUNT:
            again = _again(policy.pauses_of_all)
            return f"ask in the service account's own name {again}; calendars whose mailboxes are known are read on"
        case Concerns.EVERYBODY:
            return f"stop all, and {for_all}"


def _besides(policy: RetryPolicy) -> str:
    words = []
    if policy.while_known is not None:
        words.append(f"no later than after {_time(policy.while_known)} while what was read of it counts")
    if policy.confirms:
        words.append("its presence is cleared when more answers confirm that it is gone")
    if policy.forgets is Forgets.MAILBOX:
        words.append("the mailbox is looked for before that")
    if policy.forgets is Forgets.SERVER:
        words.append("the server is looked for before that")
    if policy.fewer_at_once:
        words.append("fewer requests are under way at once for a while")
    if policy.before_a_token is not None:
        words.append(f"no token is asked for within {_time(policy.before_a_token)}")
    if policy.by_breaker:
        words.append(f"log-ins wait longer: after {TRIES} in a row, {_again(LOG_INS)}, or when somebody asks for it")
    return "".join(f"; {each}" for each in words)


def _listening(subscribing: Subscribing) -> str:
    connect = f"connect {_again(LISTEN_AGAIN)}"
    match subscribing:
        case Subscribing.LOST:
            return f"subscribe again, alone or later where that is in vain, and {connect}; then read the calendars"
        case Subscribing.REFUSED:
            return f"{connect}; new subscriptions that are refused are made in smaller groups, alone, and then later"
        case Subscribing.OF_THE_MAILBOX:
            return f"{connect}, in the name of another mailbox; then read the calendars"
        case _:
            return f"{connect}; then read the calendars"


def _again(pauses: Pauses) -> str:
    first, last = pauses.steps[0], pauses.steps[-1]
    return f"again in about {_time(first)}" + (f", then later, up to {_time(last)}" if last > first else "")


def _time(pause: timedelta) -> str:
    seconds = round(pause.total_seconds())
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
