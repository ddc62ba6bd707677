"""The one way to wait."""

import asyncio

import pytest

from tests.support import eventually as module
from tests.support.eventually import eventually


async def test_it_returns_what_it_waited_for() -> None:
    looks: list[int] = []

    def third() -> int | None:
        looks.append(len(looks))
        return 7 if len(looks) == 3 else None

    async def fourth() -> str:
        return "" if third() is None and len(looks) < 4 else "there"

    assert await eventually(third) == 7
    assert await eventually(fourth) == "there"


async def test_something_is_done_between_two_looks() -> None:
    done: list[int] = []

    async def between() -> None:
        done.append(len(done))

    await eventually(lambda: len(done) == 3, between=between)
    assert done == [0, 1, 2]


async def test_what_has_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    shown: object = "nothing"
    with pytest.raises(AssertionError, match=r"lambda: shown == 7.*: nothing"):
        await eventually(lambda: shown == 7, lambda: shown)


async def test_what_takes_too_long_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)

    async def hangs() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(AssertionError, match="async def hangs"):
        await eventually(hangs)


async def test_a_mistake_of_the_condition_ends_the_wait() -> None:
    def too_late() -> bool:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await eventually(too_late)


async def test_what_other_programs_take_of_the_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    had = 0.0
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    monkeypatch.setattr(module, "_seconds_had", lambda: had)
    looks = 0

    def look() -> bool:
        nonlocal looks, had
        looks += 1
        had = 1.0 if looks >= 10 else 0.0
        return False

    with pytest.raises(AssertionError, match="def look"):
        await eventually(look)
    assert looks >= 10
