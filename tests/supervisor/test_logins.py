"""Engine, checks and set-up together never lock an account, and pauses are reported."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.simulator.exchange.authentication import Seen
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]


async def probed(served: ServedService, question: dict[str, Any]) -> list[dict[str, Any]]:
    _, operation = await served.ask("POST", "/v1/probes/exchange", question)

    async def rungs() -> list[dict[str, Any]]:
        probe = await served.get(f"/v1/probes/{operation['id']}")
        return [] if probe["operation"]["state"] == "running" else list(probe["rungs"])

    return await eventually(rungs)


async def test_engine_probes_restarts_and_changes_try_a_wrong_password_twice(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    company.exchange.accounts.update(dict.fromkeys(company.exchange.accounts, "something else"))
    seen = company.exchange.log_ins
    for _ in range(2):
        async with running_service(company, clock, tmp_path, company.settings()) as served:
            await eventually(lambda: "login-refused" in {each.slug for each in troubles(served)})
            await asyncio.gather(*(probed(served, {"user": "anna.mueller@corp.example"}) for _ in range(2)))
            await served.change({"exchange.connections": 3})
            await served.change({"exchange.connections": 4})
            await eventually(lambda: "login-refused" in {each.slug for each in troubles(served)})
    assert seen[Seen.REFUSED] == 2


async def test_the_pause_is_told_and_who_asks_ends_it(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    right = dict(company.exchange.accounts)
    company.exchange.accounts.update(dict.fromkeys(right, "something else"))
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await eventually(lambda: "paused until" in str(troubles(served)))
        [concern] = [each for each in (await served.get("/v1/status"))["concerns"] if each["link"] == "Exchange"]
        assert "paused until" in concern["trouble"]["detail"]
        assert "calendar-engine log-in retry" in concern["trouble"]["remedy"]
        states = {each["secret"]: each for each in (await served.get("/v1/log-ins"))["log_ins"]}
        assert states["exchange.password"]["refused"] == 2
        assert states["exchange.password"]["paused_until"] is not None
        assert states["pbx.password"]["paused_until"] is None

        company.exchange.accounts.update(right)
        status, answer = await served.ask("POST", "/v1/log-ins/retry")
        assert (status, answer["restarted"]) == (200, ["PBX link", "calendars"])
        await served.settled()
        assert company.exchange.log_ins[Seen.REFUSED] == 2
        assert (await served.get("/v1/audit"))["entries"][0]["action"] == "retry_log_ins"
        _, again = await served.ask("POST", "/v1/log-ins/retry")
        assert again["restarted"] == [], "nothing is paused any more"


async def test_another_password_is_tried_at_once(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.exchange.accounts.update(dict.fromkeys(company.exchange.accounts, "the new one"))
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await eventually(lambda: "paused until" in str(troubles(served)))
        await served.ask("PUT", "/v1/secrets/exchange.password", {"value": "the new one"})
        await served.settled()
        await eventually(lambda: served.service.current.status().exchange.works)
        await served.ask("PUT", "/v1/secrets/exchange.password", {"value": EXCHANGE_PASSWORD.reveal()})
        await eventually(lambda: "paused until" in str(troubles(served)))
    assert company.exchange.log_ins[Seen.REFUSED] == 4, "two for each of two wrong ones"


async def test_the_password_of_the_app_object_is_spared_as_well(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        for _ in range(4):
            await served.ask("PUT", "/v1/secrets/pbx.password", {"value": "wrong"})
            await eventually(lambda: "pbx-login-refused" in {each.slug for each in troubles(served)})
        for _ in range(4):
            await served.ask("POST", "/v1/probes/pbx", {})
        await eventually(lambda: "paused until" in str(troubles(served)))
        refused = [login for login in company.pbx.ledger.logins if not login.accepted]
        assert len(refused) == 2
        await served.ask("PUT", "/v1/secrets/pbx.password", {"value": PBX_PASSWORD.reveal()})
        await served.settled()


def troubles(served: ServedService) -> list[Any]:
    status = served.service.current.status()
    return [each.failure for each in (status.pbx, status.exchange) if each.failure is not None]
