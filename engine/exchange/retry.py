"""Retry policies for failures of a calendar source: whom one stops, when to retry, and what else to do. No I/O.

One table decides. Calendar reading, throttling, notifications and sources use it, and the descriptions shown to
administrators are made from it (`engine.exchange.narration`). A failure without a row has that of its base class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from random import Random
from types import MappingProxyType

from engine.core.backoff import Pauses, asked_for, doubling
from engine.core.errors import Failure, Fault, Scope
from engine.exchange import errors as exchange
from engine.exchange.errors import ExchangeFailure
from engine.exchange.graph import errors as graph
from engine.exchange.http import proxy_errors as proxy
from engine.exchange.oauth import errors as oauth
from engine.logins import rules

HOUR = timedelta(hours=1)
LOOKS = Pauses(tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)))
"""After a failure that only a person can fix, unless it was temporary: soon at first, then rarely. A change in the PBX
makes it sooner."""

DAILY = Pauses((*LOOKS.steps, timedelta(hours=24)))
PASSING = doubling(timedelta(seconds=10), timedelta(minutes=5))
"""After a possibly temporary failure of one mailbox."""

OF_ALL = doubling(timedelta(seconds=5), timedelta(minutes=5))
WITHOUT_RIGHT = doubling(timedelta(minutes=15), HOUR)
OF_THE_ACCOUNT = doubling(timedelta(seconds=10), timedelta(minutes=10))
SUBSCRIBE_LATER = doubling(timedelta(minutes=30), timedelta(hours=4))
"""After a mailbox, or a whole server, refused a subscription. Until then it is read regularly."""

LISTEN_AGAIN = doubling(timedelta(seconds=1), timedelta(minutes=5))
"""Before a connection for notifications is opened again."""

WITH_LESS = HOUR
"""How long to read with less before trying whether everything can be read again."""

AFTER_A_PERSON = timedelta(minutes=15)
"""How long no token is requested after a failure that only a person can fix."""

LOG_INS = Pauses(rules.PAUSES)
"""Pauses of the circuit breaker for log-ins, after `rules.TRIES` in a row: it admits no request before."""


class Concerns(Enum):
    """The part of the work that a failure stops."""

    MAILBOX = auto()
    MAILBOX_UNLESS_MANY = auto()
    """One mailbox can have it; if more begin to fail in a row than are read at once, it affects all of them."""
    SERVER = auto()
    """The mailboxes of one server can have it; if no other server answers, it affects all of them."""
    ADDRESS = auto()
    """As SERVER, but a user who is the only one with a mailbox counts for all."""
    ACCOUNT = auto()
    """Requests in the service account's own name; those for single mailboxes continue."""
    EVERYBODY = auto()


class Subscribing(Enum):
    """The effect of a failure on a mailbox's subscription, and on the connection for its notifications."""

    AS_READING = auto()
    """No subscription, because the mailbox cannot be read either; a connection is opened again."""
    OF_THE_MAILBOX = auto()
    """As AS_READING, and a connection in its name gets another anchor."""
    LATER = auto()
    """The mailbox is read regularly, and subscribed to later; a connection is opened again."""
    REFUSED = auto()
    """As LATER, and a new subscription is not accepted on this connection."""
    LOST = auto()
    """As LATER, and a subscription that worked is renewed."""


class Forgets(Enum):
    """What is looked up again before the next attempt."""

    NOTHING = auto()
    MAILBOX = auto()
    SERVER = auto()


