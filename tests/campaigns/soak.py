"""Soak campaign: a site runs for ten simulated days, and the engine must not grow.

Real engine and simulators over real sockets; the time is that of `idle_time`. People enter, move and delete
appointments all day, streams run out, days and the daylight saving time (29 March) change. Each sample is taken with
empty calendars, when the PBX shows what they say: memory, what lives of the engine, descriptors, tasks, files.

    python -m tests.campaigns.soak --days 10 --seed 1
"""

import argparse
import asyncio
import gc
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.campaigns.faults.stage import SETTLING_SPEED, Stage
from tests.campaigns.faults.steps import add_meeting, add_whole_days, alter_meeting, clear_calendar
from tests.support.idle_time import IdleLoop

STEPS = ((8, add_meeting), (1, add_whole_days), (4, alter_meeting), (1, clear_calendar))
BETWEEN_STEPS = timedelta(minutes=7)
SAMPLES = 20
POLL = timedelta(minutes=10)
"""Longer than while faults are about: streams tell of changes, and to read without one is work for nothing."""

MORE_MEMORY = 24.0
"""Megabytes that may be added after the first samples: the simulators are in the same process."""

MORE_OBJECTS = 1.15
MORE_DESCRIPTORS = MORE_TASKS = 8
MORE_BYTES = 2_000_000
"""The write-ahead log of the state grows to one megabyte before it is begun anew, which is no growth."""
FIRST = 2
"""Samples until everything has happened once: the highest of these is what later ones are held against."""


@dataclass(frozen=True)
class Sample:
    """The resources in use at a time."""

    megabytes: float
    objects: int
    descriptors: int
    tasks: int
    files: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"{self.megabytes:.1f} MB, {self.objects} objects of the engine, {self.descriptors} descriptors, "
            f"{self.tasks} tasks, {self.files} files of {self.bytes / 1000:.0f} kB"
        )


def sample(directory: Path) -> Sample:
    """Count the resources in use."""
    gc.collect()
    rooms = (str(type(each).__module__) for each in gc.get_objects())
    ours = sum(room.startswith("engine.") and not room.startswith("engine.simulator") for room in rooms)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = [path.stat().st_size for path in (directory / "state").rglob("*") if path.is_file()]
    return Sample(
        megabytes=pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        objects=ours,
        descriptors=len(os.listdir("/proc/self/fd")),
        tasks=len(asyncio.all_tasks()),
        files=len(files),
        bytes=sum(files),
    )


def growth(samples: list[Sample]) -> list[str]:
    """Return the resources that have grown since the start."""
    first, later = samples[:FIRST], samples[FIRST:]
    bounds = {
        "megabytes": max(each.megabytes for each in first) + MORE_MEMORY,
        "objects": max(each.objects for each in first) * MORE_OBJECTS,
        "descriptors": max(each.descriptors for each in first) + MORE_DESCRIPTORS,
        "tasks": max(each.tasks for each in first) + MORE_TASKS,
        "files": max(each.files for each in first),
        "bytes": max(each.bytes for each in first) + MORE_BYTES,
    }
    return [
        f"{name}: {max(getattr(each, name) for each in later):,} of at most {bound:,.0f}"
        for name, bound in bounds.items()
        if later and max(getattr(each, name) for each in later) > bound
    ]


async def work(stage: Stage, length: timedelta) -> None:
    """Let people edit their calendars for a while."""
    weights = [weight for weight, _ in STEPS]
    until = stage.steady.now() + length
    while stage.steady.now() < until:
        [(_, step)] = stage.dice.choices(STEPS, weights)
        await step(stage)
        await stage.steady.sleep_until(stage.steady.now() + BETWEEN_STEPS)
        stage.check()


async def soak(loop: IdleLoop, directory: Path, seed: int, length: timedelta, samples: int) -> list[Sample]:
    """Run the site and return the resources in use over time. Raises `Violation`."""
    stage = Stage(loop, directory, random.Random(seed), poll=POLL)
    taken: list[Sample] = []
    await stage.open()
    try:
        await stage.settle()
        for _ in range(samples):
            stage.steady.speed = SETTLING_SPEED
            await work(stage, length / samples)
            for person in stage.world.people:
                stage.world.clear(person.mailbox or "")
            await stage.settle()
            # What the simulators remember of it is not what is measured.
            stage.company.exchange.ledger.forget_records()
            stage.company.pbx.ledger.writes.clear()
            taken.append(sample(directory))
            print(f"  {stage.steady.now():%d %B %H:%M}: {taken[-1]}", flush=True)
    finally:
        await stage.close()
        print(f"  {stage.figures}")
    return taken


def run(seed: int, length: timedelta, samples: int = SAMPLES) -> list[Sample]:
    """Run the campaign in its own event loop and directory."""
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with asyncio.Runner(loop_factory=IdleLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, IdleLoop)
            return runner.run(soak(loop, directory, seed, length, samples))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    """Parse the arguments, run, and print the figures; return 1 if something has grown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.days:g} simulated days", flush=True)
    begun = time.monotonic()
    more = growth(run(given.seed, timedelta(days=given.days)))
    print(f"{'; '.join(more) or 'nothing has grown'}, in {time.monotonic() - begun:.0f} s")
    return 1 if more else 0


if __name__ == "__main__":
    sys.exit(main())
