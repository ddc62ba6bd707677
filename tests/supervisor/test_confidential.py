"""Addresses of other people appear only on the socket that allows changes."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.api.paths import read_only_twin
from engine.checks.check import CheckRun, CheckStep, StepLog
from engine.exchange.errors import MailboxNotFound
from engine.server.convert import check_step
from engine.simulator.company import Company
from tests.supervisor.test_trying import over
from tests.support.clock import ManualClock
from tests.support.served_engine import InstantSource, people, served_engine
from tests.support.service import running_service

pytestmark = pytest.mark.few

USERS = people(3)
ELSE = "maria.mueller@corp.example"
TROUBLE = MailboxNotFound("none is proved to own it", confidential=f"offered: {ELSE}")


async def read_only(socket: Path, path: str) -> str:
    connector = aiohttp.UnixConnector(path=str(read_only_twin(socket)))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session, session.get(path) as response:
        assert response.status == 200
        return await response.text()


async def test_the_problems_of_a_user(tmp_path: Path) -> None:
    source = InstantSource()
    source.failures["user0@corp.example"] = TROUBLE
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        path = f"/v1/users/{USERS[0].guid}"
        told: dict[str, Any] = await served.get(path)
        assert told["problems"][0]["detail"] == f"none is proved to own it (offered: {ELSE})"
        for each in (path, "/v1/users", "/v1/status"):
            assert ELSE not in await read_only(served.socket, each)
        assert "none is proved to own it" in await read_only(served.socket, path)


@pytest.mark.slow
async def test_what_a_probe_saw(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    settings = company.settings(exchange={"ews_url": "https://mail.corp.example/EWS/Exchange.asmx"})
    async with running_service(company, clock, tmp_path, settings) as served:
        await served.settled()
        path = await over(served, "/v1/probes/exchange", {"user": "k.weiss@corp-archiv.exampl"})
        told, seen = str(await served.get(path)), await read_only(served.socket, path)
    assert "offered 1 mailbox" in seen
    assert "kathrin.weiss@corp.example" in told
    assert "kathrin.weiss@corp.example" not in seen


async def test_what_is_the_matter_with_whom_is_evidence(clock: ManualClock) -> None:
    async def step(step_log: StepLog) -> None:
        step_log.add_troubles([("Anna", TROUBLE)])
        raise TROUBLE

    steps: list[CheckStep] = []
    await CheckRun(["mailboxes"], steps.append, clock).run("mailboxes", step)
    in_full, seen = check_step(steps[0], in_full=True), check_step(steps[0], in_full=False)
    assert seen.evidence == ("Anna: No mailbox found: none is proved to own it",)
    assert in_full.evidence == (*seen.evidence, f"Anna: offered: {ELSE}")
    assert ELSE not in str(seen)
    assert ELSE in str(in_full.trouble)