class WithLess(Enum):
    """The mailboxes that are read by free/busy meanwhile, if a source can do that."""

    NOBODY = auto()
    MAILBOX = auto()
    EVERYBODY = auto()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The reaction to a failure.

    `pauses` apply to a mailbox that has it, `pauses_of_all` to everybody if it affects everybody (to the service
    account, if it affects that). A mailbox whose last reading is still used waits no longer than `while_known`.
    `may_be_of_an_item`: if it is answered for one item, the rest of the calendar is read. `for_everybody` is the
    failure to report if every mailbox has it. `before_an_answer`: until Exchange has answered anything it stops
    everybody. `confirms`: a mailbox counts as gone only after further such answers. `by_breaker`: the circuit breaker
    pauses log-ins. No token is requested within `before_a_token`. `elsewhere`: in a hybrid organisation, the mailbox
    may be in the other half.
    """

    concerns: Concerns = Concerns.MAILBOX
    pauses: Pauses = PASSING
    pauses_of_all: Pauses = OF_ALL
    while_known: timedelta | None = None
    forgets: Forgets = Forgets.NOTHING
    subscribing: Subscribing = Subscribing.AS_READING
    with_less: WithLess = WithLess.NOBODY
    fewer_at_once: bool = False
    in_parts: bool = False
    may_be_of_an_item: bool = False
    before_an_answer: bool = False
    confirms: bool = False
    by_breaker: bool = False
    for_everybody: type[ExchangeFailure] | None = None
    before_a_token: timedelta | None = None
    elsewhere: bool = False

    @property
    def needs_a_person(self) -> bool:
        """Whether only a person can fix the failure, if it persists."""
        return self.pauses in (LOOKS, DAILY)

    @property
    def is_of_a_server(self) -> bool:
        """Whether it can affect the mailboxes of one server only, while other servers work."""
        return self.concerns in (Concerns.SERVER, Concerns.ADDRESS)


_MAILBOX = RetryPolicy()
_TROUBLE = RetryPolicy(subscribing=Subscribing.LATER, may_be_of_an_item=True)
_SERVER = RetryPolicy(Concerns.SERVER, forgets=Forgets.SERVER)
_BUSY = RetryPolicy(Concerns.SERVER, fewer_at_once=True)
_SERVICE = RetryPolicy(Concerns.EVERYBODY)
_FORBIDDEN = RetryPolicy(Concerns.MAILBOX_UNLESS_MANY, LOOKS, WITHOUT_RIGHT)
_NOT_FOUND = RetryPolicy(
    pauses=DAILY,
    while_known=LOOKS.steps[2],
    forgets=Forgets.MAILBOX,
    subscribing=Subscribing.OF_THE_MAILBOX,
    confirms=True,
    elsewhere=True,
)
_MOVED = RetryPolicy(forgets=Forgets.MAILBOX, subscribing=Subscribing.OF_THE_MAILBOX)
_DENIED = RetryPolicy(pauses=LOOKS, subscribing=Subscribing.OF_THE_MAILBOX)
# What stayed behind of a mailbox in the other half may be out of the scope.
_OUT_OF_SCOPE = replace(_DENIED, elsewhere=True)

POLICIES: Mapping[type[Failure], RetryPolicy] = MappingProxyType(
    {
        exchange.ExchangeUnreachable: _SERVER,
        exchange.AnswerBrokenOff: RetryPolicy(Concerns.MAILBOX_UNLESS_MANY),
        proxy.ProxyFailure: replace(_SERVICE, before_a_token=PASSING.steps[0]),
        # Its account may be locked as well, and no circuit breaker counts there.
        proxy.ProxyLogInRefused: replace(_SERVICE, before_a_token=AFTER_A_PERSON, pauses_of_all=WITHOUT_RIGHT),
        exchange.LoginUnproved: replace(_SERVER, by_breaker=True),
        exchange.CertificateNotTrusted: replace(_SERVICE, forgets=Forgets.SERVER),
        exchange.LoginRefused: replace(_SERVICE, by_breaker=True),
        exchange.LedElsewhere: RetryPolicy(Concerns.ADDRESS),
        exchange.ExchangeTooOld: RetryPolicy(Concerns.ADDRESS, LOOKS),
        exchange.ExchangeBusy: _BUSY,
        exchange.ServiceAccountBusy: replace(_BUSY, concerns=Concerns.ACCOUNT, pauses_of_all=OF_THE_ACCOUNT),
        exchange.MailboxBusy: RetryPolicy(Concerns.MAILBOX_UNLESS_MANY),
        exchange.TooManyAtOnce: RetryPolicy(Concerns.MAILBOX_UNLESS_MANY, fewer_at_once=True),
        exchange.EwsSwitchedOff: _FORBIDDEN,
        # A bare 403 may be a temporary fault of a front end; an explicit refusal waits for a person.
        exchange.EwsForbidden: replace(_FORBIDDEN, pauses_of_all=LOOKS, before_an_answer=True),
        exchange.ImpersonationRightMissing: replace(
            _SERVICE, pauses_of_all=WITHOUT_RIGHT, with_less=WithLess.EVERYBODY
        ),
        exchange.ImpersonationDenied: replace(_OUT_OF_SCOPE, for_everybody=exchange.ImpersonationRightMissing),
        exchange.CalendarNotReadable: replace(_DENIED, may_be_of_an_item=True),
        exchange.MailboxNotFound: _NOT_FOUND,
        exchange.ManyMailboxesMissing: replace(_NOT_FOUND, pauses=LOOKS),
        exchange.MailboxMoved: _MOVED,
        exchange.MailboxAtAnotherUrl: replace(_MOVED, pauses=LOOKS, elsewhere=True),
        exchange.MailboxOutOfReach: replace(_MOVED, pauses=LOOKS, elsewhere=True),
        exchange.NotPrimaryAddress: replace(_MAILBOX, subscribing=Subscribing.OF_THE_MAILBOX),
        exchange.CalendarTooFull: replace(_MAILBOX, in_parts=True),
        exchange.SeriesNotExpanded: replace(_MAILBOX, with_less=WithLess.MAILBOX),
        exchange.SubscriptionLost: replace(_MAILBOX, subscribing=Subscribing.LOST),
        exchange.SubscriptionRefused: replace(_MAILBOX, subscribing=Subscribing.LATER),
        exchange.MailboxTrouble: _TROUBLE,
        exchange.CalendarItemCorrupt: replace(_TROUBLE, in_parts=True),
        exchange.NotUnderstood: _TROUBLE,
        oauth.AuthorityUnreachable: replace(_SERVICE, before_a_token=PASSING.steps[0], by_breaker=True),
        **dict.fromkeys(
            (oauth.TenantUnknown, oauth.ApplicationUnknown, oauth.ClientCertificateUnusable, oauth.ClockWrong),
            replace(_SERVICE, before_a_token=AFTER_A_PERSON),
        ),
        **dict.fromkeys(
            (oauth.ClientSecretRefused, oauth.ClientSecretExpired, oauth.ClientCertificateRefused),
            replace(_SERVICE, before_a_token=AFTER_A_PERSON, by_breaker=True),
        ),
        **dict.fromkeys(
            (
                oauth.ResourceUnknown,
                oauth.ConsentMissing,
                oauth.ConditionalAccessBlocks,
                oauth.TokenDenied,
                oauth.TokenRefused,
            ),
            replace(_SERVICE, before_a_token=AFTER_A_PERSON, pauses_of_all=WITHOUT_RIGHT),
        ),
        **dict.fromkeys(
            (graph.TenantWithoutExchange, graph.GraphPermissionMissing), replace(_SERVICE, pauses_of_all=WITHOUT_RIGHT)
        ),
        graph.UserAgentBlocked: _FORBIDDEN,
        graph.GraphAccessDenied: replace(_OUT_OF_SCOPE, for_everybody=graph.GraphPermissionMissing),
        graph.AccessPolicyExcludes: _OUT_OF_SCOPE,
        graph.AddressAmbiguous: replace(_DENIED, forgets=Forgets.MAILBOX),
        graph.MailboxNotOnline: replace(_NOT_FOUND, confirms=False),
        graph.MailboxFull: RetryPolicy(pauses=LOOKS),
        graph.ExchangeOnlineTrouble: replace(_TROUBLE, concerns=Concerns.MAILBOX_UNLESS_MANY),
        exchange.RequestRejected: replace(_TROUBLE, pauses=LOOKS, subscribing=Subscribing.REFUSED),
    }
)


def policy_of(failure: type[Failure]) -> RetryPolicy:
    """Return the policy for a kind of failure; without a row, the one for its scope and fault."""
    row = next((POLICIES[each] for each in failure.__mro__ if each in POLICIES), None)
    if row is not None:
        return row
    if failure.scope is not Scope.SERVICE:
        return _MAILBOX
    return replace(_SERVICE, pauses_of_all=WITHOUT_RIGHT) if failure.fault is Fault.PERMISSION else _SERVICE


def pause_after(failure: Failure, failures: int, random: Random) -> timedelta:
    """Return the pause of a mailbox after this number of consecutive failures."""
    policy = policy_of(type(failure))
    pause = policy.pauses.after(failures, random)
    if policy.needs_a_person or not isinstance(failure, ExchangeFailure) or failure.retry_after is None:
        return pause
    asked = asked_for(timedelta(seconds=failure.retry_after), random)
    # Repeated "Retry-After: 0" does not mean to retry without a pause.
    return asked if asked >= policy.pauses.steps[0] else max(asked, pause)
