"""Names, subjects and bodies with control characters are harmless in every screen."""

from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from calendar_tui.app import MAIN_VIEWS
from calendar_tui.terminal import CharacterSet, TerminalCapabilities
from engine.api.schema import UserDetail
from engine.documents.user import user_text
from tests.support.hostile import NAME, USERS, harm_in, harm_in_lines, hostile_source
from tests.support.served_engine import NINE, SETTINGS, an_exchange, served_engine
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow


def seen(shown: Terminal) -> str:
    """Return the screen, which must be harmless."""
    picture = shown.grid()
    assert not harm_in_lines(picture), picture
    return picture


async def test_every_view_shows_them_and_none_lets_them_through(tmp_path: Path) -> None:
    settings = f"{SETTINGS}[debug_log]\news = true\n"
    async with served_engine(tmp_path, USERS, source=hostile_source(), settings=settings) as served:
        await served.settled()
        await an_exchange(
            served,
            response_headers={"X-Name": NAME},
            response=f'<b c="{NAME}">\n{NAME}</b>'.encode(),
            failure=NAME,
        )
        async with terminal(served.socket, size=(160, 50)) as shown:
            for name in MAIN_VIEWS:
                shown.app.frame.open_view(name)
                await shown.pilot.pause(0.1)
                seen(shown)
            shown.app.frame.open_view("users")
            await shown.shows("Zoé")
            assert seen(shown).count("Zoé") >= 3
            shown.app.frame.open_user(USERS[0].guid)
            await shown.shows("ERROR forged")
            seen(shown)
            await shown.press("escape")
            shown.app.frame.open_view("log")
            await shown.shows("FindItem")
            seen(shown)
            await shown.press("enter")
            await shown.shows("ERROR forged")
            for _ in range(4):
                seen(shown)
                await shown.press("tab")
            shown.view.tell(f"something about {NAME}")
            await shown.pilot.pause()
            assert "something about" in seen(shown)
            shown.app.frame.open_view("users")
            await shown.press("/")
            line = shown.app.frame.field.input
            line.value = NAME
            await shown.shows("ERROR forged")
            seen(shown)
            assert line.value == NAME
        async with terminal(served.socket, look=TerminalCapabilities(letters=CharacterSet.ASCII)) as plain:
            plain.app.frame.open_view("users")
            await plain.shows("owned")
            assert seen(plain).isascii()


async def test_what_is_written_to_files_is_cleaned_too(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, source=hostile_source()) as served:
        await served.settled()
        detail = await served.get(f"/v1/users/{USERS[0].guid}")
    text = user_text(msgspec.convert(detail, UserDetail), NINE, UTC)
    assert "ERROR forged" in text
    assert not harm_in_lines(text)
    assert harm_in(detail["display_name"])
