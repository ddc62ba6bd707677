"""Tests of background jobs: progress, end, cancellation, and internal errors."""

import asyncio
from datetime import UTC, datetime

import pytest

from engine.api.schema import Actor, Operation
from engine.server.operations import Job, Progress, Work

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def job(work: Work, told: list[Operation]) -> Job:
    operation = Operation(
        id="1",
        kind="probe",
        state="running",
        actor=Actor(uid=0, pid=1),
        begun=NOON,
        ended=None,
        total=3,
        done=0,
        failed=0,
    )
    return Job(operation, work, told.append, lambda: NOON)


async def test_progress_is_told_until_the_end() -> None:
    told: list[Operation] = []

    async def work(progress: Progress) -> None:
        progress(1, 0)
        progress(3, 1)

    async with asyncio.TaskGroup() as group:
        job(work, told).start(group)
    assert [(each.state, each.done, each.failed) for each in told] == [
        ("running", 1, 0),
        ("running", 3, 1),
        ("done", 3, 1),
    ]
    assert told[-1].ended == NOON


async def test_a_mistake_ends_it_and_nothing_else() -> None:
    told: list[Operation] = []

    async def work(progress: Progress) -> None:
        raise KeyError("nobody expected that")

    async with asyncio.TaskGroup() as group:
        job(work, told).start(group)
    assert [each.state for each in told] == ["failed"]


async def test_it_can_be_called_off_before_and_while_it_runs() -> None:
    told: list[Operation] = []
    reached = asyncio.Event()

    async def work(progress: Progress) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        waiting, running = job(work, told), job(work, told)
        waiting.cancel()
        waiting.start(group)
        assert not reached.is_set()
        running.start(group)
        await reached.wait()
        running.cancel()
    assert [each.state for each in told] == ["cancelled", "cancelled"]


async def test_what_ends_with_everything_else_does_not_seem_to_run_for_ever() -> None:
    """Whoever follows it would wait without end; one has begun when all end, the other has not."""
    told: list[Operation] = []

    async def work(progress: Progress) -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        async with asyncio.TaskGroup() as group:
            job(work, told).start(group)
            await asyncio.sleep(0)
            job(work, told).start(group)
            raise RuntimeError("planted")

    with pytest.raises(ExceptionGroup):
        await fail()
    assert [each.state for each in told] == ["failed", "failed"]
