"""The preview of another kind of Exchange reads all calendars both ways, and changes nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.schema.preview import Preview
from engine.simulator.company import CLIENT_SECRET, CloudCompany, Company
from engine.simulator.graph.tenant import Hosting
from tests.supervisor.test_trying import over, run
from tests.support.clock import ManualClock
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

SECRETS = {"exchange.client_secret": CLIENT_SECRET.reveal()}


@pytest.fixture
async def cloud(company: Company, clock: ManualClock, tmp_path: Path) -> AsyncIterator[CloudCompany]:
    """The tenant that the company moves to, with the same people, whom the same authority vouches for."""
    directory = tmp_path / "cloud"
    directory.mkdir()
    async with CloudCompany(company.world, directory, clock) as cloud:
        yield cloud


def by_graph(cloud: CloudCompany) -> dict[str, Any]:
    table = {**cloud.exchange_settings, "ca_file": str(cloud.ca_file)}
    return {f"exchange.{key}": value for key, value in table.items()}


async def previewed(served: ServedService, settings: dict[str, Any]) -> Preview:
    path = await over(served, "/v1/preview", {"settings": settings, "secrets": SECRETS})
    return msgspec.convert(await served.get(path), Preview)


async def test_who_would_show_something_else_by_graph_is_listed(
    company: Company, cloud: CloudCompany, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(), more_routes=cloud.routes) as served:
        await served.settled()
        same = await previewed(served, by_graph(cloud))
        readable = {person.guid for person in company.world.people if person.mailbox and person.may_impersonate}
        assert same.looked_at == len(company.world.people)
        assert {row.guid for row in same.users if row.problem is None} == set()
        assert {row.guid for row in same.users if row.problem is not None} == cloud.without_calendar()
        assert same.unreadable == same.affected == same.looked_at - len(readable)

        [anna] = [person for person in company.world.people if person.name == "anna.mueller"]
        cloud.tenant.change(anna.name, hosting=Hosting.ON_PREMISES)
        moved = await previewed(served, by_graph(cloud))
        [row] = [row for row in moved.users if row.guid == anna.guid]
        assert row.problem is not None
        assert row.problem.type == "mailbox-not-online"
        assert company.pbx.ledger.writes
        assert not cloud.pbx.ledger.writes


async def test_a_source_that_does_not_work_ends_the_preview_with_its_reason(
    company: Company, cloud: CloudCompany, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(), more_routes=cloud.routes) as served:
        await served.settled()
        wrong = by_graph(cloud) | {"exchange.client_id": "00000000-0000-0000-0000-000000000000"}
        preview = await previewed(served, wrong)
        assert preview.stopped_by is not None
        assert preview.stopped_by.type == "application-unknown"
        assert (preview.looked_at, preview.users) == (0, ())


@pytest.mark.process
async def test_the_command_reads_by_graph_and_says_who_cannot_be_read(
    company: Company, cloud: CloudCompany, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings(), more_routes=cloud.routes) as served:
        await served.settled()
        await served.ask("PUT", "/v1/secrets/exchange.client_secret", {"value": CLIENT_SECRET.reveal()})
        changes = [word for key, value in by_graph(cloud).items() for word in ("--set", f"{key}={value}")]
        status, output = await run(served, "preview", *changes)
        assert status == 0
        assert "could not be read with these settings" in output
        assert "Entra keeps this mailbox from the engine" in output
