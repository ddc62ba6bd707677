"""Cluster campaign: random faults of several engines, their database and their links; all is right after them.

Real engines as processes, a real PostgreSQL, simulators over real sockets, real time; leases of five seconds. At all
times the PBX sees one writer for a user, and nothing twice. After every settle it shows what decide() makes of the
simulated calendars, for everybody, and that is what the database says.

    python -m tests.campaigns.cluster --steps 2000 --seed 1
    python -m tests.campaigns.cluster --seed 1 --site 17     # one site of that campaign again
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.campaigns.cluster.stage import SETTLED_WITHIN, Figures, Stage
from tests.campaigns.cluster.steps import STEPS, Step
from tests.support.postgres import PostgresServer

STEPS_PER_SITE = 100
"""Then everything begins again, with another database."""

SETTLES = 0.1
"""How likely all faults are ended after a step."""

PAUSE = 0.4
"""Seconds between two steps, in the mean."""


def random_steps(dice: random.Random, count: int) -> Iterator[Step]:
    """Yield steps by their frequencies, and now and then the end of all faults."""
    weights = [weight for weight, _ in STEPS]
    for _ in range(count):
        [(_, step)] = dice.choices(STEPS, weights)
        yield step
        if dice.random() < SETTLES:
            yield Stage.settle


async def drive(stage: Stage, steps: Iterable[Step], history: "deque[str]") -> None:
    """Take these steps. Raises a `Violation`."""
    await stage.open()
    await stage.settle()
    for step in steps:
        history.append(step.__name__)
        await step(stage)
        if step is not Stage.settle:
            stage.figures.steps += 1
            stage.figures.kinds[step.__name__] += 1
            await asyncio.sleep(stage.dice.expovariate(1 / PAUSE))
        stage.check()
    await stage.settle()


async def one_site(
    server: PostgresServer,
    directory: Path,
    dice: random.Random,
    steps: Iterable[Step],
    history: "deque[str] | None" = None,
    settled_within: float = SETTLED_WITHIN,
) -> Figures:
    """Run one site and return its figures; `violation` describes what did not hold."""
    async with (
        asyncio.TaskGroup() as background,
        Stage(server, directory, dice, background, settled_within) as stage,
    ):
        try:
            await drive(stage, steps, deque[str](maxlen=0) if history is None else history)
        except Exception as error:
            stage.figures.violation = f"{type(error).__name__}: {error}"
        finally:
            await stage.close()
    return stage.figures


def run_site(seed: int, kept: Path, number: int, steps: int = STEPS_PER_SITE) -> Figures:
    """Run one site of a campaign; if something did not hold, what the engines have said is kept in `kept`."""
    history = deque[str](maxlen=40)
    directory = Path(tempfile.mkdtemp(prefix="cluster-"))
    dice, server = random.Random(f"{seed}/{number}"), PostgresServer.begun()
    try:
        figures = asyncio.run(one_site(server, directory, dice, random_steps(dice, steps), history))
        if figures.violation:
            logs = kept / f"{seed}-{number}"
            for log in directory.glob("*/log"):
                logs.mkdir(parents=True, exist_ok=True)
                shutil.copy(log, logs / log.parent.name)
            figures.violation = (
                f"site {number}, step {figures.steps}: {figures.violation}\n  {' '.join(history)}\n  logs: {logs}"
            )
    finally:
        server.leave()
        shutil.rmtree(directory, ignore_errors=True)
    return figures


def campaign(seed: int, sites: Iterable[int], jobs: int, kept: Path) -> Figures:
    """Run many sites, `jobs` at a time; print violations as they occur, and return the sum of all figures."""
    total = Figures()
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for figures in pool.map(partial(run_site, seed, kept), sites):
            total.add(figures)
            if figures.violation:
                print(f"VIOLATION (seed {seed}) {figures.violation}", file=sys.stderr, flush=True)
            print(f"so far {total}", flush=True)
    return total


def main() -> int:
    """Parse the arguments, run, and print the figures; return 1 after a violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--site", type=int, help="only this site of the campaign")
    parser.add_argument("--jobs", type=int, default=1, help="sites at once (default: %(default)s)")
    parser.add_argument(
        "--kept", type=Path, default=Path("build/cluster"), help="where logs are kept of what went wrong"
    )
    given = parser.parse_args()
    count = max(1, round(given.steps / STEPS_PER_SITE))
    sites = range(count) if given.site is None else (given.site,)
    print(f"seed {given.seed}, {len(sites)} sites of {STEPS_PER_SITE} steps", flush=True)
    begun = time.monotonic()
    figures = campaign(given.seed, sites, given.jobs, given.kept)
    print(f"{figures.violations} violations in {time.monotonic() - begun:.0f} s: {figures}")
    print(", ".join(f"{name} {count}" for name, count in sorted(figures.kinds.items())))
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
