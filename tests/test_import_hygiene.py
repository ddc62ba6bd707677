"""What each program imports: the engine no user interface and, alone, no PostgreSQL; the terminal program nothing of
the engine's internals."""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

ENGINE = "engine.cli.main, engine.daemon.daemon, engine.cli.demo"
TUI = "calendar_tui.main, calendar_tui.app, calendar_tui.main"


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (ENGINE, {"textual", "rich", "psycopg", "engine.store.postgres"}),
        ("engine.cli.main, engine.daemon.daemon", {"engine.simulator"}),
        (
            "engine.cli.main, engine.cli.status, engine.cli.log, engine.cli.check",
            {
                "engine.sync",
                "engine.exchange",
                "engine.pbx",
                "engine.settings.model",
                "engine.store.secrets",
                "aiohttp",
                "httpx",
                "lxml",
                "babel",
                "regex",
                "importlib.metadata",
            },
        ),
        ("engine.api.schema", {"aiohttp", "asyncio", "sqlite3", "lxml", "engine.core", "engine.sync"}),
        (
            TUI,
            {
                "aiohttp",
                "sqlite3",
                "lxml",
                "engine.exchange",
                "engine.pbx",
                "engine.sync",
                "engine.cli",
                # after the first frame: see tests/tui/test_terminals.py
                "httpx",
                "httpcore",
                "anyio",
                "h11",
                "engine.api.transport",
            },
        ),
        ("engine.core.presence, engine.settings.reader", {"asyncio", "aiohttp", "httpx", "lxml", "sqlite3"}),
    ],
    ids=["engine", "engine without demo", "commands", "wire types", "terminal program", "core"],
)
def test_what_is_loaded(modules: str, forbidden: set[str]) -> None:
    loaded = loaded_by(modules)
    assert loaded & forbidden == set()
    assert set(modules.split(", ")) <= loaded


def test_the_terminal_program_and_the_engine_share_failures_and_pauses_alone() -> None:
    shared = {each for each in loaded_by(TUI) if each.startswith("engine.core.")}
    assert shared == {"engine.core.errors", "engine.core.backoff"}


def loaded_by(modules: str) -> set[str]:
    # Where click is installed, as by a tool for tests, httpx loads its own command line and all that this draws with.
    program = f"import sys\nsys.modules['click'] = None\nimport {modules}\nprint(*sys.modules)"
    # What measures coverage would be loaded as well.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return set(output.split())
