"""The lock file has hashes for everything, and matches pyproject.toml."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "packaging" / "requirements.lock").read_text()


def locked() -> dict[str, Requirement]:
    lines = [line.partition("\\")[0].strip() for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in found}


def asked_for() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(each) for each in (*project["dependencies"], *project["optional-dependencies"]["cluster"])]


def test_whatever_is_asked_for_is_locked_to_a_version_that_fits() -> None:
    versions = {name: next(iter(each.specifier)) for name, each in locked().items()}
    for wanted in asked_for():
        pinned = versions[canonicalize_name(wanted.name)]
        assert pinned.operator == "=="
        assert wanted.specifier.contains(pinned.version), wanted


def test_every_version_comes_with_hashes() -> None:
    pieces = re.split(r"\n(?=[\w-]+==)", LOCK.strip())
    assert len(pieces) == len(locked()) > len(asked_for())
    assert all("--hash=sha256:" in piece for piece in pieces)


def test_every_dependency_has_its_reason_beside_it() -> None:
    _, _, rest = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")
    lines = rest.partition("\n]\n")[0].splitlines()
    before = dict(zip(lines[1:], lines, strict=False))
    assert [line for line in lines if line.startswith('    "') and not before.get(line, "").startswith("    # ")] == []


def test_every_dependency_has_a_lower_bound() -> None:
    assert all(any(each.operator == ">=" for each in wanted.specifier) for wanted in asked_for())
