"""What a check finds out about the tenant, over the API of a running service: shown, kept, used, and forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.company import CLIENT_ID, CloudCompany
from engine.simulator.entra import TENANT
from engine.simulator.graph.tenant import Behaviour
from engine.simulator.world import World
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

PATH = "/v1/cloud/tenant"
FACTS = {
    *("read_basic_suffices", "removable_roles", "primary_address_works"),
    *("answers_zipped", "missing_mailbox", "batches_at_once"),
}
OTHER = "0b9c6a55-7a40-4c9c-9d0f-0e5f6f2b3c11"


@asynccontextmanager
async def service(
    company: CloudCompany, clock: ManualClock, directory: Path, **exchange: Any
) -> AsyncIterator[ServedService]:
    async with running_service(company, clock, directory, company.settings(exchange=exchange)) as served:
        yield served


async def probe(served: ServedService) -> Any:
    _, operation = await served.ask("POST", "/v1/probes/exchange", {})
    found: Any = {}

    async def is_done() -> bool:
        found.update(await served.get(f"/v1/probes/{operation['id']}"))
        return bool(found["operation"]["state"] == "done")

    await eventually(is_done)
    return found


async def test_it_is_shown_kept_over_a_restart_and_forgotten_with_the_application(
    world: World, clock: ManualClock, tmp_path: Path
) -> None:
    async with CloudCompany(world, tmp_path, clock) as company:
        company.tenant.behaviour = Behaviour(keys="upn")
        name = next(each.name for each in world.people if each.mailbox and each.may_impersonate)
        company.tenant.change(name, user_principal_name=f"{name}@signs-in.example")
        async with service(company, clock, tmp_path) as served:
            await served.settled()
            before = await served.get(PATH)
            assert (before["tenant_id"], before["client_id"], before["learned"]) == (TENANT, CLIENT_ID, {})
            rungs = {each["name"]: each for each in (await probe(served))["rungs"]}
            found = await served.get(PATH)
            assert tuple(found["findings"]) == tuple(rungs["tenant"]["evidence"])
            assert found["missing_mailbox"] == {"status": 404, "code": "ErrorInvalidUser"}
            assert found["batches_at_once"] == 6
            assert found["primary_address_works"] is False
            assert set(found["learned"]) | set(found["unknown"]) == FACTS
            assert company.graph.ledger.records(code="Request_ResourceNotFound")
        company.graph.ledger.clear()
        async with service(company, clock, tmp_path) as served:
            assert await served.get(PATH) == found
            await served.settled()
            assert not company.graph.ledger.records(code="Request_ResourceNotFound"), "the directory is asked first"
        async with service(company, clock, tmp_path, client_id=OTHER) as served:
            assert (await served.get(PATH))["learned"] == {}
        async with service(company, clock, tmp_path) as served:
            assert (await served.get(PATH))["learned"] == {}
