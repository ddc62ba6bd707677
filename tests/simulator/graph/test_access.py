"""Tokens, permissions, scopes and policies, and people who have no calendar in Exchange Online."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT
from engine.simulator.graph.errors import USER_AGENT_BLOCKED
from engine.simulator.graph.tenant import Behaviour, Hosting
from engine.simulator.world import World
from tests.simulator.graph.client import ANNA, CLIENT, PlainGraph, code_of, plain_graph, view_part

GERD = "gerd.vorstand@corp.example"
KATHRIN, KW = "kathrin.weiss@corp.example", "kw@corp.example"


def outcome(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, code_of(response) if response.status_code >= 400 else ""


def message_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["message"])


async def test_a_token_is_a_jwt_with_the_permissions_of_the_application(cloud: PlainGraph) -> None:
    claims = jwt.decode(await cloud.log_in("Calendars.ReadBasic.All"), options={"verify_signature": False})
    assert claims["roles"] == ["Calendars.ReadBasic.All"]
    assert (claims["aud"], claims["appid"], claims["tid"]) == (cloud.graph.url, CLIENT, TENANT)
    claims = jwt.decode(await cloud.log_in(), options={"verify_signature": False})
    assert "roles" not in claims
    assert [record.account for record in cloud.graph.ledger.records()] == []


async def test_consent_takes_effect_with_the_next_token(cloud: PlainGraph) -> None:
    cloud.application.roles[cloud.graph.url] = ()
    assert (await cloud.view()).status_code == 200
    await cloud.log_in()
    assert outcome(await cloud.view()) == (403, "ErrorAccessDenied")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eDp5", "Bearer nonsense", "Bearer a.b.c"])
async def test_without_a_token_nothing_is_said(cloud: PlainGraph, header: str) -> None:
    cloud.http.headers["Authorization"] = header
    response = await cloud.view()
    assert outcome(response) == (401, "InvalidAuthenticationToken")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert outcome(await cloud.post("/$batch", {"requests": [view_part("0")]})) == (401, "InvalidAuthenticationToken")
    assert cloud.graph.ledger.refusals == 2
    assert cloud.graph.ledger.operations == {"calendarView": 1, "batch": 1}


async def test_a_token_is_for_one_resource_and_one_hour_and_may_be_revoked(cloud: PlainGraph) -> None:
    await cloud.log_in("Calendars.Read", resource="https://outlook.office365.com")
    assert "Invalid audience" in message_of(await cloud.view())
    await cloud.log_in("Calendars.Read", resource="https://graph.microsoft.com")
    assert (await cloud.view()).status_code == 200
    cloud.entra.revoke_tokens()
    response = await cloud.view()
    assert outcome(response) == (401, "InvalidAuthenticationToken")
    assert "TokenIssuedBeforeRevocationTimestamp" in message_of(response)
    await cloud.log_in("Calendars.Read")
    assert (await cloud.view()).status_code == 200
    cloud.entra.now = lambda: datetime.now(UTC) + timedelta(hours=1)
    assert message_of(await cloud.view()) == "Lifetime validation failed, the token is expired."


@pytest.mark.parametrize(("behaviour", "status"), [(Behaviour(), 403), (Behaviour(without_permission="401"), 401)])
async def test_no_permission_at_all(
    world: World, authority: CertificateAuthority, behaviour: Behaviour, status: int
) -> None:
    async with plain_graph(world, authority, roles=(), behaviour=behaviour) as cloud:
        assert (await cloud.view()).status_code == status
        assert (await cloud.view("nobody@corp.example")).status_code == status


async def test_a_permission_is_for_the_whole_tenant(cloud: PlainGraph) -> None:
    assert (await cloud.view(GERD)).status_code == 200


async def test_a_scoped_role_is_for_those_in_its_scope_and_adds_up_with_a_permission(cloud: PlainGraph) -> None:
    cloud.tenant.scoped_role = True
    await cloud.log_in()
    assert outcome(await cloud.view()) == (200, "")
    assert (await cloud.get(f"/users/{ANNA}/calendarView", **window())).json()["value"][0]["body"] is not None
    denied = await cloud.view(GERD)
    assert outcome(denied) == (403, "ErrorAccessDenied")
    assert message_of(denied) == "Access is denied. Check credentials and try again."
    assert outcome(await cloud.view("nobody@corp.example")) == (404, "ErrorInvalidUser")
    await cloud.log_in("Calendars.ReadBasic.All")
    assert outcome(await cloud.view(GERD)) == (200, "")


def window() -> dict[str, Any]:
    return {"startDateTime": "2026-03-02T00:00Z", "endDateTime": "2026-03-03T00:00Z", "top": "50"}


async def test_an_access_policy_excludes_the_others(cloud: PlainGraph) -> None:
    cloud.tenant.access_policy = True
    assert outcome(await cloud.view()) == (200, "")
    denied = await cloud.view(GERD)
    assert outcome(denied) == (403, "ErrorAccessDenied")
    assert "[RAOP]" in message_of(denied)


async def test_a_user_agent_may_be_blocked(cloud: PlainGraph) -> None:
    cloud.graph.faults.add(USER_AGENT_BLOCKED)
    denied = await cloud.view()
    assert outcome(denied) == (403, "ErrorAccessDenied")
    assert message_of(denied) == "Access to OData is disabled."


async def test_a_tenant_without_exchange_online(cloud: PlainGraph) -> None:
    cloud.tenant.exchange_online = False
    assert outcome(await cloud.view()) == (401, "OrganizationFromTenantGuidNotFound")


@pytest.mark.parametrize(
    ("hosting", "status", "code"),
    [
        (Hosting.NOWHERE, 404, "ResourceNotFound"),
        (Hosting.ON_PREMISES, 404, "MailboxNotEnabledForRESTAPI"),
        (Hosting.BEING_PROVISIONED, 404, "MailboxNotSupportedForRESTAPI"),
        (Hosting.UNLICENSED, 403, "ErrorAccessDenied"),
        (Hosting.EXCHANGE_ONLINE, 200, ""),
    ],
)
async def test_a_mailbox_may_be_elsewhere(cloud: PlainGraph, hosting: Hosting, status: int, code: str) -> None:
    cloud.tenant.change("anna.mueller", hosting=hosting)
    assert outcome(await cloud.view()) == (status, code)


async def test_an_account_without_a_mailbox_a_stranger_and_a_deleted_one(cloud: PlainGraph) -> None:
    assert outcome(await cloud.view("empfang@corp.example")) == (404, "ResourceNotFound")
    assert outcome(await cloud.view("nobody@corp.example")) == (404, "ErrorInvalidUser")
    cloud.tenant.remove("anna.mueller")
    assert outcome(await cloud.view()) == (404, "ErrorInvalidUser")


@pytest.mark.parametrize(
    ("behaviour", "by_primary", "by_proxy"),
    [
        (Behaviour(keys="upn"), 404, 404),
        (Behaviour(keys="primary"), 200, 404),
        (Behaviour(keys="any"), 200, 200),
    ],
)
async def test_an_address_that_is_not_the_user_principal_name(
    world: World, authority: CertificateAuthority, behaviour: Behaviour, by_primary: int, by_proxy: int
) -> None:
    async with plain_graph(world, authority, behaviour=behaviour) as cloud:
        account = cloud.tenant.change("kweiss", user_principal_name="kweiss@corp.example")
        assert (await cloud.view("kweiss@corp.example")).status_code == 200
        assert (await cloud.view(account.id)).status_code == 200
        assert (await cloud.view(account.id.upper())).status_code == 200
        assert (await cloud.view(KATHRIN)).status_code == by_primary
        response = await cloud.view(KW)
        assert response.status_code == by_proxy
        assert by_proxy == 200 or code_of(response) == "Request_ResourceNotFound"
        assert {record.mailbox for record in cloud.graph.ledger.records()} == {KATHRIN}


async def test_a_disabled_account_may_have_a_calendar_and_a_guest_has_none(cloud: PlainGraph) -> None:
    anna = cloud.tenant.change("anna.mueller", enabled=False)
    assert (await cloud.view()).status_code == 200
    guest = replace(
        anna,
        user_principal_name="guest_kunde.example#EXT#@corp.onmicrosoft.example",
        id="6f0a2c34-9d1b-4a66-9c3e-1b2a3c4d5e6f",
        user_type="Guest",
        hosting=Hosting.NOWHERE,
        mail="guest@kunde.example",
        proxy_addresses=(),
        person=None,
    )
    cloud.tenant.add(guest)
    key = "guest_kunde.example%23EXT%23@corp.onmicrosoft.example"
    assert outcome(await cloud.get(f"/users/{key}/calendarView", **window())) == (404, "ResourceNotFound")
