"""Checks and previews of a running service, over its API and as commands."""

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.schema.access import Access
from engine.api.schema.checks import Probe
from engine.api.schema.preview import Preview
from engine.simulator.company import EXCHANGE_PASSWORD, MASTER, Company
from engine.sync.views import UserDetails
from tests.support.clock import ManualClock
from tests.support.command import command
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

ANNA = "anna.mueller@corp.example"


async def over(served: ServedService, path: str, body: Any) -> str:
    """Begin an operation, wait until it is over, and return where its result is."""
    status, operation = await served.ask("POST", path, body)
    assert status == 202, operation

    async def state() -> str:
        now = await served.get(f"/v1/operations/{operation['id']}")
        return "" if now["state"] == "running" else str(now["state"])

    assert await eventually(state) == "done"
    return f"{path.rpartition('/')[0] if 'probes' in path else path}/{operation['id']}"


async def run(served: ServedService, name: str, *arguments: str) -> tuple[int, str]:
    """Run a command on the service, and return its status and all it says."""
    ended = await command(name, "--socket", str(served.socket), *arguments, COLUMNS="200")
    return ended.status, ended.out + ended.err


async def test_a_probe_tries_other_settings_and_changes_nothing(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        probe = msgspec.convert(await served.get(await over(served, "/v1/probes/pbx", {})), Probe)
        assert [result.outcome for result in probe.rungs] == ["ok"] * len(probe.names)
        assert (probe.operation.total, probe.operation.done, probe.operation.failed) == (10, 10, 0)
        master = {"settings": {"pbx.master": "elsewhere"}}
        probe = msgspec.convert(await served.get(await over(served, "/v1/probes/pbx", master)), Probe)
        [broken] = [result for result in probe.rungs if result.outcome == "failed"]
        assert (broken.field, broken.fixes[0].settings) == ("pbx.master", {"pbx.master": MASTER})
        wrong = {"settings": {"pbx.app": "missing"}, "secrets": {"pbx.password": "x"}}
        probe = msgspec.convert(await served.get(await over(served, "/v1/probes/pbx", wrong)), Probe)
        [broken] = [result for result in probe.rungs if result.outcome == "failed"]
        assert broken.trouble is not None
        assert (broken.name, broken.trouble.type) == ("log-in", "pbx-login-refused")
        for user in (ANNA, "anna.mueller", ""):
            path = await over(served, "/v1/probes/exchange", {"user": user})
            probe = msgspec.convert(await served.get(path), Probe)
            assert {result.outcome for result in probe.rungs} == {"ok", "skipped"}
        status, problem = await served.ask("POST", "/v1/probes/pbx", {"settings": {"pbx.port": "x"}})
        assert (status, problem["fields"][0]["pointer"]) == (422, "/settings/pbx.port")
        assert await served.value("pbx.app") == "calendar"
        assert EXCHANGE_PASSWORD.reveal() not in str(await served.get("/v1/audit"))


async def test_a_user_to_probe_for_is_found_by_name_without_a_decision_for_everybody(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took a millisecond of each user: seconds in which the loop did nothing else."""
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        asked, current = list[str](), served.service.current
        account = current.details

        def counted(guid: str, now: datetime) -> UserDetails | None:
            asked.append(guid)
            return account(guid, now)

        monkeypatch.setattr(current, "details", counted)
        last = company.world.people[-1]
        await over(served, "/v1/probes/exchange", {"user": last.name.upper()})
        assert asked == [last.guid]


async def test_a_probe_can_be_called_off(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.pbx.behaviour.answers_challenges = False
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        _, operation = await served.ask("POST", "/v1/probes/pbx", {})
        status, operation = await served.ask("DELETE", f"/v1/operations/{operation['id']}")
        assert (status, operation["state"]) == (200, "cancelled")
        assert len((await served.get(f"/v1/probes/{operation['id']}"))["rungs"]) < 9
        await eventually(lambda: company.pbx.connections <= 1)


@pytest.mark.process
async def test_the_commands_show_ladders(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        status, output = await run(served, "probe", "exchange", "--user", ANNA)
        assert status == 0, output
        assert "✓ impersonation" in output
        assert "skipped: the service account logs in with its password" in output
        status, output = await run(served, "probe", "pbx", "--set", "pbx.master=branch")
        assert status == 1
        assert "✗ master PBX" in output
        assert "Set pbx.master to the PBX Name of the master PBX" in output
        status, output = await run(served, "probe", "pbx", "--json")
        assert (status, json.loads(output)["side"]) == (0, "pbx")
        status, output = await run(served, "probe", "pbx", "--set", "nonsense")
        assert status == 2


async def test_a_preview_is_what_happens_then(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    mapping = {"settings": {"presence.mapping.busy": "dnd"}}
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        path = await over(served, "/v1/preview", mapping)
        preview = msgspec.convert(await served.get(path), Preview)
        assert preview.looked_at == len(company.world.people)
        assert preview.affected == len(preview.users) >= preview.affected_now > 0
        promised = {row.guid: each.after for row in preview.users for each in row.differences if each.at <= clock.now()}
        assert "dnd" in {each.activity for each in promised.values()}
        before = {person.guid: company.pbx.calendar_presence(person.guid) for person in company.world.people}
        await served.change({"presence.mapping.busy": "dnd"})
        await served.settled()
        after = {person.guid: company.pbx.calendar_presence(person.guid) for person in company.world.people}
        assert promised.keys() == {guid for guid, presence in after.items() if presence != before[guid]}
        assert all(promised[guid].note == after[guid].note for guid in promised)


@pytest.mark.process
async def test_a_preview_is_paged_and_says_what_it_cannot_know(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        path = await over(served, "/v1/preview", {"settings": {"presence.show_subject": True}})
        preview = await served.get(path)
        assert "subjects" in preview["remarks"][0]
        path = await over(served, "/v1/preview", {"settings": {"presence.language": "de"}})
        whole = (await served.get(path))["users"]
        pages = [(await served.get(f"{path}?per_page=5&page={page}"))["users"] for page in (1, 2)]
        assert [*pages[0], *pages[1]] == whole[:10]
        status, problem = await served.ask("POST", "/v1/preview", {"settings": {"pbx.port": 1}})
        assert (status, problem["type"]) == (422, "not-about-presence")
        status, output = await run(served, "preview", "--set", "presence.mapping.busy=dnd")
        assert status == 0
        assert "Users whose presence would change today" in output
        assert "as dnd" in output


async def test_what_costs_no_log_in_is_checked_with_half_of_the_settings(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        tried = len(company.pbx.ledger.logins)
        for side in ("pbx", "exchange", "machine"):
            question = {"log_in": False, "settings": {"exchange.user": "nobody", "pbx.master": None}}
            probe = msgspec.convert(await served.get(await over(served, f"/v1/probes/{side}", question)), Probe)
            assert probe.rungs
            assert [result.name for result in probe.rungs] == list(probe.names)
        assert {result.outcome for result in probe.rungs if result.name != "clock"} == {"ok"}
        assert len(company.pbx.ledger.logins) == tried


@pytest.mark.process
async def test_everybody_is_tried_by_command_and_those_in_vain_once_more(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    table = tmp_path / "access.csv"
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        status, told = await run(served, "access", "--who", "--set", "pbx.users.exclude.names=['anna*']")
        assert status == 0
        assert f"{len(company.world.people) - 1} of {len(company.world.people)} users take part" in told
        assert "Left out: Anna Müller" in told
        status, told = await run(served, "access", "--csv", str(table))
        without = company.without_calendar()
        number = len(company.world.people)
        assert status == 1
        assert f"{number - len(without)} of {number} calendars can be read" in told
        assert "Add-DistributionGroupMember 'GROUP' -Member 'gerd.vorstand@corp.example'" in told
        assert "calendar-engine access --again" in told
        rows = list(csv.DictReader(table.read_text().splitlines()))
        assert len(rows) == number
        assert {row["guid"] for row in rows if row["problem"]} == without
        assert {row["guid"] for row in rows if row["remedy"]} == without
        found = msgspec.convert(await served.get(await over(served, "/v1/access", {})), Access)
        company.world.put_into_scope(*company.world.people)
        again = {"again": found.operation.id}
        found = msgspec.convert(await served.get(await over(served, "/v1/access", again)), Access)
        assert found.access is not None
        assert [cause.stage for cause in found.access.causes] == ["mailbox"]
        assert (await served.ask("POST", "/v1/access", {"again": "999"}))[0] == 404
