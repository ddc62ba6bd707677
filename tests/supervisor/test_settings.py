"""Settings are changed while the engine runs, over the real socket and with both simulators."""

import stat
from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import CLEARED
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.served_engine import EventReader
from tests.support.service import ServedService, changes_of, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]


async def test_from_nothing_to_the_first_presence(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        assert (await served.get("/v1/status"))["state"] == "not set up"
        assert await served.concerns() == ["settings-missing"]
        assert (await served.get("/v1/users"))["total"] == 0

        answer = await served.change(changes_of(company.settings()))
        assert answer["trouble"]["type"] == "secrets-missing"
        assert await served.concerns() == ["secrets-missing"]
        assert stat.S_IMODE(served.file.stat().st_mode) == 0o640

        for name, value in (("pbx.password", PBX_PASSWORD), ("exchange.password", EXCHANGE_PASSWORD)):
            status, answer = await served.ask("PUT", f"/v1/secrets/{name}", {"value": value.reveal()})
            assert status == 200
        assert (answer["restarted"], answer["trouble"]) == (["PBX link", "calendars"], None)
        await served.settled()
        assert (await served.get("/v1/status"))["state"] == "running"
        assert await served.concerns() == ["mailbox-not-found", "impersonation-denied"]
        assert company.pbx.ledger.writes != []
        assert (await served.get("/v1/users"))["total"] == len(company.world.people)


async def test_a_change_of_presence_settings_is_seen_in_the_pbx(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person("anna.mueller")
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = company.pbx.calendar_presence(anna.guid)
        reads = company.exchange.ledger.operations["FindItem"]
        answer = await served.change({"presence.language": "de"})
        await served.settled()
        assert company.exchange.ledger.operations["FindItem"] == reads > 0
    assert before.note.startswith("Busy")
    assert "Beschäftigt" in company.pbx.calendar_presence(anna.guid).note
    assert (answer["live"], answer["restarted"], answer["at_next_start"]) == (["decisions"], [], [])
    assert [(each["key"], each["before"], each["after"]) for each in answer["changes"]] == [
        ("presence.language", None, "de")
    ]
    assert len(company.pbx.ledger.logins) == 1


async def test_who_takes_part_and_the_pace_change_without_a_restart(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person("anna.mueller")
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        shown = company.pbx.calendar_presence(anna.guid)
        answer = await served.change({"pbx.users.exclude.names": ["anna.*"], "pbx.writes_per_second": 500})
        assert (answer["live"], answer["restarted"]) == (["users", "writing"], [])
        await eventually(lambda: company.pbx.calendar_presence(anna.guid) == CLEARED)
        assert (await served.ask("GET", f"/v1/users/{anna.guid}"))[0] == 404
        await served.change({"pbx.users.exclude.names": None})
        await eventually(lambda: company.pbx.calendar_presence(anna.guid) == shown)
    assert len(company.pbx.ledger.logins) == 1


async def test_a_dry_run_ends_without_a_restart(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    text = company.settings(engine={"dry_run": True}, pbx={"users": {"exclude": {"names": ["juergen.*"]}}})
    juergen = company.world.person("juergen.gross")
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
    assert company.pbx.calendar_presence(juergen.guid) != CLEARED
    written = len(company.pbx.ledger.writes)
    await clock.advance(3600)
    async with running_service(company, clock, tmp_path, text) as served:
        await served.settled()
        assert len(company.pbx.ledger.writes) == written
        answer = await served.change({"engine.dry_run": False})
        assert (answer["live"], answer["restarted"]) == (["writing"], [])
        await served.settled()
        assert len(company.pbx.ledger.writes) > written
        assert company.pbx.calendar_presence(juergen.guid) == CLEARED
        rows = (await served.get("/v1/users?per_page=1000"))["users"]
        assert {row["state"] for row in rows} <= {"current", "problem"}


async def users_by_guid(served: ServedService) -> dict[str, Any]:
    """Return everybody's row as the API lists them now."""
    return {user["guid"]: user for user in (await served.get("/v1/users?per_page=1000"))["users"]}


async def test_another_link_begins_anew_and_writes_nothing_twice(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        written = len(company.pbx.ledger.writes)
        async with served.session().get("/v1/events?topics=users,status") as response:
            events = EventReader(response)
            name, snapshot = await events.next()
            assert name == "snapshot"
            answer = await served.change({"pbx.clear": "omit", "exchange.connections": 3})
            assert (answer["live"], answer["restarted"]) == ([], ["PBX link", "calendars"])
            await served.settled()
            listed = {user["guid"]: user for user in snapshot["users"]}
            # Whoever is gone and back as before within a tenth of a second is no news at all.
            while listed != await users_by_guid(served):
                name, data = await events.next()
                if name == "users":
                    listed |= {user["guid"]: user for user in data["users"]}
                    listed = {guid: user for guid, user in listed.items() if guid not in data["gone"]}
            assert len(listed) == len(company.world.people)
    assert len(company.pbx.ledger.writes) == written
    assert len(company.pbx.ledger.logins) == 2


async def test_another_contact_takes_over_and_nothing_is_left_of_the_one_before(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    def shown() -> dict[str, list[tuple[str, str, str]]]:
        """What the PBX holds of the calendar's contacts, the newest first: it is what everybody sees."""
        return {
            person.guid: [
                (entry.contact, entry.activity, entry.note)
                for entry in company.pbx.presence_entries(person.guid)
                if entry.contact in ("calendar:", "meetings:") and (entry.activity or entry.note)
            ]
            for person in company.world.people
        }

    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = shown()
        assert {entry[0] for entries in before.values() for entry in entries} == {"calendar:"}
        await served.change({"pbx.presence_contact": "meetings:"})
        await served.settled()
        assert shown() == {guid: [("meetings:", *entry[1:]) for entry in entries] for guid, entries in before.items()}
    written = len(company.pbx.ledger.writes)
    async with running_service(company, clock, tmp_path, None) as served:
        await served.settled()
    assert len(company.pbx.ledger.writes) == written


async def test_what_one_pbx_confirmed_is_not_believed_of_another(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    anna = company.world.person("anna.mueller")
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        shown = company.pbx.calendar_presence(anna.guid)
        assert shown != CLEARED
    company.pbx.forget_presences()
    async with running_service(company, clock, tmp_path, company.settings(pbx={"host": "localhost"})) as served:
        await served.settled()
        assert company.pbx.calendar_presence(anna.guid) == shown


async def test_what_has_an_effect_only_after_the_next_start_is_said(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        answer = await served.change({"engine.socket": "/run/elsewhere/engine.sock"})
        assert (answer["live"], answer["restarted"], answer["at_next_start"]) == ([], [], ["engine.socket"])
        assert "effect-at-next-start" in await served.concerns()


async def test_whoever_looked_at_other_settings_changes_nothing(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        etag = (await served.get("/v1/settings"))["etag"]
        await served.change({"presence.language": "de"})
        body = {"changes": {"presence.language": "fr"}}
        status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match=etag)
        assert (status, problem["type"]) == (412, "settings-stale")
        assert "ETag" in problem["hint"]
        assert (await served.ask("PATCH", "/v1/settings", body))[0] == 428
        assert await served.value("presence.language") == "de"
        served.file.write_text(served.file.read_text() + "# by hand\n")
        etag = served.service.tag
        assert (await served.ask("PATCH", "/v1/settings", body, If_Match=etag))[0] == 412
        assert (await served.ask("PATCH", "/v1/settings", body, If_Match="*"))[0] == 200
        assert served.file.read_text().endswith("# by hand\n")


async def test_mistakes_are_told_key_by_key_and_nothing_changes(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        before = served.file.read_bytes()
        changes = {"pbx.prot": 1, "exchange.connections": 0, "presence.language": "xx", "exchange.password": "geheim"}
        status, problem = await served.ask("PATCH", "/v1/settings", {"changes": changes}, If_Match="*")
        assert (status, problem["type"]) == (422, "settings-invalid")
        assert {each["pointer"] for each in problem["fields"]} == {f"/changes/{key}" for key in changes}
        assert "Did you mean pbx.port" in str(problem)
        assert "geheim" not in str(problem)
        _, check = await served.ask("POST", "/v1/settings/check", {"changes": changes})
        assert not check["valid"]
        assert {each["key"] for each in check["problems"]} == set(changes)
        _, check = await served.ask("POST", "/v1/settings/check", {"changes": {"pbx.port": 4711}})
        assert (check["valid"], check["restarted"]) == (True, ["PBX link", "calendars"])
        assert check["changes"] == [{"key": "pbx.port", "before": company.pbx.port, "after": 4711}]
        status, problem = await served.ask(
            "PATCH", "/v1/settings", {"changes": {"exchange.ca_file": "/nowhere.pem"}}, If_Match="*"
        )
        assert (status, problem["type"]) == (422, "certificate-not-trusted")
        assert served.file.read_bytes() == before
