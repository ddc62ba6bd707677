"""Versions of the settings are remembered, and gone back to: by hand, and by themselves where nobody confirms them."""

import os
from datetime import timedelta
from pathlib import Path

from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.service import running_service


async def test_versions_are_remembered_and_gone_back_to(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    text = "# of the head office\n" + company.settings()
    async with running_service(company, clock, tmp_path, text) as served:
        for language in ("de", "fr", "it"):
            await served.change({"presence.language": language})
        history = (await served.get("/v1/settings/history"))["versions"]
        assert [each["action"] for each in history] == ["change", "change", "change", "found"]
        assert history[0]["actor"]["uid"] >= 0
        assert history[-1]["actor"] is None
    async with running_service(company, clock, tmp_path, None) as served:
        assert len((await served.get("/v1/settings/history"))["versions"]) == 4
        status, answer = await served.ask("POST", "/v1/settings/rollback", {"version": history[1]["id"]})
        assert (status, answer["live"]) == (200, ["decisions"])
        assert await served.value("presence.language") == "fr"
        await served.ask("POST", "/v1/settings/rollback", {"version": history[-1]["id"]})
        assert served.file.read_text() == text
        assert (await served.ask("POST", "/v1/settings/rollback", {"version": 4711}))[0] == 404
        version = await served.get(f"/v1/settings/history/{history[-1]['id']}")
        assert version["text"] == text
        actions = [entry["action"] for entry in (await served.get("/v1/audit"))["entries"]]
        assert actions == [*["roll_back_settings"] * 2, *["change_settings"] * 3]


async def test_only_the_last_fifty_versions_are_kept(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        for length in range(60):
            await served.change({"presence.note_max_length": 100 + length})
        versions = (await served.get("/v1/settings/history"))["versions"]
    assert len(versions) == 50
    assert versions[0]["changes"][0]["after"] == 159


async def test_a_change_that_nobody_confirms_is_rolled_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_text()
        answer = await served.change({"presence.language": "de"}, confirm_within=60)
        assert answer["version"]["confirm_until"] == (clock.now() + timedelta(seconds=60)).isoformat().replace(
            "+00:00", "Z"
        )
        assert "change-not-confirmed" in await served.concerns()
        status, problem = await served.ask(
            "PATCH", "/v1/settings", {"changes": {"presence.language": "fr"}}, If_Match="*"
        )
        assert (status, problem["type"]) == (409, "change-not-confirmed")
        await clock.advance(59)
        assert await served.value("presence.language") == "de"
        await clock.advance(2)
        await served.eventually(lambda: served.file.read_text() == before)
        await served.eventually(lambda: served.service.unconfirmed is None)
        assert (await served.ask("POST", "/v1/settings/confirm"))[0] == 409
        assert "change-not-confirmed" not in await served.concerns()
        newest = (await served.get("/v1/settings"))["version"]
        assert (newest["action"], newest["actor"]) == ("rollback to 1", None)
        await served.eventually(lambda: len(served.desk.audit.entries()) == 2)
        written_down = (await served.get("/v1/audit"))["entries"]
        assert [(each["action"], each["subject"]) for each in written_down] == [
            ("roll_back_settings", "presence.language"),
            ("change_settings", "presence.language"),
        ]
        assert written_down[0]["actor"] == {"uid": os.getuid(), "pid": os.getpid(), "user": "calendar-engine"}


async def test_a_change_that_nobody_confirms_is_rolled_back_whatever_the_file_has_become(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_text()
        await served.change({"presence.language": "de"}, confirm_within=60)
        served.file.write_text(before + "[presence\n")
        await served.eventually(lambda: served.service.file_trouble is not None)
        await clock.advance(61)
        await served.eventually(lambda: served.file.read_text() == before)
        await served.eventually(lambda: served.service.unconfirmed is None)
        assert await served.value("presence.language") != "de"
        assert (await served.get("/v1/settings"))["version"]["action"] == "rollback to 1"


async def test_a_change_that_is_confirmed_stands(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.change({"presence.language": "de"}, confirm_within=60)
        status, confirmed = await served.ask("POST", "/v1/settings/confirm")
        assert (status, confirmed["confirm_until"]) == (200, None)
        assert (await served.get("/v1/settings"))["version"] == confirmed
        await clock.advance(3600)
        assert await served.value("presence.language") == "de"


async def test_a_change_is_rolled_back_even_after_a_restart(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.change({"presence.language": "de"}, confirm_within=60)
    await clock.advance(300)
    async with running_service(company, clock, tmp_path, None) as served:
        await served.eventually(lambda: '"de"' not in served.file.read_text())
        await served.eventually(lambda: len(served.desk.audit.entries()) == 2)
        actions = [entry["action"] for entry in (await served.get("/v1/audit"))["entries"]]
        assert actions == ["roll_back_settings", "change_settings"]


async def test_a_change_that_breaks_a_link_is_offered_for_rollback(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"pbx.master": "branch"})
        await served.eventually(lambda: served.service.offered is not None)
        assert "change-broke-link" in await served.concerns()
        offered = (await served.get("/v1/settings"))["offered"]
        assert offered == 1
        await served.ask("POST", "/v1/settings/rollback", {"version": offered})
        await served.settled()
        await served.eventually(lambda: served.service.offered is None)
        assert "change-broke-link" not in await served.concerns()
        assert (await served.get("/v1/status"))["links"][0]["works"]
