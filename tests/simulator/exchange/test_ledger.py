"""The ledger records every request, faults of clients, and the cost of a log-in."""

import asyncio
import base64
from collections.abc import Generator

import httpx
import pytest
import spnego
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.authentication import Seen
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.world import World
from tests.simulator.exchange.client import ACCOUNT, EWS, PASSWORD, PlainClient, code_of, plain_client

ANNA = "anna.mueller@corp.example"


class PlainNtlm(httpx.Auth):
    """The textbook handshake, with the body in every message."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        if response.status_code != 401:
            return
        context = spnego.client(ACCOUNT, PASSWORD, protocol="ntlm")
        request.headers["Authorization"] = f"NTLM {base64.b64encode(context.step() or b'').decode()}"
        response = yield request
        offers = response.headers.get_list("WWW-Authenticate")
        challenge = base64.b64decode(offers[0].partition(" ")[2])
        request.headers["Authorization"] = f"NTLM {base64.b64encode(context.step(challenge) or b'').decode()}"
        yield request


async def test_a_request_is_recorded_with_what_it_was_about(client: PlainClient, simulator: ExchangeSimulator) -> None:
    await client.find_item(ANNA)
    (record,) = simulator.ledger.records(operation="FindItem")
    assert (record.method, record.scheme, record.host) == ("POST", "https", "mail.corp.example")
    assert (record.path, record.mailbox, record.account) == ("/EWS/Exchange.asmx", ANNA, ACCOUNT)
    assert (record.status, record.code, record.complaints) == (200, "NoError", ())
    assert record.headers["x-anchormailbox"] == ANNA
    assert "authorization" not in record.headers
    assert b"CalendarView" in record.body


async def test_records_can_be_picked_and_counted(client: PlainClient, simulator: ExchangeSimulator) -> None:
    await client.find_item(ANNA)
    await client.find_item("nobody@corp.example")
    await client.resolve(ANNA)
    assert [record.code for record in simulator.ledger.records(status=500)] == ["ErrorNonExistentMailbox"]
    assert simulator.ledger.operations == {"FindItem": 2, "ResolveNames": 1}
    assert simulator.ledger.connections == 1
    simulator.ledger.clear()
    assert simulator.ledger.records() == []


async def test_one_can_wait_for_a_request(client: PlainClient, simulator: ExchangeSimulator) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(simulator.ledger.until(2, operation="FindItem"))
        await client.find_item(ANNA)
        assert not waiting.done()
        await client.find_item(ANNA)
    assert len(waiting.result()) == 2


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("X-AnchorMailbox", "X-AnchorMailbox is missing, not the impersonated mailbox"),
        ("client-request-id", "client-request-id is missing or no GUID"),
        ("return-client-request-id", "return-client-request-id is not true"),
        ("User-Agent", "no User-Agent of its own"),
    ],
)
async def test_a_header_that_is_missing_is_complained_about(
    client: PlainClient, simulator: ExchangeSimulator, header: str, complaint: str
) -> None:
    response = await client.post(RESOLVE, as_mailbox=ANNA, headers={header: ""})
    assert response.status_code == 200
    assert simulator.ledger.complaints == [complaint]


RESOLVE = '<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>Anna</m:UnresolvedEntry></m:ResolveNames>'


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [("application/xml", b"<x/>", 415), ("text/xml", b"", 400), ("text/xml; charset=utf-8", b"<x", 500)],
)
async def test_what_is_no_soap_is_refused_by_its_status(
    client: PlainClient, content_type: str, content: bytes, status: int
) -> None:
    response = await client.http.post(EWS, content=content, headers={"Content-Type": content_type})
    assert response.status_code == status


async def test_the_request_id_comes_back(client: PlainClient) -> None:
    sent = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    response = await client.post(RESOLVE, headers={"client-request-id": sent})
    assert response.headers["client-request-id"] == sent
    assert response.headers["request-id"]
    assert response.headers["X-FEServer"]


async def test_an_ntlm_log_in_lasts_as_long_as_its_connection(
    world: World, authority: CertificateAuthority, schema: etree.XMLSchema
) -> None:
    async with (
        ExchangeSimulator(world, authority=authority, schema=schema) as simulator,
        plain_client(simulator, authority, schema, PlainNtlm()) as client,
    ):
        for _ in range(3):
            assert code_of(await client.find_item(ANNA)) == "NoError"
        assert simulator.log_ins == {Seen.ANONYMOUS: 1, Seen.CHALLENGED: 1, Seen.LOGGED_IN: 1}
        assert simulator.ledger.refusals == 2
        assert [record.account for record in simulator.ledger.records(status=200)] == [ACCOUNT] * 3
