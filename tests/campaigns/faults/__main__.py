"""Fault campaign: random faults of engine, servers, clocks, names and disk; everything recovers after them.

Real engine and simulators over real sockets; the time is that of `idle_time`. After every settle the PBX shows what
decide() makes of the simulated calendars, for everybody. At all times nothing is written that the PBX shows already,
nothing for users outside the selection, and no exception ends the engine.

    python -m tests.campaigns.faults --steps 100000 --seed 1
    python -m tests.campaigns.faults --seed 1 --site 17      # one site of that campaign again
"""

import argparse
import asyncio
import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.campaigns.faults.stage import Figures, Stage
from tests.campaigns.faults.steps import STEPS
from tests.support.idle_time import IdleLoop

STEPS_PER_SITE = 150
"""Then everything begins again with servers that behave differently."""

SETTLES = 0.12
"""How likely all faults are lifted after a step."""


async def drive(stage: Stage, dice: random.Random, steps: int, history: "deque[str]") -> None:
    """Take a number of steps. Raises `Violation`, or the exception that ended the engine."""
    weights = [weight for weight, _ in STEPS]
    await stage.open()
    await stage.settle()
    for _ in range(steps):
        [(_, step)] = dice.choices(STEPS, weights)
        history.append(step.__name__)
        await step(stage)
        stage.figures.steps += 1
        stage.figures.kinds[step.__name__] += 1
        stage.check()
        if dice.random() < SETTLES:
            history.append("settle")
            await stage.settle()
    await stage.settle()


async def one_site(loop: IdleLoop, dice: random.Random, steps: int, history: "deque[str]") -> Figures:
    """Run one site and return its figures; `violation` describes a violated invariant."""
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    stage = Stage(loop, directory, dice)
    begun = stage.steady.now()
    try:
        await drive(stage, dice, steps, history)
    except Exception as error:
        stage.figures.violation = f"{type(error).__name__}: {error}"
    finally:
        stage.figures.simulated = stage.steady.now() - begun
        await stage.close()
        shutil.rmtree(directory, ignore_errors=True)
    return stage.figures


def run_site(seed: int, number: int, steps: int = STEPS_PER_SITE) -> Figures:
    """Run one site of a campaign in its own event loop."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    history = deque[str](maxlen=40)
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, IdleLoop)
        figures = runner.run(one_site(loop, random.Random(f"{seed}/{number}"), steps, history))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    if figures.violation:
        figures.violation = f"site {number}, step {figures.steps}: {figures.violation}\n  {' '.join(history)}"
    return figures


def campaign(seed: int, sites: Iterable[int], jobs: int) -> Figures:
    """Run many sites, `jobs` at a time; print violations as they occur, and return the sum of all figures."""
    total = Figures()
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for figures in pool.map(partial(run_site, seed), sites):
            total.add(figures)
            if figures.violation:
                print(f"VIOLATION (seed {seed}) {figures.violation}", file=sys.stderr, flush=True)
    return total


def main() -> int:
    """Parse the arguments, run, and print the figures; return 1 after a violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--site", type=int, help="only this site of the campaign")
    parser.add_argument(
        "--jobs",
        type=int,
        default=2 * (os.cpu_count() or 1),
        help="sites at once; a site mostly waits (default: %(default)s)",
    )
    given = parser.parse_args()
    count = max(1, round(given.steps / STEPS_PER_SITE))
    sites = range(count) if given.site is None else (given.site,)
    print(f"seed {given.seed}, {len(sites)} sites of {STEPS_PER_SITE} steps", flush=True)
    begun = time.monotonic()
    figures = campaign(given.seed, sites, given.jobs)
    print(f"{figures.violations} violations in {time.monotonic() - begun:.0f} s: {figures}")
    print(", ".join(f"{name} {count}" for name, count in sorted(figures.kinds.items())))
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
