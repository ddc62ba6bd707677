"""The guided set-up over the API: answers, checks on both simulators, and applying."""

import json
import stat
from pathlib import Path

import pytest

from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.command import Ended, command
from tests.support.service import ServedService, changes_of, running_service
from tests.support.setting_up import SECRETS, answer, check, failed, field, needed, states, works

pytestmark = pytest.mark.slow


async def test_step_by_step_from_nothing_to_presences(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    answers = changes_of(company.settings())
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        assert (await served.ask("GET", "/v1/setup"))[0] == 404
        _, setup = await served.ask("POST", "/v1/setup")
        assert [step["name"] for step in setup["steps"]] == [
            *("pbx", "site", "users", "exchange", "access", "presence", "learn", "preview", "start")
        ]
        assert (setup["page"]["step"], setup["page"]["name"], setup["page"]["kind"]) == ("pbx", "link", "choice")
        setup = await answer(served, go="next")
        assert needed(setup) == ["pbx.host", "pbx.password", "pbx.master"]
        assert setup["page"]["cursor"] == "pbx.host"
        wrong = {key: value for key, value in answers.items() if key.startswith("pbx.")} | {"pbx.master": "branch"}
        await answer(served, settings=wrong, secrets={"pbx.password": SECRETS["pbx.password"]})
        tried = await check(served, "pbx/fields")
        assert (failed(tried), tried["wrong"]) == (["wrong-pbx"], "pbx.master")
        setup = await served.get("/v1/setup")
        assert (setup["page"]["cursor"], states(setup)["pbx"]) == ("pbx.master", "failed")
        setup = await answer(served, settings={"pbx.master": answers["pbx.master"]})
        assert states(setup)["pbx"] == "changed"
        assert works(await check(served, "pbx/fields"))
        setup = await answer(served, settings={"pbx.users.exclude.names": ["gerd.vorstand"]}, go="users")
        assert (setup["page"]["users"]["taken"], setup["page"]["users"]["total"]) == (25, 26)
        users = await check(served, "users")
        assert "25 of 26 users take part" in users["rungs"][0]["evidence"]
        own = {"setup.user": "anna.mueller@corp.example", "setup.start": "everybody"}
        await answer(served, settings=answers, secrets=SECRETS, texts=own)
        assert works(await check(served, "exchange/account"))
        tried = await check(served, "access")
        assert tried["operation"]["done"] == 25
        access = (await served.get("/v1/setup"))["page"]["access"]
        assert (access["total"], access["tried"], access["readable"]) == (25, 25, 24)
        assert [(each["stage"], each["users"][0]["label"]) for each in access["causes"]] == [("mailbox", "Empfang")]
        assert "busy" in (await check(served, "presence"))["rungs"][-1]["evidence"][0]
        setup = await answer(served, go="start")
        assert setup["ready"], setup["problems"]
        assert setup["page"]["is_last"]
        assert {"key": "pbx.master", "before": None, "after": "headquarters"} in setup["changes"]
        assert setup["new_secrets"] == ["pbx.password", "exchange.password"]
        assert not company.pbx.ledger.writes
        status, _ = await served.ask("POST", "/v1/setup/apply")
        assert status == 200
        await served.settled()
        assert company.pbx.ledger.writes
        assert (await served.get("/v1/users"))["total"] == 25
        assert (await served.ask("GET", "/v1/setup"))[0] == 404
        assert {entry["action"] for entry in (await served.get("/v1/audit"))["entries"]} >= {"apply_setup"}


async def test_secrets_go_in_and_never_come_out(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        setup = await answer(served, secrets=SECRETS, go="pbx/fields")
        assert field(setup, "pbx.password")["secret"]["place"] == "set-up"
        kept = tmp_path / "state" / "setup.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        told = str(setup) + kept.read_text() + str(await served.get("/v1/audit"))
        assert not any(secret in told for secret in SECRETS.values())
        stored = b"".join(each.read_bytes() for each in (tmp_path / "state").iterdir() if each.is_file())
        assert not any(secret.encode() in stored for secret in SECRETS.values())
        status, problem = await served.ask("PATCH", "/v1/setup", {"settings": {"pbx.password": "typed here"}})
        assert (status, problem["fields"][0]["pointer"]) == (422, "/settings/pbx.password")
        assert "typed here" not in kept.read_text()


async def test_it_goes_on_after_a_restart_with_the_secrets(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.ask("POST", "/v1/setup")
        await answer(
            served, texts={"pbx.port": "44x", "pbx.host": "pbx", "setup.user": "ann"}, secrets=SECRETS, go="pbx/fields"
        )
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        setup = await served.get("/v1/setup")
        assert (setup["page"]["step"], setup["page"]["name"]) == ("pbx", "fields")
        assert field(setup, "pbx.port")["text"] == "44x"
        assert "whole number" in field(setup, "pbx.port")["problem"]["reason"]
        assert field(setup, "pbx.password")["secret"]["place"] == "set-up"
        assert needed(setup) == ["pbx.master"]
        status, problem = await served.ask("POST", "/v1/setup/apply")
        assert (status, problem["type"]) == (422, "setup-incomplete")
        status, problem = await served.ask("POST", "/v1/setup/check", {"log_in": True})
        assert (status, [each["pointer"] for each in problem["fields"]]) == (
            422,
            ["/settings/pbx.master", "/settings/pbx.port"],
        )
        await answer(served, go="site")
        assert (await served.ask("POST", "/v1/setup/check", {"log_in": True}))[0] == 404
        assert (await served.ask("PATCH", "/v1/setup", {"go": "nowhere"}))[0] == 422
        setup = await answer(served, settings={"exchange.type": "on-premises"}, go="exchange/account")
        assert field(setup, "setup.user")["text"] == "ann"


async def test_what_others_changed_meanwhile_stays(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        await served.ask("POST", "/v1/setup")
        await answer(served, settings={"presence.language": "de"})
        await served.change({"presence.show_subject": True})
        setup = await answer(served, go="start")
        assert setup["changes"] == [{"key": "presence.language", "before": None, "after": "de"}]
        status, _ = await served.ask("POST", "/v1/setup/apply")
        assert status == 200
        assert await served.value("presence.show_subject") is True
        assert await served.value("presence.language") == "de"


async def run(served: ServedService, *arguments: str, **environment: str) -> Ended:
    return await command("setup", "--socket", str(served.socket), *arguments, COLUMNS="200", **environment)


ENVIRONMENT = {
    "CALENDAR_ENGINE_PBX_PASSWORD": SECRETS["pbx.password"],
    "CALENDAR_ENGINE_EXCHANGE_PASSWORD": SECRETS["exchange.password"],
}


@pytest.mark.process
async def test_from_nothing_to_the_first_presence_with_an_answers_file_alone(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(company.settings() + '[setup]\nuser = "anna.mueller@corp.example"\n')
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        tried = await run(served, "--answers", str(answers), "--check-only", **ENVIRONMENT)
        assert (tried.status, tried.err) == (0, "\nEverything works. Nothing was changed.\n"), tried
        assert "24 of 26 users have a mailbox" in tried.out or "25 of 26 users have a mailbox" in tried.out
        assert not served.file.exists()
        assert not company.pbx.ledger.writes
        ended = await run(served, "--answers", str(answers), **ENVIRONMENT)
        assert ended.status == 0, ended
        assert "  pbx.master = headquarters" in ended.out
        assert "  secret pbx.password" in ended.out
        assert not any(secret in ended.out + ended.err for secret in SECRETS.values())
        await served.settled()
        assert company.pbx.ledger.writes
        anna = company.world.person("anna.mueller")
        assert company.pbx.calendar_presence(anna.guid).activity == "busy"


@pytest.mark.process
async def test_an_answers_file_fails_at_once_with_all_that_is_wrong(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[pbx]\nhost = "pbx"\nport = "x"\nmasterr = "m"\n[setup]\nuser = "a@b.example"\nname = 1\n')
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        ended = await run(served, "--answers", str(answers), CALENDAR_ENGINE_PBX_PASSWORD="x")
        assert (ended.status, ended.out) == (2, "")
        for words in (
            "line 3: pbx.port must be a whole number",
            "line 4: pbx.masterr is not a key of the settings",
            "pbx.master is missing",
            "exchange.type is missing",
            "setup.name is not a known key",
            "exchange.password is missing. Set CALENDAR_ENGINE_EXCHANGE_PASSWORD",
        ):
            assert words in ended.err, (words, ended.err)
        assert "pbx.password" not in ended.err
        told = await run(served, "--answers", str(answers), "--json", CALENDAR_ENGINE_PBX_PASSWORD="x")
        assert (told.status, told.err) == (2, ended.err)
        outcome = json.loads(told.out)
        assert outcome["state"] == "unusable"
        assert {"key": "pbx.port", "line": 3} in [
            {"key": each["key"], "line": each["line"]} for each in outcome["problems"]
        ]
        assert all(f"{each['key']} {each['reason']}. {each['remedy']}" in told.err for each in outcome["problems"])
        assert company.pbx.connections == 0


@pytest.mark.process
async def test_a_machine_in_utc_does_not_know_where_the_site_is(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("TZ", "Etc/UTC")
    answers = tmp_path / "answers.toml"
    answers.write_text(company.settings().replace("timezone", "# timezone"))
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        ended = await run(served, "--answers", str(answers), **ENVIRONMENT)
        assert (ended.status, company.pbx.ledger.logins) == (2, [])
        assert "presence.timezone is missing" in " ".join(ended.err.split())
        assert 'Add timezone = "Europe/Berlin", or the zone of your users, to the table [presence].' in " ".join(
            ended.err.split()
        )
        await served.ask("POST", "/v1/setup", {"over": True})
        setup = await answer(served, go="site")
        zone, language = field(setup, "presence.timezone"), field(setup, "presence.language")
        assert (zone["text"], zone["suggestion"], zone["is_needed"]) == ("", "", True)
        assert (language["text"], language["suggestion"], language["is_needed"]) == ("", "", True)
        texts = {"presence.timezone": "Europe/Berlin", "presence.language": "C.UTF-8"}
        setup = await answer(served, texts=texts, go="next")
        assert states(setup)["site"] == "failed"
        setup = await answer(served, texts={"presence.language": ""})
        assert states(setup)["site"] == "open"
        setup = await answer(served, texts={"presence.language": "de"})
        assert states(setup)["site"] == "done"


@pytest.mark.process
async def test_an_answers_file_that_does_not_work_changes_nothing(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(company.settings())
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        ended = await run(served, "--answers", str(answers), **{**ENVIRONMENT, "CALENDAR_ENGINE_PBX_PASSWORD": "x"})
        assert ended.status == 1
        assert "✗ log-in" in ended.out
        assert ended.err == "\nNothing was changed.\n"
        assert not served.file.exists()
        assert {each["origin"] for each in (await served.get("/v1/secrets"))["secrets"]} == {None}


@pytest.mark.process
async def test_the_outcome_for_a_script(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(company.settings() + '[setup]\nuser = "anna.mueller@corp.example"\n')
    given = ("--json", "--answers", str(answers))
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        broken = await run(served, *given, **{**ENVIRONMENT, "CALENDAR_ENGINE_PBX_PASSWORD": "x"})
        assert (broken.status, broken.err.splitlines()[-1]) == (1, "Nothing was changed.")
        assert "✗ log-in" in broken.err
        failed = json.loads(broken.out)
        assert failed["state"] == "failed"
        assert [(each["name"], each["passed"]) for each in failed["steps"]] == [("pbx", False)]
        [result] = [each for each in failed["steps"][0]["rungs"] if each["outcome"] == "failed"]
        assert result["name"] == "log-in"
        assert result["remedy"]
        tried = await run(served, *given, "--check-only", **ENVIRONMENT)
        assert (tried.status, tried.err.splitlines()[-1]) == (0, "Everything works. Nothing was changed."), tried.err
        works = json.loads(tried.out)
        assert works["state"] == "works"
        assert len(works["steps"]) > 3
        assert all(each["passed"] and each["rungs"] for each in works["steps"])
        assert {"key": "pbx.master", "before": None, "after": "headquarters"} in works["changes"]
        assert sorted(works["new_secrets"]) == ["exchange.password", "pbx.password"]
        assert not served.file.exists()
        ended = await run(served, *given, **ENVIRONMENT)
        assert (ended.status, ended.err.splitlines()[-1]) == (0, "The set-up is applied."), ended.err
        applied = json.loads(ended.out)
        assert (applied["state"], applied["changes"], applied["new_secrets"]) == (
            "applied",
            works["changes"],
            works["new_secrets"],
        )
        assert served.file.exists()
        told = broken.out + broken.err + tried.out + tried.err + ended.out + ended.err
        assert not any(secret in told for secret in SECRETS.values())


@pytest.mark.process
async def test_a_dialogue_has_no_outcome_for_a_script(tmp_path: Path) -> None:
    ended = await command("setup", "--json", "--socket", str(tmp_path / "engine.sock"))
    assert (ended.status, ended.out) == (2, "")
    assert "JSON output is not possible in a dialogue" in ended.err
    assert "--answers" in ended.err


async def test_a_secret_that_would_have_no_effect_is_told(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    given = {"CALENDAR_ENGINE_PBX_PASSWORD": "given", "CALENDAR_ENGINE_EXCHANGE_PASSWORD": SECRETS["exchange.password"]}
    async with running_service(company, clock, tmp_path, company.settings(), environment=given) as served:
        await served.ask("POST", "/v1/setup")
        setup = await answer(served, secrets=SECRETS)
        [problem] = setup["problems"]
        assert problem["key"] == "pbx.password"
        assert "is given to the engine in the environment" in problem["reason"]
        assert (await served.ask("POST", "/v1/setup/apply"))[0] == 422
        await answer(served, secrets={"pbx.password": "given"})
        assert (await served.ask("POST", "/v1/setup/apply"))[0] == 200
        assert {each["stored_since"] for each in (await served.get("/v1/secrets"))["secrets"]} == {None}


@pytest.mark.process
async def test_answers_are_printed_as_a_file_that_sets_up_the_same(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        printed = await run(served, "--export-answers")
        assert printed.status == 0, printed.err
        assert changes_of(printed.out) == changes_of(company.settings())
        assert "CALENDAR_ENGINE_EXCHANGE_PASSWORD" in printed.err
        told = json.loads((await run(served, "--export-answers", "--json")).out)
        assert (told["text"].strip(), told["needed"]) == (printed.out.strip(), ["pbx.password", "exchange.password"])
        unknown = await run(served, "--flow", "everything")
        assert (unknown.status, "pbx-certificate" in unknown.err) == (2, True)
