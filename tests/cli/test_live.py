"""The commands that go live and back, compare with the PBX, test presences, and say goodbye."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.core.presence.model import CLEARED
from engine.simulator.company import Company
from engine.simulator.pbx.state import ClearForm, ClearSemantics
from tests.support.clock import ManualClock
from tests.support.command import Ended, command
from tests.support.service import running_service

pytestmark = [pytest.mark.slow, pytest.mark.process]

ANNA = "anna.mueller"
DRY = {"dry_run": True}


@pytest.fixture
async def company(company: Company) -> AsyncIterator[Company]:
    """The same at work."""
    async with company:
        yield company


async def test_a_first_day_from_looking_to_goodbye(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings(engine=DRY)) as served:
        await served.settled()
        socket = ("--socket", str(served.socket))
        guid = company.world.person(ANNA).guid
        company.pbx.set_manual(guid, "busy", "Mittag")

        compared = await command("preview", "--now", "--differing", *socket)
        assert compared.status == 0, compared.err
        assert "set by hand" in compared.out
        assert "both are shown" in compared.out
        file = tmp_path / "compared.csv"
        assert (await command("preview", "--now", "--csv", str(file), *socket)).status == 0
        rows = list(csv.DictReader(io.StringIO(file.read_text())))
        assert len(rows) == len(company.world.people)
        assert {row["state"] for row in rows} >= {"differs", "same", "left"}

        pilots = await command("go-live", "--pilots", ANNA, "--confirm-within", "600", *socket)
        assert "1 of 26 users are written: the pilots anna.mueller" in " ".join(pilots.out.split())
        assert "It goes back by itself at" in pilots.out
        await served.settled()
        status = await command("status", *socket)
        assert "▷ PILOTS: only 1 of 26 users are written to the PBX" in status.out
        explained = await command("explain", "juergen.gross", *socket)
        assert " Would show " in explained.out
        listed = await command("users", "juergen.gross", *socket)
        assert "no pilot, would show" in listed.out
        assert company.pbx.calendar_presence(guid) != CLEARED

        back = await command("go-back", *socket)
        assert back.status == 0, back.err
        assert "Nothing is written to the PBX (dry run)" in back.out
        assert company.pbx.calendar_presence(guid) == CLEARED
        again = await command("go-back", "--json", *socket)
        assert json.loads(again.out)["written"] == "nobody"

        assert (await command("go-live", *socket)).out.startswith("All 26 users are written")
        await served.settled()
        kept = await command("remove", *socket)
        assert "Nothing was changed." in kept.err
        gone = await command("remove", "--clear", *socket)
        assert gone.status == 0, gone.err
        assert "presences cleared" in gone.err
        assert str(served.file) in gone.out
        assert f"rm -r {served.file} {tmp_path / 'state'}" in gone.out
        assert {company.pbx.calendar_presence(user.guid) for user in company.pbx.users} == {CLEARED}
        assert company.pbx.presence_entries(guid)[0].note == "Mittag"


async def test_the_presence_test_proposes_what_suits_this_pbx(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    behaviour = company.pbx.behaviour
    behaviour.clears_by = {ClearForm.EMPTY: ClearSemantics.LEAVES_EMPTY_ENTRY}
    behaviour.notes_cut_at = 254
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        guid = company.world.person(ANNA).guid
        company.pbx.set_manual(guid, "away", "lunch")
        before = company.pbx.presence_entries(guid)
        socket = ("--socket", str(served.socket))
        learned = await command("probe", "pbx", "--learn", ANNA, *socket)
        assert learned.status == 0, learned.err + learned.out
        assert "pbx.clear=omit presence.note_max_length=254" in " ".join(learned.out.split())
        assert company.pbx.presence_entries(guid) == before
        as_json = json.loads((await command("probe", "pbx", "--learn", ANNA, "--json", *socket)).out)
        assert as_json["proposed"] == {"pbx.clear": "omit", "presence.note_max_length": 254}
        assert [way["effect"] for way in as_json["ways"]] == ["stays empty", "goes", "goes"]
        assert as_json["put_back"] is not None
        assert company.pbx.presence_entries(guid) == before
        wrong: Ended = await command("probe", "pbx", "--learn", "nobody.known", *socket)
        assert wrong.status != 0
        assert "The PBX has no such user" in wrong.out
        assert "anna" not in wrong.out
