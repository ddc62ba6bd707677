"""What the package contains: distributions with their licences, and the libraries that are linked into them."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

SPDX = {"Apache 2.0": "Apache-2.0", "MIT License": "MIT"}
"""Identifiers of licences that distributions name otherwise."""

CLASSIFIER = "License :: OSI Approved :: "
LICENCE_FILES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")

LINKED = """
import ctypes, glob, json, sys
sys.path.insert(0, sys.argv[1])
from lxml import etree
from psycopg import pq
import zstandard
def dotted(version): return ".".join(map(str, version))
[path] = glob.glob(sys.argv[1] + "/psycopg_binary.libs/libcrypto-*")
openssl = ctypes.CDLL(path)
openssl.OpenSSL_version.restype = ctypes.c_char_p
print(json.dumps({
    "lxml": {"libxml2": dotted(etree.LIBXML_VERSION), "libxslt": dotted(etree.LIBXSLT_VERSION)},
    "psycopg-binary": {
        "libpq": dotted(divmod(pq.version(), 10000)), "openssl": openssl.OpenSSL_version(0).decode().split()[1]
    },
    "zstandard": {"zstd": dotted(zstandard.ZSTD_VERSION)},
}))
"""
"""Prints the versions of libraries within modules that name them nowhere else."""


@dataclass(frozen=True, slots=True)
class Part:
    """A distribution of Python: its licence as an SPDX expression, the texts of it, and the files it came with that
    list what is linked into it."""

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]
    bills: tuple[str, ...]


def parts_in(site_packages: Path) -> tuple[Part, ...]:
    """Return all distributions, by name."""
    return tuple(sorted(map(_part, site_packages.glob("*.dist-info")), key=lambda part: part.name))


def part_here(name: str) -> Part:
    """Return a distribution that the builder itself runs with."""
    return _part(next(Path(sysconfig.get_path("purelib")).glob(f"{name}-*.dist-info")))


def linked_libraries(site_packages: Path) -> dict[str, dict[str, str]]:
    """Return name and version of libraries by the distribution that has them; the modules must be for this machine."""
    command = (sys.executable, "-I", "-B", "-c", LINKED, site_packages)
    asked = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, dict[str, str]] = json.loads(asked.stdout)
    return found


def _part(directory: Path) -> Part:
    distribution = Distribution.at(directory)
    files = sorted(directory.rglob("*"))
    texts = (path for path in files if path.is_file() and path.name.upper().startswith(LICENCE_FILES))
    return Part(
        distribution.name.lower(),
        distribution.version,
        next(_licences(distribution)),
        tuple(path.read_text(errors="replace").strip() for path in texts),
        tuple(path.read_text() for path in files if path.parent.name == "sboms" and path.suffix == ".json"),
    )


def _licences(distribution: Distribution) -> Iterator[str]:
    """Yield the licence from each place that may name it, the best first."""
    metadata = distribution.metadata
    classified = (each.removeprefix(CLASSIFIER) for each in metadata.get_all("Classifier", []) if CLASSIFIER in each)
    for each in (metadata.get("License-Expression"), metadata.get("License"), *classified):
        if each:
            yield SPDX.get(each, each)
