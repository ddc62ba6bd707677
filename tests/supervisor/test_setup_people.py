"""Two administrators at one set-up, what listeners are told, and what is watched until it works."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.server.setup_checks import STOPPED
from engine.simulator.company import Company
from engine.simulator.pbx.state import ALL_APIS
from tests.support.clock import ManualClock
from tests.support.command import command
from tests.support.eventually import eventually
from tests.support.service import ServedService, changes_of, running_service
from tests.support.setting_up import SECRETS, answer, begun, check, field, states

pytestmark = [pytest.mark.slow, pytest.mark.process]


ASK = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request(sys.argv[2], sys.argv[3], sys.argv[4])
answer = connection.getresponse()
print(answer.status, answer.read().decode())
"""


async def by_somebody_else(served: ServedService, method: str, path: str, body: Any) -> tuple[int, Any]:
    """Ask from another process, and return status and answer."""
    arguments = (sys.executable, "-c", ASK, str(served.socket), method, path, json.dumps(body))
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    status, _, answered = output.decode().partition(" ")
    return int(status), json.loads(answered)


async def test_whoever_is_there_is_named_and_another_takes_over_without_a_loss(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup", {"where": "10.1.4.7"})
        setup = await answer(served, texts={"pbx.host": "pbx.corp.exam"}, go="pbx/fields")
        assert (setup["person"]["is_you"], setup["person"]["is_present"]) == (True, True)
        assert setup["person"]["name"].endswith("@10.1.4.7")
        status, problem = await by_somebody_else(served, "PATCH", "/v1/setup", {"texts": {"pbx.host": "other"}})
        assert (status, problem["type"]) == (409, "setup-in-use")
        assert "@10.1.4.7" in problem["detail"]
        status, problem = await by_somebody_else(served, "POST", "/v1/setup", {"over": True})
        assert (status, problem["type"]) == (409, "setup-in-use")
        answers = tmp_path / "answers.toml"
        answers.write_text(company.settings())
        ended = await command("setup", "--answers", str(answers), "--socket", str(served.socket))
        assert ended.status != 0
        assert "Somebody else is at the set-up" in ended.err
        status, seen = await by_somebody_else(served, "GET", "/v1/setup", {})
        assert (status, seen["person"]["is_you"]) == (200, False)
        status, taken = await by_somebody_else(served, "POST", "/v1/setup/person", {"where": "10.1.4.9"})
        assert (status, taken["person"]["name"].partition("@")[2]) == (200, "10.1.4.9")
        assert field(taken, "pbx.host")["text"] == "pbx.corp.exam"
        # That process has ended, so nobody has to take over from it.
        setup = await answer(served, texts={"pbx.host": "pbx.corp.example"})
        assert setup["person"]["is_you"]


async def test_another_set_up_is_begun_over_on_demand_alone(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        await answer(served, texts={"pbx.host": "typed"}, secrets=SECRETS)
        status, problem = await served.ask("POST", "/v1/setup", {"flow": "pbx"})
        assert (status, problem["type"]) == (409, "setup-under-way")
        assert (await served.get("/v1/setup"))["flow"] == "all"
        status, setup = await served.ask("POST", "/v1/setup", {"flow": "pbx", "over": True})
        assert (status, setup["flow"], [step["name"] for step in setup["steps"]]) == (200, "pbx", ["pbx"])
        setup = await answer(served, go="pbx/fields")
        assert (field(setup, "pbx.host")["text"], field(setup, "pbx.password")["secret"]["place"]) == ("", None)
        assert (await served.ask("DELETE", "/v1/setup"))[0] == 200
        assert (await served.ask("GET", "/v1/setup"))[0] == 404


async def test_listeners_are_told_of_every_change_and_of_the_end(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with (
        running_service(company, clock, tmp_path, None, with_secrets=False) as served,
        served.session().get("/v1/events?topics=setup") as stream,
    ):
        lines = aiter(stream.content)

        async def told() -> Any:
            async with asyncio.timeout(10):
                name = ""
                async for line in lines:
                    if line.startswith(b"event: "):
                        name = line[7:].strip().decode()
                    if line.startswith(b"data: ") and name == "setup":
                        return json.loads(line[6:])
            raise AssertionError("the stream has ended")

        await served.ask("POST", "/v1/setup", {"where": "10.1.4.7"})
        begun = await told()
        assert (begun["step"], begun["page"], begun["ended"]) == ("pbx", "link", False)
        await answer(served, go="site")
        gone = await told()
        assert (gone["step"], gone["revision"] > begun["revision"]) == ("site", True)
        assert gone["person"].endswith("@10.1.4.7")
        await served.ask("DELETE", "/v1/setup")
        assert (await told())["ended"]


async def test_a_watched_page_turns_well_by_itself(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.pbx.behaviour.apis = ALL_APIS - {"PbxTableUsers"}
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company, go="pbx/app")
        status, _ = await served.ask("POST", "/v1/setup/check", {"log_in": True, "watch": True})
        assert status == 202

        async def looked(times: int) -> Any:
            watch = (await served.get("/v1/setup"))["page"]["watch"]
            return watch if watch is not None and watch["looked"] >= times else None

        watch = await eventually(lambda: looked(2))
        assert "lacks a right" in watch["finding"]
        assert (watch["stopped"], watch["next"] is None) == ("", False)
        company.pbx.behaviour.apis = ALL_APIS

        async def well() -> Any:
            setup = await served.get("/v1/setup")
            return setup if setup["page"]["check"]["operation"]["state"] == "done" else None

        setup = await eventually(well)
        assert setup["page"]["watch"]["finding"] == "It works."
        assert states(setup)["pbx"] == "done"


async def test_what_is_watched_tries_no_answers_of_before(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.pbx.behaviour.apis = ALL_APIS - {"PbxTableUsers"}
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company, go="pbx/app")
        await served.ask("POST", "/v1/setup/check", {"log_in": True, "watch": True})

        async def watch(stopped: str) -> Any:
            found = (await served.get("/v1/setup"))["page"]["watch"]
            return found if found["looked"] and found["stopped"][:11] == stopped else None

        assert "TableUsers" in (await eventually(lambda: watch("")))["remedy"]
        await answer(served, texts={"pbx.app": "another"})
        assert (await eventually(lambda: watch("The answers")))["next"] is None
        assert {attempt.app for attempt in company.pbx.ledger.logins} == {"calendar"}


async def test_a_watch_is_stopped_and_tries_no_more_log_ins_than_are_allowed(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        answers = changes_of(company.settings())
        await answer(served, settings=answers, secrets={**SECRETS, "pbx.password": "wrong"}, go="pbx/app")
        await served.ask("POST", "/v1/setup/check", {"log_in": True, "watch": True})

        async def paused() -> Any:
            setup = await served.get("/v1/setup")
            watch = setup["page"]["watch"]
            return watch if watch is not None and watch["looked"] >= 3 else None

        await eventually(paused)
        await served.ask("DELETE", "/v1/setup/check")
        assert (await served.get("/v1/setup"))["page"]["watch"]["stopped"] == STOPPED
        assert 2 <= len(company.pbx.ledger.logins) <= 4
        setup = await answer(served, go="pbx/fields")
        assert setup["page"]["log_ins"]["left"] == 0
        assert setup["page"]["log_ins"]["way_out"]
        await answer(served, secrets=SECRETS)
        assert (await check(served, "pbx/fields"))["passed"]


async def test_a_new_password_is_a_set_up_of_one_page_that_applies_just_that(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_text()
        status, setup = await served.ask("POST", "/v1/setup", {"flow": "password"})
        assert (status, setup["page"]["name"], setup["page"]["is_last"]) == (200, "password", True)
        assert [each["key"] for each in setup["page"]["fields"]] == ["exchange.password"]
        await answer(served, secrets={"exchange.password": SECRETS["exchange.password"]})
        assert (await check(served, "exchange/password"))["passed"]
        status, applied = await served.ask("POST", "/v1/setup/apply")
        assert (status, applied["changes"], applied["written"]) == (200, [], "everybody")
        assert served.file.read_text() == before
        assert (await served.ask("GET", "/v1/setup"))[0] == 404


async def test_who_looks_only_goes_live_within_a_time_or_back(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company)
        setup = await answer(served, go="start")
        assert field(setup, "setup.start")["text"] == "nobody"
        assert {"key": "engine.dry_run", "before": None, "after": True} in setup["changes"]
        await answer(served, texts={"setup.start": "everybody", "setup.keep_within": "600"})
        status, applied = await served.ask("POST", "/v1/setup/apply")
        assert (status, applied["written"]) == (200, "everybody")
        assert applied["confirm_until"] is not None
        await served.settled()
        assert company.pbx.ledger.writes
        await clock.advance(601)
        await eventually(lambda: served.service.settings is not None and served.service.settings.engine.dry_run)
        assert await served.value("pbx.master") == "headquarters"


async def test_answers_as_a_file_without_secrets(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        told = await served.get("/v1/setup/answers")
        assert changes_of(told["text"]) == changes_of(company.settings())
        await served.ask("POST", "/v1/setup")
        await answer(served, texts={"setup.user": "anna@corp.example", "presence.language": "de"}, secrets=SECRETS)
        told = await served.get("/v1/setup/answers")
        assert 'user = "anna@corp.example"' in told["text"]
        assert changes_of(told["text"])["presence.language"] == "de"
        assert told["needed"] == ["pbx.password", "exchange.password"]
        assert not any(secret in told["text"] for secret in SECRETS.values())


async def test_a_zone_is_found_by_parts_of_its_name(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        found = await served.get("/v1/setup/options?key=presence.timezone&search=ber")
        values = [each["value"] for each in found["options"]]
        assert {"Europe/Berlin", "Atlantic/Bermuda"} <= set(values)
        assert all(each["remark"].startswith("now ") for each in found["options"])
        exact = await served.get("/v1/setup/options?key=presence.timezone&search=sao%20paulo")
        assert [each["value"] for each in exact["options"]] == ["America/Sao_Paulo"]
        languages = await served.get("/v1/setup/options?key=presence.language&search=deu")
        assert [each["value"] for each in languages["options"]] == ["de"]
        assert (await served.ask("GET", "/v1/setup/options?key=pbx.host"))[0] == 404


async def test_the_pbx_is_learned_with_one_user_within_the_set_up(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        own = {"setup.learn_user": "anna.mueller"}
        await begun(served, company, texts=own, go="learn")
        status, operation = await served.ask("POST", "/v1/setup/check", {"log_in": True})
        assert (status, operation["kind"]) == (202, "presence test")
        setup = await served.get("/v1/setup")
        assert setup["page"]["operation"] == operation["id"]

        async def learned() -> Any:
            test = await served.get(f"/v1/presence-test/{operation['id']}")
            return test if test["operation"]["state"] != "running" else None

        test = await eventually(learned)
        assert test["put_back"] is not None
        setup = await answer(served, settings=test["proposed"], go="next")
        assert states(setup)["learn"] == "done"


async def test_pilots_alone_are_written_if_that_is_how_to_begin(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company)
        await answer(served, texts={"setup.start": "pilots", "engine.pilots": "anna.mueller"})
        status, applied = await served.ask("POST", "/v1/setup/apply")
        assert (status, applied["written"]) == (200, "pilots")
        await served.settled()
        assert {write.guid for write in company.pbx.ledger.writes} <= {company.world.person("anna.mueller").guid}


async def test_notes_and_the_comparison_with_the_pbx_before_anything_is_written(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await begun(served, company)
        assert (await served.get("/v1/setup/notes"))["users"] == 0
        assert (await check(served, "presence"))["passed"]
        notes = await served.get("/v1/setup/notes?most=100")
        assert notes["users"] == notes["looked_at"] > 20
        before = [each["presence"]["note"] for each in notes["notes"]]
        await answer(served, texts={"presence.language": "de"})
        assert [each["presence"]["note"] for each in (await served.get("/v1/setup/notes?most=100"))["notes"]] != before
        await answer(served, go="preview")
        status, operation = await served.ask("POST", "/v1/setup/check", {"log_in": True})
        assert (status, operation["kind"]) == (202, "live preview")
        assert (await served.get("/v1/setup"))["page"]["operation"] == operation["id"]

        async def compared() -> Any:
            found = await served.get(f"/v1/live/preview/{operation['id']}?differing=true")
            return found if found["operation"]["state"] != "running" else None

        found = await eventually(compared)
        assert found["differ"] == found["total"] > 0
        assert company.pbx.ledger.writes == []
