"""The units of systemd: as closed as they are meant to be, correct, and the same for every instance."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
SERVICE = "calendar-engine.service"
MOST_EXPOSED = 12
"""Tenths, as systemd-analyze counts."""

NEWER = re.compile(r"Unknown key( name)? '(RestartSteps|RestartMaxDelaySec)' in section '?\[?Service\]?'?, ignoring\.")
"""Keys of systemd 254, without which the pauses between restarts do not grow."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def analyze(*arguments: str) -> tuple[int, list[str]]:
    ended = subprocess.run(
        ["systemd-analyze", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.returncode, ended.stdout.splitlines()


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that exists here."""
    for unit in UNITS.glob("calendar-engine*"):
        (tmp_path / unit.name).write_text(unit.read_text().replace("=/usr/bin/calendar-engine", "=/bin/true"))
    return tmp_path


@needs_systemd
@pytest.mark.process
@pytest.mark.parametrize("name", [SERVICE, "calendar-engine@.service"])
def test_the_service_is_exposed_to_little(units: Path, name: str) -> None:
    command = ("security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSED}")
    status, lines = analyze(*command, str(units / name))
    assert status == 0, lines[-1]
    weaker = units / "weaker.service"
    weaker.write_text((units / name).read_text().replace("NoNewPrivileges=yes\n", ""))
    status, _ = analyze(*command, str(weaker))
    assert status != 0


@needs_systemd
@pytest.mark.process
def test_systemd_understands_every_line(units: Path) -> None:
    names = [str(path).replace("@.", "@x.") for path in sorted(units.iterdir())]
    status, lines = analyze("verify", "--man=no", *names)
    ours = [line for line in lines if "calendar-engine" in line and not NEWER.search(line)]
    assert (status, ours) == (0, [])


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("*@.*")))
def test_an_instance_differs_by_its_names_alone(name: str) -> None:
    text = (UNITS / name).read_text()
    assert text.count("%i") >= 4
    for addition in ("calendar-engine.key:", "@%i", " (%i)"):
        text = text.replace(addition, "")
    assert text == (UNITS / name.replace("@", "")).read_text()


def test_the_two_sockets_differ_in_who_may_use_them() -> None:
    view = (UNITS / "calendar-engine-view.socket").read_text()
    for there, here in (("look", "change"), ("engine-ro.sock", "engine.sock"), ("calendar-view", "calendar-admin")):
        assert there in view
        view = view.replace(there, here)
    assert view == (UNITS / "calendar-engine.socket").read_text()
