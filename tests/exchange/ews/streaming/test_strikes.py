"""A refused mailbox is subscribed in a group, then alone, then later, until a subscription has lasted."""

from datetime import UTC, datetime, timedelta

from engine.exchange.ews.streaming.subscriptions import LASTING, MOST_UNNAMED, Next, Strikes

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_who_is_named_twice_is_tried_alone_and_then_later() -> None:
    strikes = Strikes()
    assert not strikes.has_any("anna")
    assert strikes.strike("anna", was_alone=False, by_name=True) is Next.IN_COMPANY
    assert not strikes.is_alone("anna")
    assert strikes.strike("anna", was_alone=False, by_name=True) is Next.ALONE
    assert strikes.is_alone("anna")
    assert strikes.strike("anna", was_alone=True, by_name=True) is Next.LATER
    assert not strikes.has_any("bert")


def test_a_group_that_is_refused_as_a_whole_may_shrink_first() -> None:
    strikes = Strikes()
    refusals = [strikes.strike("anna", was_alone=False, by_name=False) for _ in range(MOST_UNNAMED + 1)]
    assert refusals == [Next.IN_COMPANY] * MOST_UNNAMED + [Next.LATER]


def test_only_a_long_life_is_a_good_one() -> None:
    strikes = Strikes()
    strikes.subscribed("anna", NOW)
    assert not strikes.lived_long("anna", NOW + LASTING - timedelta(seconds=1))
    assert strikes.lived_long("anna", NOW + LASTING)
    strikes.ended("anna")
    assert not strikes.lived_long("anna", NOW + LASTING)
    strikes.strike("anna", was_alone=False, by_name=True)
    strikes.forgive("anna")
    assert not strikes.has_any("anna")
