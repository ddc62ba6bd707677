"""The palette and the settings find by the vendor's words, and lead there from every view."""

from pathlib import Path

import pytest

from engine.documents.vendor import CLIENT_SECRET, PASSWORD, VENDOR_SETTINGS
from engine.settings.keys import KEYS
from tests.support.served_engine import people, served_engine
from tests.support.tui import terminal


def test_every_setting_of_the_vendor_leads_to_one_of_ours() -> None:
    ours = {*KEYS, PASSWORD, CLIENT_SECRET}
    assert all(each.keys for each in VENDOR_SETTINGS)
    assert {key for each in VENDOR_SETTINGS for key in each.keys} <= ours


@pytest.mark.slow
async def test_the_palette_leads_everywhere(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(5)) as served:
        await served.settled()
        async with terminal(served.socket) as shown:
            await shown.shows("2 Users 5")
            for words, title in (
                ("impersonation", "Check the connection to Exchange"),
                ("Prioritized", "Words in the title that give"),
                ("Exchange-Server", "Which of the EWS URLs"),
                ("name resolving", "Look for the mailboxes of all users again"),
                ("OAuth", "Tenant ID of the app registration"),
            ):
                await shown.press("ctrl+p", *words)
                await shown.shows(title)
                await shown.press("escape")
            await shown.press("ctrl+p", *"number 3", "enter")
            await shown.shows("Users › User Number 3")
            await shown.press("ctrl+p", *"exchange.server", "enter")
            await shown.shows("▸ server ")
            await shown.press("ctrl+p", *"undo all", "escape", "1", "ctrl+p", *"earlier versions", "enter")
            await shown.shows("Settings › History")
            await shown.press("ctrl+p", *"innovaphone", "enter")
            await shown.shows("Master PBX Name")


@pytest.mark.slow
async def test_settings_are_found_by_the_vendor_s_words(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served, terminal(served.socket) as shown:
        await shown.press("4")
        await shown.shows("pbx.master")
        await shown.press("slash", *"Prioritized")
        await shown.shows("no_priority_words")
        assert "writes_per_second" not in shown.grid()
