"""A dry run is visible everywhere, with what would be written."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import CLEARED
from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.command import command
from tests.support.service import ServedService, running_service
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

ANNA = "anna.mueller"
VIEWS = {
    "overview": "1",
    "users": "2",
    "log": "3",
    "statistics": "3 s",
    "settings": "4",
    "history": "4 h",
    "secrets": "4 p",
    "help": "1 question_mark",
    "palette": "1 ctrl+p",
    "review": "4 space d",
    "problem": "1 enter",
}


def dry(company: Company) -> str:
    return f"{company.settings()}[engine]\ndry_run = true\n"


async def rows(served: ServedService) -> dict[str, Any]:
    return {each["name"]: each for each in (await served.get("/v1/users?per_page=1000"))["users"]}


async def test_the_api_says_what_is_shown_and_what_would_be(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, dry(company)) as served:
        await served.settled()
        status = await served.get("/v1/status")
        row = (await rows(served))[ANNA]
        assert (row["activity"], row["note"], row["state"]) == ("available", "", "withheld")
        assert row["withheld"]["activity"] == "busy"
        detail = await served.get(f"/v1/users/{row['guid']}")
        assert (detail["acknowledged"]["presence"]["activity"], detail["state"]) == ("available", "withheld")
        assert detail["withheld"] == row["withheld"] == detail["decision"]["presence"]
        withheld = [each for each in (await rows(served)).values() if each["withheld"]]
        assert (status["dry_run"], status["withheld"], status["withheld_cleared"]) == (True, len(withheld), 0)
        assert company.pbx.ledger.writes == []
        recent = (await served.get("/v1/changes"))["changes"]
        assert {each["kind"] for each in recent if each["presence"]} == {"withheld"}
        async with served.session().get("/v1/metrics") as answer:
            figures = await answer.text()
        assert "calendar_engine_dry_run 1" in figures
        assert f"calendar_engine_withheld_presences {len(withheld)}" in figures

        await served.change({"engine.dry_run": False})
        await served.settled()
        row = (await rows(served))[ANNA]
        assert (row["activity"], row["state"], row["withheld"]) == ("busy", "current", None)
        status = await served.get("/v1/status")
        assert (status["dry_run"], status["withheld"]) == (False, 0)

        await served.change({"engine.dry_run": True})
        await served.change({"pbx.users.exclude.names": [ANNA]})
        await served.settled()
        status = await served.get("/v1/status")
        assert (status["withheld"], status["withheld_cleared"]) == (1, 1)
        assert company.pbx.calendar_presence(row["guid"]) != CLEARED


async def test_what_the_pbx_shows_already_would_not_change(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
    async with running_service(company, clock, tmp_path, dry(company)) as served:
        await served.settled()
        row = (await rows(served))[ANNA]
        assert (row["activity"], row["state"], row["withheld"]) == ("busy", "current", None)
        assert (await served.get("/v1/status"))["withheld"] == 0


@pytest.mark.process
async def test_every_command_says_it(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, dry(company)) as served:
        await served.settled()
        count = (await served.get("/v1/status"))["withheld"]
        told = await asyncio.gather(
            *(
                command(*arguments, "--socket", str(served.socket))
                for arguments in (("status",), ("users", ANNA), ("explain", ANNA), ("status", "--json"))
            )
        )
    status, users, explained, as_json = (each.out for each in told)
    for out in (status, users, explained):
        assert "▷ DRY RUN: nothing is written to the PBX" in out
        assert f"{count} users would change" in " ".join(out.split())
    assert " ○ available  Anna Müller " in users
    assert "dry run, would show ● busy" in users
    assert " In the PBX  ○ available" in explained
    assert " Would show  ● busy       Busy" in explained
    assert json.loads(as_json)["dry_run"] is True


@pytest.fixture
async def held(company: Company, clock: ManualClock, tmp_path: Path) -> AsyncIterator[ServedService]:
    """A dry run in which nobody is to take part any more, after presences were written."""
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.change({"engine.dry_run": True})
        await served.change({"pbx.users.exclude.names": ["*"]})
        await served.settled()
        company.pbx.ledger.writes.clear()
        yield served
        assert company.pbx.ledger.writes == []


@pytest.mark.process
async def test_confirming_what_is_held_says_it_on_the_command_line(held: ServedService) -> None:
    socket = ("--socket", str(held.socket))
    shown = await command("hold", *socket)
    confirmed = await command("hold", "confirm", *socket)
    for each in (shown, confirmed):
        assert "▷ DRY RUN: nothing is written to the PBX" in each.out
    assert "HELD: 24 of 24 users would show nothing" in shown.out
    assert "presences would be cleared, but in a dry run nothing is written." in " ".join(confirmed.out.split())
    await held.settled()
    status = await held.get("/v1/status")
    assert status["held"] is None
    assert status["withheld_cleared"] == status["withheld"] > 10


async def test_confirming_what_is_held_says_it_in_every_view(held: ServedService) -> None:
    async with terminal(held.socket) as shown:
        await shown.shows("HELD:")
        await shown.press("Y")
        await shown.shows("dry run writes nothing; any other key cancels.")
        await shown.press("Y")
        await shown.shows("Confirmed: presences would be cleared, but in a dry run nothing is written.")
        await held.settled()
        number = (await held.get("/v1/status"))["withheld"]
        await shown.shows(f"nothing is written to the PBX; {number} users would change, {number} to nothing")


async def test_every_view_says_it(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, dry(company)) as served:
        await served.settled()
        async with terminal(served.socket, real_time=clock.now) as shown:
            await shown.shows("▷ DRY RUN: nothing is written to the PBX;")
            for name, keys in VIEWS.items():
                await shown.press(*keys.split())
                await said(shown, name)
                await shown.press("escape")
            await shown.press("2", "slash", *"anna", "enter")
            await shown.shows("○ available  Müller, Anna" if "Müller, Anna" in shown.grid() else "○ available  Anna")
            await shown.shows("dry run, would show")
            await shown.press("enter")
            await shown.shows("Would show  ● busy       Busy")
            await said(shown, "user")
            assert "In the PBX  ○ available" in shown.grid()
            await served.change({"engine.dry_run": False})
            await shown.eventually(lambda: "DRY RUN" not in shown.grid(), shown.grid)


async def said(shown: Terminal, view: str) -> None:
    await shown.eventually(
        lambda: "▷ DRY RUN: nothing is written" in shown.grid().splitlines()[1],
        lambda: f"{view} does not say it:\n{shown.grid()}",
    )
