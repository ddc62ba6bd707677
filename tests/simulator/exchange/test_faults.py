"""Every fault occurs on the wire, only for the requests that it is meant for, and only as long as configured."""

import asyncio
import ssl

import httpx
import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import HOSTS, ExchangeSimulator
from engine.simulator.faults import (
    Cut,
    Delay,
    ErrorCode,
    Hold,
    Unauthorized,
    garbage,
    html_page,
    server_busy,
    service_unavailable,
)
from tests.simulator.exchange.client import ACCOUNT, PlainClient, code_of, plain_client, texts

ANNA = "anna.mueller@corp.example"
JOERG = "joerg.schroeder@corp.example"


async def works(client: PlainClient, mailbox: str = ANNA) -> bool:
    response = await client.find_item(mailbox)
    return response.status_code == 200 and code_of(response) == "NoError"


async def test_a_fault_counts_down_and_is_gone(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(service_unavailable(retry_after=7), times=2)
    for _ in range(2):
        response = await client.find_item(ANNA)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert await works(client)


async def test_a_fault_without_a_count_lasts_until_it_is_lifted(
    client: PlainClient, simulator: ExchangeSimulator
) -> None:
    fault = simulator.faults.add(service_unavailable())
    response = await client.find_item(ANNA)
    assert response.status_code == 503
    assert "Retry-After" not in response.headers
    simulator.faults.clear(fault)
    assert await works(client)


async def test_a_fault_befalls_its_mailbox_and_operation_only(
    client: PlainClient, simulator: ExchangeSimulator
) -> None:
    simulator.faults.add(ErrorCode("ErrorMailboxStoreUnavailable"), operation="FindItem", mailbox=ANNA)
    assert code_of(await client.find_item(ANNA)) == "ErrorMailboxStoreUnavailable"
    assert await works(client, JOERG)
    assert code_of(await client.resolve(ANNA)) == "NoError"


@pytest.mark.parametrize("in_fault", [True, False])
async def test_any_operation_can_be_answered_any_code(
    client: PlainClient, simulator: ExchangeSimulator, in_fault: bool
) -> None:
    simulator.faults.add(ErrorCode("ErrorMailboxMoveInProgress", in_fault=in_fault))
    for response in (await client.find_item(ANNA), await client.resolve(ANNA), await client.get_item(ANNA, "AAA=")):
        assert (response.status_code, code_of(response)) == (500 if in_fault else 200, "ErrorMailboxMoveInProgress")


async def test_a_busy_server_says_how_long(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(server_busy(4500), times=1)
    response = await client.find_item(ANNA)
    assert (response.status_code, code_of(response)) == (500, "ErrorServerBusy")
    assert texts(response, ".//t:MessageXml/t:Value[@Name='BackOffMilliseconds']") == ["4500"]


async def test_garbage_and_pages_come_with_200(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(garbage(), times=1)
    simulator.faults.add(html_page(), times=2)
    first = await client.http.post("https://mail.corp.example/EWS/Exchange.asmx")
    second = await client.http.post("https://mail.corp.example/EWS/Exchange.asmx")
    assert (first.status_code, first.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(first.content)
    assert b"<form>" in second.content


async def test_a_401_in_the_middle_offers_the_same_schemes(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(Unauthorized(), times=1)
    response = await client.find_item(ANNA)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Basic")
    assert simulator.ledger.refusals == 1
    assert await works(client)


async def test_an_answer_may_break_off_in_the_middle(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(Cut(after=100), times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.find_item(ANNA)
    assert await works(client)


async def test_or_not_even_begin(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(Cut(), times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.find_item(ANNA)
    assert [record.status for record in simulator.ledger.records()] == [0]
    assert await works(client)


async def test_an_answer_may_be_held_back(client: PlainClient, simulator: ExchangeSimulator) -> None:
    hold = Hold()
    simulator.faults.add(hold, mailbox=ANNA)
    async with asyncio.TaskGroup() as group:
        held = group.create_task(works(client))
        await hold.reached.wait()
        assert await works(client, JOERG)
        assert not held.done()
        hold.release.set()
    assert held.result()


async def test_a_delay_takes_its_time(client: PlainClient, simulator: ExchangeSimulator) -> None:
    simulator.faults.add(Delay(0.05), times=1)
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await works(client)
    assert loop.time() - before >= 0.05


async def test_a_server_that_refuses_connections_comes_back_on_the_same_port(
    client: PlainClient, simulator: ExchangeSimulator
) -> None:
    assert await works(client)
    port = simulator.port
    await simulator.refuse_connections()
    with pytest.raises(httpx.ConnectError):
        await client.find_item(ANNA)
    await simulator.listen()
    assert simulator.port == port
    assert await works(client)
    assert [record.connection for record in simulator.ledger.records()] == [1, 2]


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_a_wrong_certificate_is_not_trusted(
    client: PlainClient, simulator: ExchangeSimulator, authority: CertificateAuthority, wrong: str
) -> None:
    certificate = authority.issue("other.example") if wrong == "name" else CertificateAuthority().issue(*HOSTS)
    await simulator.show_certificate(certificate)
    with pytest.raises(httpx.ConnectError) as caught:
        await client.find_item(ANNA)
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)
    await simulator.show_certificate(authority.issue(*HOSTS))
    assert await works(client)


async def test_a_password_can_change_while_the_server_runs(
    simulator: ExchangeSimulator, authority: CertificateAuthority, schema: etree.XMLSchema
) -> None:
    simulator.accounts[ACCOUNT] = "another"
    async with plain_client(simulator, authority, schema) as client:
        response = await client.find_item(ANNA)
        assert response.status_code == 401
    async with plain_client(simulator, authority, schema, (ACCOUNT, "another")) as client:
        assert await works(client)


async def test_an_unverified_name_is_never_needed(
    simulator: ExchangeSimulator, authority: CertificateAuthority
) -> None:
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    async with httpx.AsyncClient(verify=trust) as http:
        response = await http.post(simulator.ews_url)
        assert response.status_code == 401


async def test_a_client_that_gives_up_waiting_is_no_trouble_to_the_server(
    client: PlainClient, simulator: ExchangeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    hold = Hold()
    simulator.faults.add(hold, times=1)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(client.find_item(ANNA))
        await hold.reached.wait()
        asking.cancel()
    hold.release.set()
    assert await works(client)
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_requests_under_way_do_not_keep_the_server_from_stopping(
    client: PlainClient, simulator: ExchangeSimulator
) -> None:
    hold = Hold()
    simulator.faults.add(hold)

    async def is_broken_off() -> bool:
        try:
            await client.find_item(ANNA)
        except httpx.TransportError:
            return True
        return False

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(is_broken_off())
        await hold.reached.wait()
        await simulator.refuse_connections()
    assert asking.result()
