"""The directory: users by filter, by pages and by key."""

from dataclasses import replace

import pytest

from engine.simulator.world import World
from tests.simulator.graph.client import ANNA, PlainGraph, code_of

KATHRIN = "kathrin.weiss@corp.example"
SELECT = "id,mail,userPrincipalName,accountEnabled,userType,proxyAddresses"


async def mails(cloud: PlainGraph, text: str) -> list[str]:
    response = await cloud.get("/users", filter=text, select=SELECT)
    return [user["mail"] for user in response.raise_for_status().json()["value"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"mail eq '{ANNA.upper()}'", [ANNA]),
        ("proxyAddresses/any(p:p eq 'smtp:kw@corp.example')", [KATHRIN]),
        ("proxyAddresses/any(p:p eq 'smtp:KW@corp.example')", [KATHRIN]),
        (f"proxyAddresses/any(p:p eq 'SMTP:{KATHRIN}')", [KATHRIN]),
        (f"proxyAddresses/any(p:p eq 'smtp:{KATHRIN}')", []),
        (f"mail eq '{ANNA}' or proxyAddresses/any(x:x eq 'smtp:kw@corp.example')", [ANNA, KATHRIN]),
        (f"mail in ('{ANNA}','{KATHRIN}', 'nobody@corp.example')", [ANNA, KATHRIN]),
        (f"userPrincipalName eq '{ANNA}' and accountEnabled eq true", [ANNA]),
        (f"(mail eq '{ANNA}' or mail eq '{KATHRIN}') and accountEnabled eq false", []),
        ("userPrincipalName eq 'siobhan.o''brien@corp.example'", ["siobhan.o'brien@corp.example"]),
        ("mail eq 'nobody@corp.example'", []),
    ],
)
async def test_a_filter_finds_users(cloud: PlainGraph, text: str, found: list[str]) -> None:
    assert await mails(cloud, text) == found
    assert cloud.graph.ledger.complaints == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "mail", "mail eq", "mail eq x", "mail eq 'x", "mail eq 'x' 'y'", "colour eq 'x'", "mail in 'x'"),
        *("mail in ('x'", "(mail eq 'x'", "startswith(mail,'x')", "mail eq 'o'brien'", "mail ~ 'x'"),
        "proxyAddresses/any(p:q eq 'smtp:x')",
    ],
)
async def test_a_filter_that_it_cannot_read_is_refused(cloud: PlainGraph, text: str) -> None:
    response = await cloud.get("/users", filter=text)
    assert (response.status_code, code_of(response)) == (400, "Request_UnsupportedQuery")


async def test_a_filter_has_fifteen_clauses_at_most(cloud: PlainGraph) -> None:
    addresses = [f"'user{number}@corp.example'" for number in range(16)]
    assert await mails(cloud, f"mail in ({','.join(addresses[:15])})") == []
    for text in (f"mail in ({','.join(addresses)})", " or ".join(f"mail eq {each}" for each in addresses)):
        response = await cloud.get("/users", filter=text)
        assert response.status_code == 400
        assert "Max allowed: 15" in response.json()["error"]["message"]


async def test_all_users_come_in_pages(cloud: PlainGraph) -> None:
    found = list[str]()
    response = await cloud.get("/users", select="id", top="10")
    while "@odata.nextLink" in response.json():
        found += [user["id"] for user in response.json()["value"]]
        response = await cloud.get(response.json()["@odata.nextLink"])
    found += [user["id"] for user in response.json()["value"]]
    assert found == [account.id for account in cloud.tenant.accounts]
    assert len(found) == len(cloud.world.people) > 20
    assert (await cloud.get("/users", top="1000")).status_code == 400
    assert (await cloud.get("/users", skiptoken="x")).status_code == 400


async def test_one_user_by_id_or_user_principal_name(cloud: PlainGraph) -> None:
    account = cloud.tenant.change("kweiss", user_principal_name="kweiss@corp.example", enabled=False)
    for key in (account.id, "kweiss@corp.example", "KWEISS@corp.example"):
        user = (await cloud.get(f"/users/{key}", select=SELECT)).raise_for_status().json()
        assert (user["id"], user["mail"], user["accountEnabled"]) == (account.id, KATHRIN, False)
        assert user["proxyAddresses"] == [
            f"SMTP:{KATHRIN}",
            "smtp:kw@corp.example",
            "smtp:k.weiss@corp-archiv.example",
        ]
    for key in (KATHRIN, "kw@corp.example", "nobody@corp.example"):
        response = await cloud.get(f"/users/{key}", select=SELECT)
        assert (response.status_code, code_of(response)) == (404, "Request_ResourceNotFound")


async def test_without_select_only_the_usual_is_there(cloud: PlainGraph) -> None:
    user = (await cloud.get(f"/users('{ANNA}')")).raise_for_status().json()
    assert user["displayName"] == "Anna Müller"
    assert not {"proxyAddresses", "accountEnabled"} & user.keys()
    assert "users without $select" in cloud.graph.ledger.complaints


async def test_the_directory_needs_a_permission_of_its_own(cloud: PlainGraph) -> None:
    await cloud.log_in("Calendars.Read")
    for path in ("/users", f"/users/{ANNA}"):
        response = await cloud.get(path)
        assert (response.status_code, code_of(response)) == (403, "Authorization_RequestDenied")
    assert (await cloud.view()).status_code == 200


async def test_an_address_may_be_ambiguous(cloud: PlainGraph, world: World) -> None:
    anna = cloud.tenant.account("anna.mueller")
    twin = replace(anna, id="6f0a2c34-9d1b-4a66-9c3e-1b2a3c4d5e6f", user_principal_name="twin@corp.example")
    cloud.tenant.add(replace(twin, user_type="Guest"))
    response = await cloud.get("/users", filter=f"mail eq '{ANNA}'", select=SELECT)
    assert [user["userType"] for user in response.json()["value"]] == ["Member", "Guest"]
