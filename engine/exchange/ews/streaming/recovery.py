"""What to do when a stream ends: rules over its failure, so that no change is missed. No I/O."""

from enum import Enum

from engine.exchange.failures import ExchangeFailure
from engine.exchange.retry import Subscribing, policy_of


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
    match policy_of(type(failure)).subscribing:
        case Subscribing.LOST:
            return Recovery.SUBSCRIBE_AGAIN if carried else Recovery.REFUSED
        case Subscribing.REFUSED if not carried:
            return Recovery.REFUSED
        case Subscribing.OF_THE_MAILBOX if impersonated:
            return Recovery.WITHOUT_ANCHOR
        case _:
            return Recovery.LISTEN_AGAIN
