"""A site in the cloud says in its settings all that a client needs."""

import ssl
import tomllib
from pathlib import Path

import httpx

from engine.simulator.company import CloudCompany
from engine.simulator.pbx.state import PbxUser
from engine.simulator.world import World
from tests.support.clock import ManualClock

WINDOW = "startDateTime=2026-03-02T00:00Z&endDateTime=2026-03-03T00:00Z&$top=50"


async def test_the_settings_and_secrets_lead_to_every_calendar_in_scope(
    world: World, clock: ManualClock, tmp_path: Path
) -> None:
    async with CloudCompany(world, tmp_path, clock) as company:
        exchange = tomllib.loads(company.settings())["exchange"]
        assert exchange["type"] == "cloud-graph"
        trust = ssl.create_default_context(cafile=exchange["ca_file"])
        async with httpx.AsyncClient(verify=trust) as http:
            form = {
                "grant_type": "client_credentials",
                "client_id": exchange["client_id"],
                "client_secret": company.secrets["exchange.client_secret"].reveal(),
                "scope": f"{exchange['graph_url']}/.default",
            }
            endpoint = f"{exchange['authority']}/{exchange['tenant_id']}/oauth2/v2.0/token"
            token = (await http.post(endpoint, data=form)).raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            unreadable = set()
            for person in world.people:
                key = company.tenant.account(person.name).user_principal_name
                url = f"{exchange['graph_url']}/v1.0/users/{key}/calendarView?{WINDOW}"
                if (await http.get(url)).status_code != 200:
                    unreadable.add(person.guid)
    assert unreadable == company.without_calendar() != set()


async def test_its_pbx_has_the_same_people(world: World, clock: ManualClock, tmp_path: Path) -> None:
    async with CloudCompany(world, tmp_path, clock) as company:
        users: list[PbxUser] = list(company.pbx.users)
        assert [user.guid for user in users] == [person.guid for person in world.people]
