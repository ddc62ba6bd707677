"""What the PBX shows now beside what would be written, by a running engine and by settings that are not in force."""

from pathlib import Path
from typing import Any

import pytest

from engine.core.appointments import Sensitivity
from engine.core.presence.local_days import ONE_DAY
from engine.core.presence.model import CLEARED
from engine.pbx.errors import PbxUnreachable
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, changes_of, running_service

pytestmark = pytest.mark.slow

ANNA = "anna.mueller"
PATH = "/v1/live/preview"


async def compared(served: ServedService, body: dict[str, Any] | None = None, query: str = "") -> Any:
    """Return a comparison once it is over."""
    status, operation = await served.ask("POST", PATH, body or {})
    assert status == 202, operation
    operations = served.api_state.operations

    def over() -> bool:
        found = operations.get(operation["id"])
        return found is not None and found.state != "running"

    await eventually(over)
    return await served.get(f"{PATH}/{operation['id']}?per_page=1000{query}")


def essence(found: Any) -> Any:
    """Return a comparison without when and how often it was tried."""
    rows = [{**row, "problem": row["problem"] and row["problem"]["type"]} for row in found["rows"]]
    return {**found, "operation": None, "begun": None, "rows": rows}


def given(company: Company) -> dict[str, Any]:
    secrets = {"pbx.password": PBX_PASSWORD.reveal(), "exchange.password": EXCHANGE_PASSWORD.reveal()}
    return {"settings": changes_of(company.settings()), "secrets": secrets}


async def test_a_running_engine_and_a_set_up_that_is_not_in_force_say_the_same(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person(ANNA).guid
    company.pbx.set_manual(anna, "busy", "Mittag")
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        before = await compared(served, given(company))
    assert company.pbx.ledger.writes == []
    text = company.settings(engine={"dry_run": True})
    (tmp_path / "other").mkdir()
    async with running_service(company, clock, tmp_path / "other", text) as served:
        await served.settled()
        now = await compared(served)
        for one, other in zip(essence(now).pop("rows"), essence(before).pop("rows"), strict=True):
            assert one == other
        assert essence(now) == essence(before)
        assert now["users"] == now["looked_at"] == now["total"] == len(company.world.people)
        rows = {row["name"]: row for row in now["rows"]}
        assert rows[ANNA]["now"] == rows[ANNA]["by_hand"] == {"activity": "busy", "note": "Mittag"}
        assert rows[ANNA]["ours"] == {"activity": "available", "note": ""}
        assert (rows[ANNA]["state"], rows[ANNA]["would_be"]["activity"]) == ("differs", "busy")
        assert now["by_hand"] == 1
        assert now["differ"] == (await served.get("/v1/status"))["withheld"] > 5
        assert now["left"] > 0
        for row in rows.values():
            assert (row["state"] == "left") == (row["problem"] is not None)
        assert company.pbx.ledger.writes == []

        await served.ask("POST", "/v1/live", {})
        await served.settled()
        live = await compared(served)
        assert live["differ"] == 0
        assert live["rows"][0]["now"] is not None


async def test_rows_are_filtered_sorted_and_cut_into_pages(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine={"dry_run": True})) as served:
        await served.settled()
        found = await compared(served, query="&differing=true")
        assert found["total"] == found["differ"] == len(found["rows"])
        path = f"{PATH}/{found['operation']['id']}"
        labels = [row["label"].casefold() for row in found["rows"]]
        assert labels == sorted(labels)
        one = await served.get(f"{path}?filter=anna+busy")
        assert [row["name"] for row in one["rows"]] == [ANNA]
        paged = [(await served.get(f"{path}?per_page=7&page={n}&sort=would_be"))["rows"] for n in range(1, 5)]
        assert [len(page) for page in paged][:3] == [7, 7, 7]
        presences = [row["would_be"] for page in paged for row in page if row["would_be"]]
        notes = [f"{each['activity']} {each['note']}" for each in presences]
        assert notes == sorted(notes, key=str.casefold)
        whole = await served.get(f"{path}?sort=state&descending=true&per_page=1000")
        assert [row["state"] for row in whole["rows"]] == sorted((r["state"] for r in whole["rows"]), reverse=True)


async def test_private_subjects_are_in_no_row(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    text = company.settings(engine={"dry_run": True}, presence={"show_subject": True})
    world, now = company.world, clock.now()
    appointments = [
        each
        for person in world.people
        if person.mailbox is not None
        for each in world.as_appointments(person.mailbox, now - ONE_DAY, now + ONE_DAY)
    ]
    secret = {each.subject for each in appointments if each.sensitivity is not Sensitivity.NORMAL and each.subject}
    secret -= {each.subject for each in appointments if each.sensitivity is Sensitivity.NORMAL}
    assert secret
    async with running_service(company, clock, tmp_path, text) as served:
        await served.settled()
        said = str(await compared(served))
        assert "Busy: " in said
        assert not [subject for subject in secret if subject in said]


async def test_a_pbx_that_cannot_be_reached_is_named(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await company.pbx.stop()
        found = await compared(served, given(company))
        assert found["operation"]["state"] == "blocked"
        assert found["operation"]["trouble"]["type"] == PbxUnreachable().slug
        status, problem = await served.ask("POST", PATH, {})
        assert (status, problem["type"]) == (422, "settings-missing")
        assert company.pbx.calendar_presence(company.world.person(ANNA).guid) == CLEARED
