"""The presence test by the API: with and without a running engine, cancelled, and killed in the middle."""

from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import CLEARED
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.simulator.pbx.state import ClearForm, ClearSemantics
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, changes_of, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

ANNA = "anna.mueller"
PATH = "/v1/presence-test"


async def begun(served: ServedService, body: dict[str, Any] | None = None, status: int = 202) -> Any:
    found, operation = await served.ask("POST", PATH, {"user": ANNA, **(body or {})})
    assert found == status, operation
    return operation


async def over(served: ServedService, operation: Any) -> Any:
    operations = served.api_state.operations

    def is_over() -> bool:
        found = operations.get(operation["id"])
        return found is not None and found.state != "running"

    await eventually(is_over)
    return await served.get(f"{PATH}/{operation['id']}")


async def test_the_engine_writes_nothing_for_the_user_meanwhile_and_goes_on_afterwards(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    company.pbx.behaviour.clears_by = {ClearForm.EMPTY: ClearSemantics.IS_IGNORED}
    company.pbx.behaviour.notes_refused_from = 201
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        anna = company.world.person(ANNA)
        before = company.pbx.presence_entries(anna.guid)
        assert before[0].note.startswith("Busy")
        learned = await over(served, await begun(served))
        assert [rung["outcome"] for rung in learned["rungs"]] == ["ok"] * len(learned["names"]), learned["rungs"]
        assert learned["proposed"] == {"pbx.clear": "omit", "presence.note_max_length": 200}
        assert [(way["clear"], way["effect"]) for way in learned["ways"]] == [
            ("empty", "stays"),
            ("omit", "goes"),
            ("online", "goes"),
        ]
        assert (learned["user"]["label"], learned["remains"]) == ("Anna Müller", None)
        assert company.pbx.presence_entries(anna.guid) == before
        await clock.advance(3600 * 3)
        await served.settled()
        assert company.pbx.calendar_presence(anna.guid).note != before[0].note, "the engine writes again"


async def test_before_anything_is_set_up_it_has_a_connection_of_its_own(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    secrets = {"pbx.password": PBX_PASSWORD.reveal(), "exchange.password": EXCHANGE_PASSWORD.reveal()}
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        body: dict[str, Any] = {"settings": changes_of(company.settings()), "secrets": secrets}
        learned = await over(served, await begun(served, body))
        assert learned["proposed"] == {"pbx.clear": "empty"}
        assert (learned["note_length"], learned["is_longest"]) == (1000, True)
        assert company.pbx.calendar_presence(company.world.person(ANNA).guid) == CLEARED
        nobody = await over(served, await begun(served, {**body, "user": "nobody.known"}))
        assert nobody["rungs"][0]["trouble"]["type"] == "user-not-in-pbx"
        wrong = {**body, "secrets": {**secrets, "pbx.password": "wrong"}}
        refused = await over(served, await begun(served, wrong))
        assert refused["rungs"][0]["trouble"]["type"] == "pbx-login-refused"
        assert {rung["outcome"] for rung in refused["rungs"][1:]} == {"skipped"}


async def test_two_at_once_are_refused_and_a_cancelled_one_puts_back_once_it_can(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        guid = company.world.person(ANNA).guid
        before = company.pbx.presence_entries(guid)
        company.pbx.on_write = lambda _: company.pbx.hang()
        operation = await begun(served)
        await eventually(lambda: company.pbx.presence_entries(guid) != before)
        assert (await begun(served, status=409))["type"] == "presence-test-under-way"
        company.pbx.on_write = None
        await served.ask("DELETE", f"/v1/operations/{operation['id']}")
        company.pbx.drop()
        await eventually(lambda: company.pbx.presence_entries(guid) == before)
        await served.settled()
        assert company.pbx.presence_entries(guid) == before
        assert "presences-not-put-back" not in await served.concerns()


async def test_after_a_crash_the_next_start_puts_everything_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    guid = company.world.person(ANNA).guid
    company.pbx.set_manual(guid, "away", "lunch")
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        company.pbx.set_manual(guid, "dnd", "not now")
        before = company.pbx.presence_entries(guid)
        kept = tmp_path / "state" / "presence-test.json"
        await begun(served)
        await eventually(kept.exists)
        await eventually(lambda: company.pbx.presence_entries(guid)[0].note != "not now")
        content = kept.read_bytes()
        company.pbx.drop()
    company.pbx.put_entry(guid, "calendar:", "busy", "calendar test")
    kept.write_bytes(content)
    await company.pbx.stop()
    async with running_service(company, clock, tmp_path, None) as served:
        await eventually(lambda: served.service.current.engine is not None)
        assert "presences-not-put-back" in await served.concerns()
        await company.pbx.start()
        await eventually(lambda: company.pbx.presence_entries(guid) == before)
        await served.settled()
        assert company.pbx.presence_entries(guid) == before
        assert "presences-not-put-back" not in await served.concerns()
        assert not kept.exists()
