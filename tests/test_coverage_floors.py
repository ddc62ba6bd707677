"""The floors of coverage: they only rise, and each package has one."""

from pathlib import PurePath

from tests.coverage_floors import Measured, by_package, raised, shortfalls

MODULES = [
    Measured(PurePath("engine/core/clock.py"), 30, 40),
    Measured(PurePath("engine/core/presence/note.py"), 60, 60),
    Measured(PurePath("engine/tls/shown.py"), 1, 3),
    Measured(PurePath("calendar_tui/app.py"), 0, 10),
    Measured(PurePath("engine/__init__.py"), 0, 0),
]


def test_modules_count_by_what_is_in_them() -> None:
    assert by_package(MODULES) == {"calendar_tui": 0.0, "engine/core": 90.0, "engine/tls": 100 / 3}


def test_what_is_below_its_floor_or_has_none_is_named() -> None:
    measured = {"engine/core": 89.9, "engine/tls": 33.0, "engine/new": 50.0}
    assert shortfalls(measured, {"engine/core": 90, "engine/tls": 33, "engine/old": 10}) == [
        "engine/core: 89.9 %, at least 90 % before",
        "engine/new: no floor in coverage.toml",
        "engine/old: no such package, although it is in coverage.toml",
    ]


def test_no_floor_is_ever_lowered() -> None:
    assert raised({"engine/core": 91.7, "engine/tls": 20.0}, {"engine/core": 90, "engine/tls": 33}) == {
        "engine/core": 91,
        "engine/tls": 33,
    }
