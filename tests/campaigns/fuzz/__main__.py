"""Feed everything that reads with messages that are wrong, and plant secrets in what is written down.

Nothing but a named failure may come of it, none may take long for its size, and no secret may be left.

    python -m tests.campaigns.fuzz --inputs 1000000 --seed 1
"""

import argparse
import contextlib
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from engine.core.failures import Failure
from tests.campaigns.fuzz.mutation import mutated
from tests.campaigns.fuzz.targets import TARGETS, planted

INPUTS_AT_ONCE = 5000
PLANTED = "planted secrets"
SHARE_PLANTED = 0.4

LONGEST = 1.0
"""Seconds of the processor for one input, none of which has more than some 20 kB."""


@dataclass
class Figures:
    """What came of some inputs."""

    inputs: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    longest: float = 0.0

    def add(self, other: "Figures") -> None:
        """Add what came of others."""
        self.inputs += other.inputs
        self.refused += other.refused
        self.violations += other.violations
        self.longest = max(self.longest, other.longest)


def one(name: str, random: Random, figures: Figures) -> None:
    """Try one input."""
    figures.inputs[name] += 1
    begun = time.process_time()
    if name == PLANTED:
        if left := planted(random):
            figures.violations.append(f"left: {left}")
    else:
        read, samples = TARGETS[name]
        body = mutated(samples, random)
        try:
            with contextlib.suppress(Failure):
                read(body)
                figures.refused[name] -= 1
            figures.refused[name] += 1
        except Exception as error:
            figures.violations.append(f"{name}: {type(error).__name__}: {error} for {body[:2000]!r}")
    took = time.process_time() - begun
    figures.longest = max(figures.longest, took)
    if took > LONGEST:
        figures.violations.append(f"{name}: {took:.1f} s")


def some(seed: int, number: int, inputs: int) -> Figures:
    """Try one part of a campaign."""
    random = Random(f"{seed}/{number}")
    names = tuple(TARGETS)
    figures = Figures()
    for _ in range(inputs):
        one(PLANTED if random.random() < SHARE_PLANTED else random.choice(names), random, figures)
    return figures


def main() -> int:
    """Run a campaign and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    question = parser.parse_args()
    figures = Figures()
    parts = [min(INPUTS_AT_ONCE, question.inputs - begun) for begun in range(0, question.inputs, INPUTS_AT_ONCE)]
    begun = time.monotonic()
    with ProcessPoolExecutor(question.workers) as pool:
        for part in pool.map(some, [question.seed] * len(parts), range(len(parts)), parts):
            figures.add(part)
    print(f"seed {question.seed}: {figures.inputs.total():,} inputs in {time.monotonic() - begun:.0f} s, ", end="")
    print(f"the longest took {figures.longest:.3f} s")
    for name, inputs in figures.inputs.most_common():
        refused = f", {figures.refused[name]:,} refused by a named failure" if name != PLANTED else ""
        print(f"  {name:<20} {inputs:>9,}{refused}")
    print(f"{len(figures.violations)} violations")
    for violation in figures.violations[:40]:
        print(f"  {violation}")
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
