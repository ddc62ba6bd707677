"""The private environment of the Debian package: one site-packages for several Pythons, without any bytecode.

Compiled modules carry the version of Python in their names, so those for several versions lie side by side, and the
package survives the upgrade of the distribution to another Python.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
HOME = Path("usr/lib/calendar-tui")
SITE_PACKAGES = HOME / "lib/python3/site-packages"
PROGRAMS = {"calendar-engine": "from engine.cli.main import program\n\nprogram()\n"} | {
    "calendar-tui": "import sys\n\nfrom calendar_tui.main import main\n\nsys.exit(main())\n"
}
GLIBC = (36, 34, 31, 28, 26, 24, 17, 12, 5)
"""Minor versions of glibc 2 whose wheels run on Debian 12."""

NOT_OURS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
PER_PYTHON = ("WHEEL", "auditwheel.cdx.json")
"""Files of a dist-info that differ between the wheels for several Pythons, whose names are in them; the first one
counts."""

UNUSED = (
    "babel/messages",
    "babel/support.py",
    "certifi/tests",
    "lxml/html",
    "lxml/includes",
    "lxml/isoschematron",
    "lxml/objectify*",
    "multidict/_testcapi*",
    "regex/tests",
    "zstandard/_cffi*",
    "zstandard/backend_cffi.py",
)
"""Parts of libraries that this product never imports."""

SOURCES = ("*.pyx", "*.pxd", "*.pxi", "*.h", "*.c", "*.pyi", "py.typed")
ALSO_LOCALES = ("root", "no")
"""Data of CLDR that other languages inherit from."""


Hashes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture as Debian and as Python's wheels call it, the program that strips its modules, and its number in
    them (elf(5), e_machine)."""

    debian: str
    machine: str
    strip: str
    elf: int


ARCHITECTURES = (
    Architecture("amd64", "x86_64", "x86_64-linux-gnu-strip", 62),
    Architecture("arm64", "aarch64", "aarch64-linux-gnu-strip", 183),
)


class MergeConflict(Exception):
    """A file differs between the wheels for several Pythons."""


class ForeignCode(Exception):
    """A compiled file is for another architecture."""


def lay_out(root: Path, architecture: Architecture, lock: Path, wheel: Path, languages: frozenset[str]) -> Hashes:
    """Make the whole environment in `root`, with the locked dependencies and the `wheel` of the product.

    Returns the SHA-256 of each wheel by the name of its distribution; one has several if it is compiled.
    """
    site_packages = root / SITE_PACKAGES
    hashes: dict[str, set[str]] = {}
    for version in PYTHONS:
        fetched = root.with_name(f"{root.name}-{version}")
        for name, digest in _fetch(fetched, version, architecture, lock):
            hashes.setdefault(name, set()).add(digest)
        _merge(fetched, site_packages)
        shutil.rmtree(fetched)
    product = root.with_name(f"{root.name}-product")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(product)
    _merge(product, site_packages)
    shutil.rmtree(product)
    _prune(site_packages, languages)
    _check_architecture(root, architecture)
    _strip(site_packages, architecture)
    _add_interpreter(root / HOME)
    _add_programs(root)
    _set_modes(root)
    return {name: tuple(sorted(digests)) for name, digests in hashes.items()}


def _fetch(target: Path, version: str, architecture: Architecture, lock: Path) -> Iterator[tuple[str, str]]:
    """Install the locked wheels of one Python and one architecture, without running anything of them.

    Yields the name and the SHA-256 of each.
    """
    report = target.with_suffix(".json")
    tags = [f"manylinux_2_{minor}_{architecture.machine}" for minor in GLIBC]
    platforms = [*tags, f"manylinux2014_{architecture.machine}"]
    options = ("--quiet", "--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", *options, "--requirement", lock, "--target", target),
            *("--report", report, "--python-version", version, "--implementation", "cp"),
            *(f"--platform={platform}" for platform in platforms),
        ],
        check=True,
    )
    for each in json.loads(report.read_text())["install"]:
        yield each["metadata"]["name"].lower(), each["download_info"]["archive_info"]["hashes"]["sha256"]
    report.unlink()


def _merge(source: Path, target: Path) -> None:
    """Move the files of one Python to those of the others. Raises `MergeConflict`."""
    for path in _files(source):
        name = path.relative_to(source)
        if name.parts[0] in ("bin", "share") or (_is_metadata(name) and name.name in NOT_OURS):
            continue
        placed = target / name
        if not placed.exists():
            placed.parent.mkdir(parents=True, exist_ok=True)
            path.rename(placed)
        elif not (_is_metadata(name) and name.name in PER_PYTHON) and placed.read_bytes() != path.read_bytes():
            raise MergeConflict(name)


def _is_metadata(name: Path) -> bool:
    return name.parts[0].endswith(".dist-info")


def _prune(site_packages: Path, languages: frozenset[str]) -> None:
    """Remove what the product never loads: parts of libraries, sources, and other languages than its own."""
    for pattern in UNUSED:
        for path in [*site_packages.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for pattern in SOURCES:
        for path in [*site_packages.rglob(pattern)]:
            path.unlink()
    kept = re.compile(rf"({'|'.join((*ALSO_LOCALES, *sorted(languages)))})(_.*)?")
    for path in [*(site_packages / "babel/locale-data").glob("*.dat")]:
        if not kept.fullmatch(path.stem):
            path.unlink()
    for path in site_packages.rglob("*.py"):  # a module is no program
        text = path.read_bytes()
        if text.startswith(b"#!"):
            path.write_bytes(text.partition(b"\n")[2])


def _check_architecture(root: Path, architecture: Architecture) -> None:
    """Raise `ForeignCode` if anything compiled is not for the architecture; names do not always say which one it is."""
    for path in _files(root):
        with path.open("rb") as stream:
            head = stream.read(20)
        if head.startswith(b"\x7fELF") and int.from_bytes(head[18:20], "little") != architecture.elf:
            raise ForeignCode(f"{path} is not for {architecture.debian}")


def _strip(site_packages: Path, architecture: Architecture) -> None:
    """Remove the symbols of compiled modules."""
    modules = sorted(site_packages.rglob("*.so"))
    subprocess.run([architecture.strip, "--strip-unneeded", "--preserve-dates", *modules], check=True)


def _add_interpreter(home: Path) -> None:
    """Make it a virtual environment of the system's Python."""
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (home / "bin/python3").symlink_to("/usr/bin/python3")
    for version in PYTHONS:
        (home / f"lib/python{version}").symlink_to("python3")


def _add_programs(root: Path) -> None:
    (root / "usr/bin").mkdir()
    for name, code in PROGRAMS.items():
        # -I leaves out the variables PYTHON*, the account's own packages and the working directory.
        (root / HOME / "bin" / name).write_text(f"#!/{HOME}/bin/python3 -I\n{code}")
        (root / "usr/bin" / name).symlink_to(f"/{HOME}/bin/{name}")


def _set_modes(root: Path) -> None:
    for path in _files(root):
        if not path.is_symlink():
            path.chmod(0o755 if path.parent.name == "bin" else 0o644)


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file())
