"""Versions of the settings are kept, and rolled back by hand, or automatically without a confirmation."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]


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
        await eventually(lambda: served.file.read_text() == before)
        await eventually(lambda: served.service.unconfirmed is None)
        assert (await served.ask("POST", "/v1/settings/confirm"))[0] == 409
        assert "change-not-confirmed" not in await served.concerns()
        newest = (await served.get("/v1/settings"))["version"]
        assert (newest["action"], newest["actor"]) == ("rollback to 1", None)
        await eventually(lambda: len(served.api_state.audit.entries()) == 2)
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
        await eventually(lambda: served.service.file_trouble is not None)
        await clock.advance(61)
        await eventually(lambda: served.file.read_text() == before)
        await eventually(lambda: served.service.unconfirmed is None)
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
        await eventually(lambda: '"de"' not in served.file.read_text())
        await eventually(lambda: len(served.api_state.audit.entries()) == 2)
        actions = [entry["action"] for entry in (await served.get("/v1/audit"))["entries"]]
        assert actions == ["roll_back_settings", "change_settings"]


async def languages_after(served: ServedService, *steps: str) -> list[str | None]:
    """Return the language in force after each step: another language, one on `trial`, `wait`, `back` or `edit`."""
    found: list[str | None] = []
    for step in steps:
        kind, _, language = step.partition(" ")
        match kind:
            case "change":
                await served.change({"presence.language": language})
            case "trial":
                await served.change({"presence.language": language}, confirm_within=60)
            case "keep":
                assert (await served.ask("POST", "/v1/settings/confirm"))[0] == 200
            case "wait":
                await served.clock.advance(61)
                await eventually(lambda: served.service.unconfirmed is None)
            case "edit":
                text = re.sub('language = ".."', f'language = "{language}"', served.file.read_text())
                served.file.write_text(text)
                await served.service.reread()
            case "back":
                before = len(served.service.versions)
                status, answer = await served.ask("POST", "/v1/settings/rollback")
                assert (status == 200) == (len(served.service.versions) == before + 1)
                assert status == 200 or (status, answer["type"]) == (409, "nothing-to-go-back-to")
                found.append(None if status != 200 else await served.value("presence.language"))
            case _:
                status, _ = await served.ask("POST", "/v1/settings/rollback", {"version": int(step)})
                assert status == 200
    return [*found, await served.value("presence.language")]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (("trial fr", "wait", "back"), [None, "de"]),
        (("trial fr", "wait", "back", "back"), [None, None, "de"]),
        (("trial fr", "back", "back"), ["de", None, "de"]),
        (("trial fr", "keep", "back", "back"), ["de", None, "de"]),
        (("change it", "trial fr", "wait", "back", "back"), ["de", None, "de"]),
        (("trial it", "wait", "trial fr", "wait", "back"), [None, "de"]),
        (("change it", "trial fr", "wait", "trial nl", "back", "back"), ["it", None, "it"]),
        (("change it", "change fr", "back", "back"), ["it", None, "it"]),
        (("change it", "change fr", "back", "change nl", "back"), ["it", "it", "it"]),
        (("change it", "back", "edit fr", "back"), ["de", "de", "de"]),
        (("trial fr", "wait", "edit it", "back", "back"), ["de", None, "de"]),
        (("change it", "change fr", "back", "3"), ["it", "fr"]),
        (("change it", "change fr", "1", "back"), [None, "de"]),
    ],
    ids=str,
)
async def test_back_is_the_version_before_the_one_in_force_and_twice_is_once(
    company: Company, clock: ManualClock, tmp_path: Path, steps: tuple[str, ...], found: list[str | None]
) -> None:
    text = company.settings().replace("[presence]", '[presence]\nlanguage = "de"')
    async with running_service(company, clock, tmp_path, text) as served:
        assert await languages_after(served, *steps) == found


async def test_what_back_means_survives_a_restart(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    text = company.settings().replace("[presence]", '[presence]\nlanguage = "de"')
    async with running_service(company, clock, tmp_path, text) as served:
        await languages_after(served, "change it", "trial fr", "wait")
    async with running_service(company, clock, tmp_path, None) as served:
        assert await languages_after(served, "back") == ["de", "de"]
    async with running_service(company, clock, tmp_path, None) as served:
        assert await languages_after(served, "back") == [None, "de"]


async def test_a_change_that_breaks_a_link_is_offered_for_rollback(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"pbx.master": "branch"})
        await eventually(lambda: served.service.offered is not None)
        assert "change-broke-link" in await served.concerns()
        offered = (await served.get("/v1/settings"))["offered"]
        assert offered == 1
        await served.ask("POST", "/v1/settings/rollback", {"version": offered})
        await served.settled()
        await eventually(lambda: served.service.offered is None)
        assert "change-broke-link" not in await served.concerns()
        assert (await served.get("/v1/status"))["links"][0]["works"]
