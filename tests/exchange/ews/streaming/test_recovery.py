"""Tests of the recovery after each failure of a stream."""

import pytest

from engine.exchange.errors import (
    ExchangeBusy,
    ExchangeFailure,
    ExchangeUnreachable,
    ImpersonationDenied,
    LoginRefused,
    MailboxMoved,
    MailboxNotFound,
    MailboxTrouble,
    NotUnderstood,
    RequestRejected,
    SubscriptionLost,
)
from engine.exchange.ews.streaming.listener import Recovery, recovery_from


@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("impersonated", [True, False])
def test_an_answer_closed_in_order_goes_on(carried: bool, impersonated: bool) -> None:
    assert recovery_from(None, carried=carried, impersonated=impersonated) is Recovery.GO_ON


@pytest.mark.parametrize(
    "failure", [ExchangeUnreachable(), ExchangeBusy(), LoginRefused(), NotUnderstood(), MailboxTrouble()], ids=str
)
@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("impersonated", [True, False])
def test_trouble_that_passes_keeps_the_subscriptions(
    failure: ExchangeFailure, carried: bool, impersonated: bool
) -> None:
    assert recovery_from(failure, carried=carried, impersonated=impersonated) is Recovery.LISTEN_AGAIN


def test_subscriptions_that_worked_before_are_lost_and_others_are_refused() -> None:
    assert recovery_from(SubscriptionLost(), carried=True, impersonated=False) is Recovery.SUBSCRIBE_AGAIN
    assert recovery_from(SubscriptionLost(), carried=False, impersonated=False) is Recovery.REFUSED
    assert recovery_from(RequestRejected(), carried=True, impersonated=False) is Recovery.LISTEN_AGAIN
    assert recovery_from(RequestRejected(), carried=False, impersonated=False) is Recovery.REFUSED


@pytest.mark.parametrize("failure", [ImpersonationDenied(), MailboxNotFound(), MailboxMoved()], ids=str)
def test_an_anchor_in_trouble_is_replaced(failure: ExchangeFailure) -> None:
    assert recovery_from(failure, carried=True, impersonated=True) is Recovery.WITHOUT_ANCHOR
    assert recovery_from(failure, carried=True, impersonated=False) is Recovery.LISTEN_AGAIN
