"""Checks that no package is covered by tests less than before: `make coverage`, and `make coverage RAISE=1` to go up.

The floors are in coverage.toml, in whole per cents of statements and branches: what random inputs and the order of
tests change is less.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import coverage

FLOORS = Path(__file__).parent / "coverage.toml"
HEAD = "# Per cent of statements and branches that tests reach at least: `make coverage`, RAISE=1 to raise it.\n"


@dataclass(frozen=True)
class Measured:
    """What tests have reached of one module, counted in statements and in branches."""

    module: PurePath
    reached: int
    all: int


def package_of(module: PurePath) -> str:
    """Return the package of a module, two names deep: `engine/core`, `calendar_tui/screens`, `calendar_tui`."""
    return "/".join(module.parts[:-1][:2])


def by_package(modules: Iterable[Measured]) -> dict[str, float]:
    """Return the per cent reached of each package, in order of names."""
    reached, everything = Counter[str](), Counter[str]()
    for each in modules:
        package = package_of(each.module)
        reached[package] += each.reached
        everything[package] += each.all
    return {name: 100 * reached[name] / everything[name] for name in sorted(everything) if everything[name]}


def shortfalls(measured: Mapping[str, float], floors: Mapping[str, int]) -> list[str]:
    """Return what is below its floor or has none, and floors of packages that are no more."""
    return [
        *(
            f"{name}: {measured[name]:.1f} %, at least {floor} % before"
            for name, floor in floors.items()
            if name in measured and measured[name] < floor
        ),
        *(f"{name}: no floor in {FLOORS.name}" for name in measured if name not in floors),
        *(f"{name}: no such package, although it is in {FLOORS.name}" for name in floors if name not in measured),
    ]


def raised(measured: Mapping[str, float], floors: Mapping[str, int]) -> dict[str, int]:
    """Return the floors for what is measured now, none of them lower than before."""
    return {name: max(int(percent), floors.get(name, 0)) for name, percent in measured.items()}


def measured_modules() -> Iterable[Measured]:
    """Return what the last run has reached, which is in the data file of coverage."""
    measurement = coverage.Coverage()
    measurement.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        measurement.json_report(outfile=report.name)
        files = json.load(report)["files"]
    for name, module in files.items():
        found = module["summary"]
        reached = found["covered_lines"] + found["covered_branches"]
        yield Measured(PurePath(name), reached, found["num_statements"] + found["num_branches"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raise", action="store_true", dest="up", help="raise the floors to what was reached")
    up = parser.parse_args().up
    measured, floors = by_package(measured_modules()), tomllib.loads(FLOORS.read_text())
    for name, percent in measured.items():
        print(f"{name:28} {percent:5.1f} %   at least {floors.get(name, 0):3} %")
    if up:
        floors = raised(measured, floors)
        FLOORS.write_text(HEAD + "".join(f'"{name}" = {floor}\n' for name, floor in floors.items()))
    wrong = shortfalls(measured, floors)
    print("\n".join(wrong) or "No package is below its floor.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
