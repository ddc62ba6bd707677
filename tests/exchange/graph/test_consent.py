"""The page about Exchange Online has the commands that the program prints."""

from pathlib import Path

import pytest

from engine.exchange.graph.consent import scoped, tenant_wide

PAGE = Path(__file__).parents[3] / "docs" / "exchange-online.md"
APP = "'CLIENT-ID'"


@pytest.mark.parametrize(
    "commands",
    [tenant_wide(APP), tenant_wide(APP, "User.Read.All"), scoped(APP, "'anna@example.com'")],
    ids=["everybody", "directory", "group"],
)
def test_the_page_has_the_commands_that_are_printed(commands: tuple[str, ...]) -> None:
    assert "\n".join(commands) in PAGE.read_text()
