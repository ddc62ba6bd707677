"""Fuzz campaign: invalid messages for every parser, and secrets planted in everything that is recorded.

Nothing but a named failure may come of it, none may take long for its size, and no secret may be left: neither in what
is kept nor in the words of a failure. Nothing of ours may be in the log.

    python -m tests.campaigns.fuzz --inputs 1000000 --seed 1
"""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random

from engine.core.errors import Failure
from tests.campaigns.fuzz.files import SECRET
from tests.campaigns.fuzz.recorded import Samples, recorded
from tests.campaigns.fuzz.sessions import conversation, converse
from tests.campaigns.fuzz.sockets import fuzz_sockets
from tests.campaigns.fuzz.targets import Target, planted, targets

INPUTS_AT_ONCE = 20_000
PLANTED, CONVERSATIONS, SOCKETS = "planted secrets", "conversations", "doors"
SHARES = {PLANTED: 0.4, CONVERSATIONS: 0.1, SOCKETS: 0.005}
"""Of all inputs; the rest goes to the targets."""

LONGEST = 1.0
"""Seconds of the processor for one input, none of which has more than some 20 kB."""


@dataclass
class Figures:
    """The figures of some inputs."""

    inputs: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    longest: float = 0.0

    def add(self, other: "Figures") -> None:
        """Add the figures of others."""
        self.inputs += other.inputs
        self.refused += other.refused
        self.violations += other.violations
        self.longest = max(self.longest, other.longest)

    @contextlib.contextmanager
    def counted(self, name: str, about: object) -> Iterator[None]:
        """Count one input, and judge its outcome."""
        self.inputs[name] += 1
        begun = time.process_time()
        try:
            yield
        except Failure as failure:
            self.refused[name] += 1
            if SECRET in f"{failure} {failure.remedy} {failure!r}":
                self.violations.append(f"{name}: a secret in {failure!r} for {about!r:.2000}")
        except Exception as error:
            self.violations.append(f"{name}: {type(error).__name__}: {error} for {about!r:.2000}")
        took = time.process_time() - begun
        self.longest = max(self.longest, took)
        if took > LONGEST:
            self.violations.append(f"{name}: {took:.1f} s for {about!r:.200}")


def one(name: str, target: Target, random: Random, figures: Figures) -> None:
    """Try one input."""
    body = target.alter(target.samples, random)
    with figures.counted(name, body):
        target.read(body)


def talk(said_by_pbx: tuple[bytes, ...], random: Random, figures: Figures) -> None:
    """Run one session with a PBX."""
    accepts, said = conversation(said_by_pbx, random)
    with figures.counted(CONVERSATIONS, said):
        converse(accepts, said)


def plant(random: Random, figures: Figures) -> None:
    """Plant secrets in several ways."""
    for left in planted(random):
        figures.inputs[PLANTED] += 1
        if left:
            figures.violations.append(f"left: {left}")


def some(seed: int, samples: Samples, number: int, inputs: int, *, only: str | None = None) -> Figures:
    """Try one part of a campaign; `only` is the one kind of input to try."""
    random, figures = Random(f"{seed}/{number}"), Figures()
    found = targets(samples)
    if only is not None:
        while figures.inputs[only] < inputs:
            if only == PLANTED:
                plant(random, figures)
            else:
                one(only, found[only], random, figures)
        return figures
    at_sockets, conversations = int(inputs * SHARES[SOCKETS]), int(inputs * SHARES[CONVERSATIONS])
    shares = [target.share for target in found.values()]
    while figures.inputs[PLANTED] < inputs * SHARES[PLANTED]:
        plant(random, figures)
    for _ in range(conversations):
        talk(found["PBX messages"].samples, random, figures)
    for name in random.choices(tuple(found), shares, k=max(0, inputs - at_sockets - figures.inputs.total())):
        one(name, found[name], random, figures)
    sockets, violations = asyncio.run(fuzz_sockets(random, at_sockets))
    figures.inputs += sockets
    figures.violations += violations
    return figures


def main() -> int:
    """Run a campaign and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    figures, samples = Figures(), recorded()
    parser.add_argument("--only", choices=(PLANTED, *targets(samples)))
    question = parser.parse_args()
    size = min(INPUTS_AT_ONCE, -(-question.inputs // question.jobs))
    parts = [min(size, question.inputs - begun) for begun in range(0, question.inputs, size)]
    print(f"seed {question.seed}, {sum(map(len, samples.values()))} messages recorded", flush=True)
    begun = time.monotonic()
    with ProcessPoolExecutor(question.jobs) as pool:
        try_part = partial(some, question.seed, samples, only=question.only)
        for part in pool.map(try_part, range(len(parts)), parts):
            figures.add(part)
    took = time.monotonic() - begun
    inputs = figures.inputs.total()
    print(f"{inputs:,} inputs in {took:.0f} s, {inputs / took:.0f} a second, the longest took {figures.longest:.3f} s")
    for name, times in figures.inputs.most_common():
        print(f"  {name:<20} {times:>9,}, {figures.refused[name]:,} refused by a named failure")
    print(f"{len(figures.violations)} violations")
    for violation in figures.violations[:40]:
        print(f"  {violation}")
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
