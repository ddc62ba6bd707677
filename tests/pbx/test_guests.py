"""Tests of the admission limits: numbers only."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pbx.addresses import MOST_KNOWN, KnownAddresses, machine_of
from engine.pbx.admission import (
    ADDRESSES_REMEMBERED,
    AT_ONCE,
    AT_ONCE_FROM_ONE_ADDRESS,
    FAILURES_IN_A_ROW,
    FORGIVEN_AFTER,
    AdmissionLimiter,
)
from tests.pbx.strategies import unhurried
from tests.support.clock import ManualClock


@dataclass(eq=False)
class Visitor:
    address: str
    progress: int = 0


def limiter(*known: str) -> AdmissionLimiter[Visitor]:
    addresses = KnownAddresses()
    for address in known:
        addresses.add(address)
    return AdmissionLimiter(ManualClock(), addresses)


def enter_all(there: AdmissionLimiter[Visitor], visitors: list[Visitor]) -> list[Visitor]:
    """Return who had to leave."""
    left = []
    for visitor in visitors:
        leaving = there.opened(visitor)
        if leaving is not None:
            there.closed(leaving)
            left.append(leaving)
    return left


def test_from_one_address_the_oldest_makes_room() -> None:
    visitors = [Visitor("10.0.0.1") for _ in range(AT_ONCE_FROM_ONE_ADDRESS + 3)]
    assert enter_all(limiter(), visitors) == visitors[:3]


def test_whoever_has_come_further_stays() -> None:
    visitors = [Visitor("10.0.0.1", progress=2), *(Visitor("10.0.0.1") for _ in range(AT_ONCE_FROM_ONE_ADDRESS + 1))]
    assert enter_all(limiter(), visitors) == visitors[1:3]


@pytest.mark.parametrize("address", ["10.9.9.9", "10.0.0.1"])
def test_four_busy_addresses_keep_nobody_out(address: str) -> None:
    there = limiter()
    enter_all(there, [Visitor(f"10.0.0.{host}") for _ in range(AT_ONCE_FROM_ONE_ADDRESS) for host in range(1, 5)])
    pbx = Visitor(address)
    [leaving] = enter_all(there, [pbx])
    assert leaving is not pbx
    assert pbx not in enter_all(there, [Visitor(f"10.0.0.{host}") for _ in range(50) for host in range(2, 5)])


def test_a_known_address_has_places_of_its_own() -> None:
    there = limiter("10.9.9.9")
    strangers = [Visitor(f"10.0.{number}.1") for number in range(AT_ONCE)]
    assert enter_all(there, strangers) == []
    pbx = [Visitor("10.9.9.9") for _ in range(AT_ONCE_FROM_ONE_ADDRESS)]
    assert enter_all(there, pbx) == []
    assert enter_all(there, [Visitor(f"10.1.{number}.1") for number in range(100)])[:AT_ONCE] == strangers
    assert enter_all(there, [Visitor("10.9.9.9")]) == pbx[:1]


def test_whoever_logs_in_is_known_from_then_on_and_all_is_forgiven() -> None:
    there = limiter()
    for _ in range(FAILURES_IN_A_ROW):
        there.failed("10.9.9.9")
    assert not there.admits("10.9.9.9")
    assert there.logged_in("10.9.9.9")
    assert not there.logged_in("10.9.9.9")
    assert there.admits("10.9.9.9")


@unhurried
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=200))
def test_however_they_come_there_are_never_too_many(arrivals: list[tuple[int, int]]) -> None:
    there = limiter("10.0.0.0")
    present: list[Visitor] = []
    for host, progress in arrivals:
        visitor = Visitor(f"10.0.0.{host}", progress)
        leaving = there.opened(visitor)
        present.append(visitor)
        if leaving is not None:
            there.closed(leaving)
            present.remove(leaving)
        by_host = {each.address: sum(other.address == each.address for other in present) for each in present}
        assert max(by_host.values()) <= AT_ONCE_FROM_ONE_ADDRESS
        assert sum(number for address, number in by_host.items() if address != "10.0.0.0") <= AT_ONCE


async def test_refused_log_ins_are_forgiven_one_by_one() -> None:
    clock = ManualClock()
    there = AdmissionLimiter[Visitor](clock, KnownAddresses())
    for _ in range(FAILURES_IN_A_ROW):
        assert there.admits("10.0.0.1")
        there.failed("10.0.0.1")
    assert not there.admits("10.0.0.1")
    assert there.admits("10.0.0.2")
    await clock.advance(FORGIVEN_AFTER.total_seconds() - 1)
    assert not there.admits("10.0.0.1")
    await clock.advance(1)
    assert there.admits("10.0.0.1")
    there.failed("10.0.0.1")
    assert not there.admits("10.0.0.1")


def test_no_more_addresses_are_remembered_than_bounded() -> None:
    there = limiter()
    for _ in range(FAILURES_IN_A_ROW):
        there.failed("the first")
    for number in range(ADDRESSES_REMEMBERED - 1):
        there.failed(str(number))
    assert not there.admits("the first")
    there.failed("one too many")
    assert there.admits("the first")


@pytest.mark.parametrize(
    ("address", "machine"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_stands_for_one_machine(address: str, machine: str) -> None:
    assert machine_of(address) == machine


def test_known_addresses_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "pbx-addresses"
    known = KnownAddresses(file)
    known.load()
    for number in range(MOST_KNOWN + 2):
        assert known.add(f"192.0.2.{number}")
    assert known.add("2001:db8::/64")
    known.save()
    assert file.stat().st_mode & 0o777 == 0o600
    again = KnownAddresses(file)
    again.load()
    assert "192.0.2.2" not in again
    assert all(f"192.0.2.{number}" in again for number in range(3, MOST_KNOWN + 2))
    assert "2001:db8::/64" in again


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00nonsense\n\n/\n", b"192.0.2.1\n" * 100_000])
def test_a_damaged_file_of_addresses_hurts_nobody(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "pbx-addresses"
    file.write_bytes(content)
    known = KnownAddresses(file)
    known.load()
    assert known.add("192.0.2.9")
