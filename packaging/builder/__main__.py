"""Builds wheel, sdist and Debian packages, with bills of materials and checksums: `make dist`."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from bill import bill_of_materials
from environment import ARCHITECTURES, SITE_PACKAGES, Architecture, Hashes, lay_out
from licences import copyright_file
from parts import linked_libraries, parts_in

SOURCE = Path(__file__).resolve().parents[2]
PACKAGING = SOURCE / "packaging"
NAME = "calendar-tui"
REVISION = 1
PROGRAMS = {"calendar-engine": ("-m", "engine.cli.main", "completion")} | {
    "calendar-tui": ("-m", "calendar_tui.main", "--completion")
}
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/{}",
    "zsh": "usr/share/zsh/vendor-completions/_{}",
    "fish": "usr/share/fish/vendor_completions.d/{}.fish",
}


def main() -> None:
    """Build everything, or the Debian package of one architecture alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=SOURCE / "dist", metavar="DIR", help="a new directory")
    parser.add_argument("--only", choices=[each.debian for each in ARCHITECTURES], help="one architecture")
    options = parser.parse_args()
    epoch = _epoch()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    os.umask(0o022)
    output = options.output.resolve()
    output.mkdir(parents=True)
    wheel = _build_wheel(output)
    with tempfile.TemporaryDirectory(prefix="calendar-tui-dist-") as name:
        _build_packages(Path(name), output, wheel, epoch, options.only)
    _write_checksums(output)


def _epoch() -> int:
    """Return the time of the last commit, or SOURCE_DATE_EPOCH where that is set."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=SOURCE, check=True, stdout=subprocess.PIPE)
    return int(asked.stdout)


def _build_wheel(output: Path) -> Path:
    """Build sdist and wheel, and return the wheel."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--out-dir", output, SOURCE], check=True)
    (output / ".gitignore").unlink(missing_ok=True)
    return next(output.glob("*.whl"))


def _build_packages(work: Path, output: Path, wheel: Path, epoch: int, only: str | None) -> None:
    """Build the Debian packages in the directory `work`."""
    languages = frozenset(path.stem for path in (SOURCE / "engine/core/presence/languages").glob("*.toml"))
    laid_out: dict[Architecture, tuple[Path, Hashes]] = {}
    for architecture in ARCHITECTURES:
        root = work / architecture.debian / NAME / "root"
        root.mkdir(parents=True)
        if only in (None, architecture.debian) or architecture.machine == os.uname().machine:
            laid_out[architecture] = (
                root,
                lay_out(root, architecture, PACKAGING / "requirements.lock", wheel, languages),
            )
    native = next(root for each, (root, _) in laid_out.items() if each.machine == os.uname().machine)
    linked = linked_libraries(native / SITE_PACKAGES)
    for architecture, (root, hashes) in laid_out.items():
        if only in (None, architecture.debian):
            parts = parts_in(root / SITE_PACKAGES)
            bill = bill_of_materials(parts, hashes, linked, architecture, epoch)
            _add_files(root.parent, epoch)
            (root.parent / "debian/copyright").write_text(copyright_file(parts))
            (root.parent / f"{NAME}.cdx.json").write_text(bill)
            _pack(root.parent, architecture)
            (output / f"{NAME}_{_version()}_{architecture.debian}.cdx.json").write_text(bill)
            shutil.copy(next(root.parent.parent.glob("*.deb")), output)


def _add_files(tree: Path, epoch: int) -> None:
    """Add what debian/rules packs besides the environment: units, manual pages, completion, documents."""
    shutil.copytree(PACKAGING / "debian", tree / "debian")
    shutil.copytree(PACKAGING / "systemd", tree / "systemd")
    shutil.copytree(SOURCE / "man", tree / "man")
    for examples in ("prometheus", "grafana"):
        shutil.copytree(PACKAGING / examples, tree / examples)
    for kind in ("sysusers", "tmpfiles"):
        (tree / f"systemd/{kind}.conf").rename(tree / f"debian/{NAME}.{kind}")
    for document in ("README.md", "SECURITY.md", "CHANGELOG.md", "packaging/calendar-engine.toml"):
        shutil.copy(SOURCE / document, tree)
    _build_documentation(tree)
    for program, command in PROGRAMS.items():
        for shell, place in COMPLETIONS.items():
            script = subprocess.run(
                [sys.executable, *command, shell], cwd=SOURCE, check=True, stdout=subprocess.PIPE
            ).stdout
            path = tree / "root" / place.format(program)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(script)
    runtime = tree / "root/usr/share/python3/runtime.d" / f"{NAME}.rtupdate"
    runtime.parent.mkdir(parents=True)
    (tree / f"debian/{NAME}.rtupdate").rename(runtime)
    runtime.chmod(0o755)
    at = format_datetime(datetime.fromtimestamp(epoch, UTC))
    (tree / "debian/changelog").write_text(
        f"{NAME} ({_version()}) stable; urgency=medium\n\n"
        f"  * New version; /usr/share/doc/{NAME}/changelog.gz says what is new.\n\n"
        f" -- {_maintainer()}  {at}\n"
    )


def _build_documentation(tree: Path) -> None:
    """Build the administrators' documentation as HTML, with the manual pages in it."""
    if shutil.which("mandoc") is None:
        sys.exit("mandoc, which the documentation needs for the manual pages, is not installed")
    command = (sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-d", tree / "doctrees")
    subprocess.run([*command, SOURCE / "docs", tree / "html"], check=True)
    (tree / "html/.buildinfo").unlink()


def _version() -> str:
    return f"{tomllib.loads((SOURCE / 'pyproject.toml').read_text())['project']['version']}-{REVISION}"


def _maintainer() -> str:
    lines = (PACKAGING / "debian/control").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("Maintainer: "))


def _pack(tree: Path, architecture: Architecture) -> None:
    """Build the Debian package beside `tree`; its build dependencies are not checked, since none is compiled with."""
    options = (f"--host-arch={architecture.debian}", "--build=binary", "--no-check-builddeps", "--no-sign")
    log = tree.parent / "build.log"
    with log.open("w") as stream:
        built = subprocess.run(["dpkg-buildpackage", *options], cwd=tree, stdout=stream, stderr=stream, check=False)
    if built.returncode:
        sys.exit(f"dpkg-buildpackage failed:\n{log.read_text()}")


def _write_checksums(output: Path) -> None:
    """Write SHA256SUMS of all files, as sha256sum(1) checks them."""
    files = sorted(path for path in output.iterdir() if path.is_file())
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (output / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
