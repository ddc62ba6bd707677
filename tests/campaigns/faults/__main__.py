"""Drive engine, Exchange, PBX, clocks, names and disk through random faults, and see that all comes right after them.

Real engine and simulators over real sockets; the time is that of `idle_time`. Held up after every settle: the PBX
shows what decide() makes of the simulated calendars, for everybody. Held up all the time: nothing is written that the
PBX shows already, nothing for users outside the selection, and no exception ends the engine.

    python -m tests.campaigns.faults --steps 100000 --seed 1
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
from pathlib import Path

from tests.campaigns.faults.stage import Figures, Stage
from tests.campaigns.faults.steps import STEPS
from tests.campaigns.idle_time import IdleLoop

STEPS_PER_SITE = 150
"""Then everything begins again with servers that behave differently."""


async def campaign(loop: IdleLoop, seed: int, steps: int, figures: Figures, history: "deque[str]") -> None:
    """Take that many steps. Raises `Violation`, or whatever ended the engine."""
    dice = random.Random(seed)
    weights = [weight for weight, _ in STEPS]
    while figures.steps < steps:
        directory = Path(tempfile.mkdtemp(prefix="faults-"))
        stage = Stage(loop, directory, dice, figures)
        figures.sites += 1
        begun = stage.steady.now()
        try:
            await stage.open()
            await stage.settle()
            for _ in range(min(STEPS_PER_SITE, steps - figures.steps)):
                [(_, step)] = dice.choices(STEPS, weights)
                history.append(step.__name__)
                await step(stage)
                figures.steps += 1
                figures.kinds[step.__name__] += 1
                stage.check()
                if dice.random() < 0.12:
                    history.append("settle")
                    await stage.settle()
            await stage.settle()
        finally:
            figures.simulated += stage.steady.now() - begun
            await stage.close()
            shutil.rmtree(directory, ignore_errors=True)


def run(seed: int, steps: int) -> Figures:
    """Run a campaign in a loop of its own and return its figures."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    figures, history = Figures(), deque[str](maxlen=60)
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, IdleLoop)
        try:
            runner.run(campaign(loop, seed, steps, figures, history))
        except BaseException:
            print(
                f"seed {seed}, step {figures.steps}, site {figures.sites}; the last steps:", *history, file=sys.stderr
            )
            raise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return figures


def main() -> None:
    """Read the arguments, run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.steps} steps", flush=True)
    begun = time.monotonic()
    figures = run(given.seed, given.steps)
    seconds = time.monotonic() - begun
    print(
        f"{figures.steps} steps without a violation in {seconds:.0f} s: {figures.settles} settles on {figures.sites} "
        f"sites, {figures.starts} engine starts, {figures.requests} requests to Exchange, {figures.writes} presences "
        f"written, {figures.simulated.total_seconds() / 3600:.0f} simulated hours; longest settle "
        f"{figures.longest_settle.total_seconds() / 60:.1f} simulated minutes"
    )
    print(", ".join(f"{name} {count}" for name, count in sorted(figures.kinds.items())))


if __name__ == "__main__":
    main()
