"""Settings are changed while the engine runs: over the real socket, with both simulators."""

import os
import stat
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import CLEARED
from engine.core.settings.keys import KEYS
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.simulator.world import World
from engine.simulator.world.corp import corp_world
from engine.store.audit_trail import AuditRecord, AuditTrail
from engine.store.database import Database
from engine.store.failures import StoreUnusable
from tests.support.api import EventReader
from tests.support.clock import ManualClock
from tests.support.service import ServedService, changes_of, running_service

MONDAY = date(2026, 3, 2)


@pytest.fixture
def world() -> World:
    return corp_world(MONDAY)


@pytest.fixture
def clock(world: World) -> ManualClock:
    return ManualClock(world.instant("09:20"))


@pytest.fixture
async def company(world: World, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Company]:
    async with Company(world, tmp_path, clock) as company:
        yield company


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
        await served.eventually(lambda: company.pbx.calendar_presence(anna.guid) == CLEARED)
        assert (await served.ask("GET", f"/v1/users/{anna.guid}"))[0] == 404
        await served.change({"pbx.users.exclude.names": None})
        await served.eventually(lambda: company.pbx.calendar_presence(anna.guid) == shown)
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


async def test_a_change_that_nobody_confirms_is_rolled_back_even_if_the_file_was_broken_since(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_text()
        await served.change({"presence.language": "de"}, confirm_within=60)
        served.file.write_text("broken by hand\n")
        served.service.look_soon()
        await served.eventually(lambda: served.service.file_trouble is not None)
        await clock.advance(61)
        await served.eventually(lambda: served.service.unconfirmed is None)
        assert served.file.read_text() == before
        assert await served.value("presence.language") == "en"


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


async def test_an_edit_by_hand_is_noticed_and_checked(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    anna = company.world.person("anna.mueller")
    good = company.settings()
    async with running_service(company, clock, tmp_path, good) as served:
        await served.settled()
        served.file.write_text(good.replace("[presence]", '[presence]\nlanguage = "de"'))
        await served.eventually(lambda: "Beschäftigt" in company.pbx.calendar_presence(anna.guid).note)
        assert (await served.get("/v1/settings"))["version"]["action"] == "edited by hand"

        served.file.write_text(good.replace("[presence]", "[presence]\nlanguage = 7"))
        await served.eventually(lambda: served.service.file_trouble is not None)
        assert "edit-not-in-force" in await served.concerns()
        settings = await served.get("/v1/settings")
        assert [each["key"] for each in settings["problems"]] == ["presence.language"]
        assert (await served.get("/v1/status"))["state"] == "running"
        assert "Beschäftigt" in company.pbx.calendar_presence(anna.guid).note

        await served.ask("POST", "/v1/settings/rollback")
        assert await served.value("presence.language") == "de"
        assert "edit-not-in-force" not in await served.concerns()

        served.file.unlink()
        await served.eventually(lambda: served.service.file_trouble is not None)
        assert (await served.get("/v1/status"))["state"] == "running"


async def test_an_edit_is_read_when_asked_to_even_if_the_file_looks_the_same(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        served.service.look_soon()
        served.file.unlink()
        await served.eventually(lambda: served.service.file_trouble is not None)
        assert "edit-not-in-force" in await served.concerns()


async def test_settings_that_cannot_be_written(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        served.service.file.path = Path("/proc/nobody-can-make-this/settings.toml")
        body = {"changes": changes_of(company.settings())}
        status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
        assert (status, problem["type"]) == (500, "settings-unwritable")
        await served.service.begin()
        assert [version.action for version in served.service.versions] == ["found"]


async def test_nothing_changes_where_a_change_cannot_be_remembered(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_bytes()

        def full(*_: object) -> None:
            raise StoreUnusable("engine.db: database or disk is full")

        body = {"changes": {"presence.language": "de"}}
        with monkeypatch.context() as disk:
            disk.setattr(Database, "_transact", full)
            status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
            assert (status, problem["type"]) == (422, "store-unusable")
        assert served.file.read_bytes() == before
        assert await served.value("presence.language") != "de"


async def test_the_audit_log_survives_a_full_disk(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = AuditTrail.add
    refused: list[int] = []

    async def full(self: AuditTrail, records: Sequence[AuditRecord]) -> None:
        refused.append(len(records))
        raise StoreUnusable("engine.db: database or disk is full")

    async with running_service(company, clock, tmp_path, company.settings()) as served:
        monkeypatch.setattr(AuditTrail, "add", full)
        await served.change({"presence.language": "de"})
        await served.eventually(lambda: refused == [1])
        monkeypatch.setattr(AuditTrail, "add", add)
        await served.change({"presence.language": "fr"})
    async with running_service(company, clock, tmp_path, None) as served:
        assert len((await served.get("/v1/audit"))["entries"]) == 2


async def test_a_file_that_cannot_be_read_is_not_overwritten(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    content = (company.settings() + "# Gruß vom Vorgänger\n").encode("latin-1")
    async with running_service(company, clock, tmp_path, "") as served:
        served.file.write_bytes(content)
        body = {"changes": changes_of(company.settings())}
        status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
        assert (status, problem["type"]) == (422, "settings-unreadable")
        _, check = await served.ask("POST", "/v1/settings/check", body)
        assert check["trouble"]["type"] == "settings-unreadable"
        assert served.file.read_bytes() == content


async def test_a_file_with_a_byte_order_mark_can_be_changed(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, "\ufeff" + company.settings()) as served:
        await served.settled()
        await served.change({"presence.language": "de"})
        assert await served.value("presence.language") == "de"
        assert not served.file.read_bytes().startswith(b"\xef\xbb\xbf")


async def test_mode_and_symbolic_links_stay(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        real = tmp_path / "real.toml"
        served.file.rename(real)
        real.chmod(0o600)
        served.file.symlink_to(real)
        await served.change({"presence.language": "de"})
        assert served.file.is_symlink()
        assert stat.S_IMODE(real.stat().st_mode) == 0o600
        assert 'language = "de"' in real.read_text()
        assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


async def test_every_setting_has_its_form(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        settings = {each["key"]: each for each in (await served.get("/v1/settings"))["settings"]}
    assert set(settings) == set(KEYS)
    assert all(each["help"] for each in settings.values())
    port = settings["pbx.port"]
    assert (port["kind"], port["low"], port["high"], port["default"]) == ("whole number", 1, 65535, 443)
    assert (port["value"], port["origin"], port["effect"], port["restarts"]) == (
        company.pbx.port,
        "file",
        "PBX link",
        True,
    )
    assert settings["presence.mapping.busy"]["words"] == ["available", "busy", "away", "dnd", "ignore"]
    assert settings["exchange.ews_url"]["origin"] == "none"
