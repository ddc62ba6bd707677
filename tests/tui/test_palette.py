"""The palette and the settings find by the vendor's words, and lead there from every view."""

from pathlib import Path

import pytest

from engine.documents.vendor import CLIENT_SECRET, PASSWORD, VENDOR_SETTINGS
from engine.settings.keys import KEYS
from engine.store.backup import check_kind
from tests.support.served_engine import people, served_engine
from tests.support.tui import Terminal, terminal


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
            copied = await copied_by(shown, "3: copy")
            assert "User Number 3 (user3)" in copied
            await shown.press("3", "ctrl+p", *"compact", "enter")
            await shown.eventually(lambda: shown.view.NAME == "day" and "● busy" not in shown.grid())
            await shown.press("ctrl+p", *"keys one log entry", "enter")
            await shown.shows("Copy as a curl command")
            await shown.press("home", "enter")
            await shown.shows("Open that view first")


async def copied_by(shown: Terminal, words: str) -> str:
    """Return what the first command copies that the palette finds by some words."""
    await shown.press("ctrl+p", *words, "enter")
    await shown.shows("Copied")
    return shown.app.clipboard


@pytest.mark.slow
async def test_a_backup_from_any_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with served_engine(tmp_path, people(1)) as served, terminal(served.socket) as shown:
        await shown.press("5", "ctrl+p", *"backup", "enter", *"too short", "enter")
        await shown.shows("at least 12 characters")
        await shown.press(*" any more", "enter", *"too short any less", "enter")
        await shown.shows("The two passphrases are different.")
        monkeypatch.setattr("calendar_tui.typist.LONGEST", 0.01)  # on a slow machine it takes longer than keys may wait
        await shown.press(*["backspace"] * 4, *"more", "enter")
        await shown.shows("Written to")
        written = backup_in(tmp_path)
        check_kind(written.read_bytes())
        assert written.stat().st_mode & 0o077 == 0


def backup_in(directory: Path) -> Path:
    [written] = directory.glob("*.backup")
    return written


@pytest.mark.slow
async def test_settings_are_found_by_the_vendor_s_words(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served, terminal(served.socket) as shown:
        await shown.press("4")
        await shown.shows("pbx.master")
        await shown.press("slash", *"Prioritized")
        await shown.shows("no_priority_words")
        assert "writes_per_second" not in shown.grid()
