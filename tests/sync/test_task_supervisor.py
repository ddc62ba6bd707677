"""A part that fails because of a bug ends no other part, and is restarted with growing pauses."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest

from engine.api.schema import Status
from engine.core.internal_errors import InternalErrorLog, traceback_of
from engine.core.message_limiter import MOST_KEYS, PAUSE, MessageLimiter
from engine.store.errors import StoreFailure, StoreUnusable
from engine.sync.calendar_reader import CalendarScheduler
from engine.sync.task_supervisor import PAUSES, WELL_AGAIN_AFTER, TaskSupervisor
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.parts import Plant
from tests.support.served_engine import people, served_engine

logger = logging.getLogger("test")
Run = Callable[[], Awaitable[None]]


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.again: list[str] = []
        self.noted: list[int] = []
        self.supervisor = TaskSupervisor(
            self.clock,
            Random(1),
            InternalErrorLog(logger, self.clock),
            passed_on=StoreFailure,
            noted=lambda: self.noted.append(len(self.supervisor.problems())),
            started_again=self.again.append,
        )

    @asynccontextmanager
    async def keeping(self, **parts: Run) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.supervisor.keep(name, run)) for name, run in parts.items()]
            yield
            for task in tasks:
                task.cancel()


async def waits() -> None:
    await asyncio.Event().wait()


async def test_pauses_grow_and_the_traceback_is_written_once(caplog: pytest.LogCaptureFixture) -> None:
    stage, starts = Stage(), list[float]()

    async def fails() -> None:
        starts.append(stage.clock.now().timestamp())
        raise ValueError("made up\x1b[2J by\na peer")

    async with stage.keeping(part=fails, other=waits):
        for number in range(1, 12):
            await eventually(lambda number=number: len(starts) == number)  # type: ignore[misc]
            await eventually(lambda: stage.clock.next_alarm)
            assert stage.clock.next_alarm is not None
            await stage.clock.advance_to(stage.clock.next_alarm)
    pauses = [after - before for before, after in itertools.pairwise(starts)]
    assert pauses[0] <= 1
    longest = PAUSES.steps[-1].total_seconds()
    assert max(pauses) <= longest
    assert pauses[-1] > longest / 2
    assert all(after > before for before, after in itertools.pairwise(pauses[:9]))
    assert caplog.text.count("Traceback") <= 1 + sum(pauses) // PAUSE.total_seconds() + 1
    assert "made up␛[2J by␊a peer" in caplog.text
    assert "\x1b" not in caplog.text
    (problem,) = stage.supervisor.problems()
    assert problem.detail.startswith("part: ValueError, ")
    assert set(stage.again) == {"part"}


async def test_it_is_well_again_after_an_hour() -> None:
    stage = Stage()
    failing = iter([True, False])

    async def part() -> None:
        if next(failing):
            raise ValueError
        await waits()

    async with stage.keeping(part=part):
        await eventually(lambda: stage.supervisor.problems())
        await stage.clock.advance(5)
        assert len(stage.supervisor.problems()) == 1
        await stage.clock.advance_to(stage.clock.now() + WELL_AGAIN_AFTER)
        assert stage.supervisor.problems() == ()


@pytest.mark.parametrize("wrapped", [False, True])
async def test_what_is_passed_on_ends_everything(wrapped: bool) -> None:
    stage = Stage()
    failure = StoreUnusable("full")

    async def part() -> None:
        raise ExceptionGroup("several", [ValueError(), failure]) if wrapped else failure

    with pytest.raises(ExceptionGroup) as caught:
        async with stage.keeping(part=part):
            await waits()
    assert caught.value.subgroup(StoreUnusable) is not None
    assert stage.again == []


async def test_a_mistake_on_the_way_out_delays_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """A task group that fails while it is cancelled raises what failed, and not the cancellation."""
    stage, begun = Stage(), asyncio.Event()

    async def fails_at_its_end() -> None:
        begun.set()
        try:
            await waits()
        finally:
            raise ZeroDivisionError

    async def part() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails_at_its_end())
            await waits()

    async with patience(), stage.keeping(part=part):
        await begun.wait()
    assert "ZeroDivisionError" in caplog.text
    assert stage.again == []


async def test_a_cancellation_that_nobody_asked_for_ends_no_part(caplog: pytest.LogCaptureFixture) -> None:
    stage, runs = Stage(), list[int]()

    async def part() -> None:
        runs.append(1)
        if len(runs) == 1:
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        await waits()

    async with stage.keeping(part=part):
        await eventually(lambda: stage.clock.next_alarm)
        assert [problem.detail for problem in stage.supervisor.problems()] == ["part: CancelledError"]
        await stage.clock.advance(PAUSES.steps[0].total_seconds())
        await eventually(lambda: len(runs) == 2)
    assert stage.noted == [1]
    assert caplog.text.count("Traceback") == 1


async def test_a_part_that_returns_is_not_started_again() -> None:
    stage, runs = Stage(), list[int]()

    async def part() -> None:
        runs.append(1)

    await stage.supervisor.keep("part", part)
    assert runs == [1]


def test_a_traceback_tells_what_led_to_it_and_what_was_in_a_group() -> None:
    try:
        try:
            raise ValueError("first\nline")
        except ValueError as first:
            raise ExceptionGroup("several", [KeyError("second")]) from first
    except ExceptionGroup as group:
        text = traceback_of(group)
    for expected in ("ValueError: first␊line", "which led to:", "ExceptionGroup: several", "KeyError: 'second'"):
        assert expected in text


async def test_what_happens_often_is_said_seldom_and_counted() -> None:
    clock = ManualClock()
    limiter = MessageLimiter(clock)
    assert [limiter.happened("a") for _ in range(5)] == [1, 0, 0, 0, 0]
    await clock.advance_to(clock.now() + PAUSE)
    assert limiter.happened("a") == 5
    assert sum(bool(limiter.happened(number)) for number in range(10_000)) <= MOST_KEYS
    limiter.over("a")
    assert len(limiter) <= MOST_KEYS + 1


PARTS = {
    "engine.sync.decider.Decider._decide": "deciding presences",
    "engine.sync.clocks.ClockStepDetector.run": "watching the clock",
    "engine.sync.calendar_reader.CalendarScheduler._wait_for_service": "reading calendars",
    "engine.sync.readback.ReadBack._is_anybody_waiting": "reading presences back",
    "tests.support.served_engine.InstantLink.run": "the link to the PBX",
    "tests.support.served_engine.InstantSource.run": "notifications from Exchange",
}


@pytest.mark.parametrize(("broken", "part"), PARTS.items())
async def test_the_engine_goes_on_whatever_breaks_in_a_part(
    broken: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever raises once is done again: everybody has the right presence in the end, and status tells of it."""
    where, _, name = broken.rpartition(".")
    module, _, owner = where.rpartition(".")
    owned = getattr(__import__(module, fromlist=[owner]), owner)
    planted = Plant(monkeypatch, owned, name)
    users = people(3)
    async with served_engine(tmp_path, users) as served:
        await eventually(lambda: len(served.link.shown) == len(users))
        await eventually(lambda: planted.broke)
        await served.settled()
        status = msgspec.convert(await served.get("/v1/status"), Status)
        assert [concern.trouble.type for concern in status.concerns] == ["part-failed"]
        assert part in status.concerns[0].trouble.detail
        assert "RuntimeError: planted" in caplog.text


async def test_a_mistake_while_a_calendar_is_read_concerns_that_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Plant(monkeypatch, CalendarScheduler, "_succeeded")
    users = people(3)
    async with served_engine(tmp_path, users) as served:
        await eventually(lambda: len(served.link.shown) == len(users) - 1)
        await served.clock.advance(600)
        await eventually(lambda: len(served.link.shown) == len(users))
    assert caplog.text.count("Traceback") == 1


async def test_an_observer_that_fails_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    users = people(2)

    def clumsy(_: object) -> None:
        raise RuntimeError("no room")

    async with served_engine(tmp_path, users) as served:
        await served.settled()
        served.engine.observe(clumsy)
        for user in users:
            served.engine.resync(user.guid)
        await served.settled()
        assert len(served.link.shown) == len(users)
    assert caplog.text.count("Traceback") == 1
