"""What to do when a stream ends: rules over its failure, so that no change is missed. No I/O."""

from enum import Enum

from engine.exchange.failures import (
    CalendarNotReadable,
    ExchangeFailure,
    ImpersonationDenied,
    MailboxMoved,
    MailboxNotFound,
    NotPrimaryAddress,
    RequestRejected,
    SubscriptionLost,
)

_ABOUT_THE_ANCHOR = (ImpersonationDenied, MailboxNotFound, MailboxMoved, CalendarNotReadable, NotPrimaryAddress)


class Recovery(Enum):
    """What follows the end of a stream."""

    GO_ON = "listen again at once, to the same subscriptions: nothing was missed"
    LISTEN_AGAIN = "listen again after a pause, then have all mailboxes read"
    WITHOUT_ANCHOR = "let another mailbox be the anchor, then listen again"
    SUBSCRIBE_AGAIN = "all subscriptions are lost: subscribe again, then read"
    REFUSED = "the server does not take these subscriptions on one connection"


def recovery_from(failure: ExchangeFailure | None, *, carried: bool, impersonated: bool) -> Recovery:
    """Return what follows `failure` (None: the server closed the answer in order).

    `carried` tells whether a connection has ever worked for any of the subscriptions, `impersonated` whether the
    request was made for the anchor.
    """
    if failure is None:
        return Recovery.GO_ON
    if isinstance(failure, SubscriptionLost):
        return Recovery.SUBSCRIBE_AGAIN if carried else Recovery.REFUSED
    if isinstance(failure, RequestRejected) and not carried:
        return Recovery.REFUSED
    if isinstance(failure, _ABOUT_THE_ANCHOR) and impersonated:
        return Recovery.WITHOUT_ANCHOR
    return Recovery.LISTEN_AGAIN
