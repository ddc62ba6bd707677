"""What the documentation names is there: commands with their options, settings, failures, metrics, steps."""

import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest

from calendar_tui.main import make_parser as make_terminal_parser
from engine.cli.commands import make_parser
from engine.exchange import impersonation
from engine.exchange.diagnosis import _POLICY
from engine.settings.keys import KEYS, TABLES
from engine.settings.reader import collect
from engine.setup.pages import SECRETS, STEPS
from tests.docs.pages import PAGES, WITH_README, blocks, spans, text_of
from tests.server.test_metrics import KINDS, OF_THE_CLUSTER, PREFIX
from tests.support.parsers import commands

PARSERS = {"calendar-engine": make_parser, "calendar-tui": make_terminal_parser}
KEYS_AND_TABLES = {*KEYS, *SECRETS, *TABLES}
FAILURES = set(re.findall(r"^## `(.+)`$", text_of("docs/errors.md"), re.M))

ROLES = {"owner", "view"}
"""What the names of roles in a shared database have after that of the product."""

NAMES = {f"{name} {path}" for name, make in PARSERS.items() for path, _ in commands(make())}


def command_lines(page: str) -> Iterator[str]:
    """Yield everything to type at a prompt, and every command in a line of text that is more than its name."""
    for block in blocks(page, "console"):
        yield from (line.strip()[2:] for line in block.splitlines() if line.strip().startswith(("$ ", "# ")))
    for span in spans(page):
        if span.partition(" ")[0] in PARSERS and span not in PARSERS and span not in NAMES:
            yield span


def arguments(line: str) -> list[str]:
    """Return the words of a command, without what the shell does with its input and output."""
    words = shlex.split(line, comments=True)
    return words[: next((at for at, word in enumerate(words) if word in {"<", ">", "|", "&&"}), None)]


@pytest.mark.parametrize("page", WITH_README)
def test_every_command_is_understood(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in command_lines(page):
        program, *given = arguments(line)
        if make := PARSERS.get(program.removeprefix(".venv/bin/")):
            try:
                make().parse_args(given)
            except SystemExit:
                pytest.fail(f"{line}\n{capsys.readouterr().err}")


def test_monitoring_systems_are_shown_options_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    examples = "".join(blocks("docs/operating.md", "text"))
    calls = re.findall(r"calendar-engine (health .*)$", examples, re.M)
    passed = re.findall(r'"(--[a-z-]+)" = "\$calendar_', examples)
    assert calls
    assert passed
    try:
        for call in calls:
            make_parser().parse_args(call.split())
        for option in passed:
            make_parser().parse_args(["health", option, "5"])
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


def settings_named(page: str) -> Iterator[str]:
    for span in spans(page):
        key, _, _ = span.partition(" = ")
        if key.partition(".")[0] in TABLES and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", key):
            yield key


@pytest.mark.parametrize("page", WITH_README)
def test_every_setting_exists(page: str) -> None:
    assert {key for key in settings_named(page) if not is_known(key)} == set()


def is_known(key: str) -> bool:
    """Return whether this is a key, a secret, or the beginning of some keys."""
    return key in KEYS_AND_TABLES or any(each.startswith(f"{key}.") for each in KEYS)


@pytest.mark.parametrize("page", WITH_README)
def test_every_value_of_a_setting_is_possible(page: str) -> None:
    examples = [span for span in spans(page) if span.partition(" = ")[0] in KEYS and " = " in span]
    for text in (*examples, *blocks(page, "toml")):
        document = tomllib.loads(text)
        if "password" not in document.get("exchange", {}):  # else a file of secrets
            assert collect(document).findings == [], text


@pytest.mark.parametrize("page", WITH_README)
def test_every_failure_exists(page: str) -> None:
    for label, anchor in links_to_failures(page):
        assert label == f"`{anchor}`"
        assert anchor in FAILURES
    for line in command_lines(page):
        named = [word.removeprefix("FAILURE=") for word in arguments(line) if word.startswith("FAILURE=")]
        assert set(named) <= FAILURES


def links_to_failures(page: str) -> list[tuple[str, str]]:
    return re.findall(r"\[([^\]]+)\]\(errors\.md#([\w-]+)\)", text_of(page))


def test_every_metric_exists() -> None:
    named = {span.removeprefix(PREFIX) for page in PAGES for span in spans(page) if span.startswith(PREFIX)}
    assert named
    kinds = KINDS | OF_THE_CLUSTER
    assert named - ROLES <= {f"{name}_total" if kind == "counter" else name for name, kind in kinds.items()}


def test_the_quick_start_has_the_steps_of_the_set_up() -> None:
    page = text_of("docs/quick-start.md")
    places = [page.find(f"**{step.title}**") for step in STEPS]
    assert min(places) > 0
    assert places == sorted(places)


@pytest.mark.parametrize(
    "command",
    [
        "\n".join(impersonation.grant_to_group("'calendar-sync@example.com'", "'GROUP'")),
        impersonation.grant("'calendar-sync@example.com'"),
        _POLICY.format(account="'calendar-sync@example.com'"),
    ],
    ids=["group", "everybody", "throttling"],
)
def test_the_page_about_exchange_has_the_commands_that_are_printed(command: str) -> None:
    assert command in blocks_of_exchange()


def blocks_of_exchange() -> list[str]:
    return [block.strip() for block in blocks("docs/exchange-server.md", "powershell")]
