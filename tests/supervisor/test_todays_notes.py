"""Today's notes by the API, with settings that are being chosen."""

from pathlib import Path

import pytest

from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.service import running_service

pytestmark = pytest.mark.slow


async def test_notes_differ_from_those_in_force_and_say_what_they_cannot_know(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        _, same = await served.ask("POST", "/v1/notes", {})
        assert same["differ"] == 0
        assert same["users"] == same["looked_at"] > len(same["notes"]) == 10
        assert same["showing"] > 10
        assert {note["before"] for note in same["notes"]} == {None}
        question = {"settings": {"presence.mapping.busy": "dnd"}, "most": 100}
        _, dnd = await served.ask("POST", "/v1/notes", question)
        assert 0 < dnd["differ"] <= dnd["showing"] == len(dnd["notes"])
        first = dnd["notes"][0]
        assert (first["presence"]["activity"], first["before"]["activity"]) == ("dnd", "busy")
        _, words = await served.ask("POST", "/v1/notes", {"settings": {"presence.priority_words": ["VIP"]}})
        assert len(words["remarks"]) == (0 if await served.value("presence.show_subject") else 1)
        status, wrong = await served.ask("POST", "/v1/notes", {"settings": {"presence.mapping.busy": "never"}})
        assert (status, wrong["type"]) == (422, "settings-invalid")
    (tmp_path / "empty").mkdir()
    async with running_service(company, clock, tmp_path / "empty", None) as served:
        status, missing = await served.ask("POST", "/v1/notes", {})
        assert (status, missing["type"]) == (422, "settings-missing")
