"""The mailbox of a request, and the answers for mailboxes that do not exist or are out of scope."""

from datetime import date

import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.world import corp_world
from tests.simulator.exchange.client import PlainClient, code_of, plain_client, texts

REFUSED = [
    ("nobody@corp.example", "ErrorNonExistentMailbox"),
    ("empfang@corp.example", "ErrorNonExistentMailbox"),
    ("birgitta.lindqvist@corp.example", "ErrorNonPrimarySmtpAddress"),
    ("gerd.vorstand@corp.example", "ErrorImpersonateUserDenied"),
    ("nonsense", "ErrorInvalidSmtpAddress"),
]


@pytest.mark.parametrize(("address", "code"), REFUSED)
async def test_a_mailbox_that_cannot_be_acted_for_is_a_fault(client: PlainClient, address: str, code: str) -> None:
    response = await client.find_item(address)
    assert (response.status_code, code_of(response)) == (500, code)


@pytest.mark.parametrize(("address", "code"), REFUSED)
async def test_or_a_response_message_if_the_server_is_so_inclined(
    authority: CertificateAuthority, schema: etree.XMLSchema, address: str, code: str
) -> None:
    behaviour = Behaviour(impersonation_refused_in="response")
    async with (
        ExchangeSimulator(
            corp_world(date(2026, 3, 2)), authority=authority, schemes=("Basic",), behaviour=behaviour
        ) as simulator,
        plain_client(simulator, authority, schema) as client,
    ):
        response = await client.find_item(address)
        assert (response.status_code, code_of(response)) == (200, code)


async def test_the_refusal_of_a_proxy_address_names_the_primary_one(client: PlainClient) -> None:
    response = await client.find_item("birgitta.lindqvist@corp.example")
    assert texts(response, ".//t:Value[@Name='Primary']") == ["birgitta.soederberg@corp.example"]


async def test_addresses_are_compared_regardless_of_case(client: PlainClient) -> None:
    response = await client.find_item("Anna.MUELLER@Corp.Example")
    assert (response.status_code, code_of(response)) == (200, "NoError")


async def test_a_principal_name_is_as_good_as_an_address(client: PlainClient) -> None:
    response = await client.find_item("anna.mueller@corp.example", kind="PrincipalName")
    assert code_of(response) == "NoError"


async def test_without_impersonation_there_is_no_calendar_to_read(client: PlainClient) -> None:
    response = await client.find_item("")
    assert code_of(response) == "ErrorMissingEmailAddress"
