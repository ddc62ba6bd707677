"""ResolveNames finds people by name and address, and reports none or several matches."""

from datetime import date

import pytest
from lxml import etree

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.server import ExchangeSimulator
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.world import Person, World, corp_world
from tests.simulator.exchange.client import NAMESPACES, PlainClient, code_of, plain_client, root_of, texts

ADDRESSES = ".//t:Resolution/t:Mailbox/t:EmailAddress"


@pytest.mark.parametrize(
    ("entry", "primary"),
    [
        ("anna.mueller@corp.example", "anna.mueller@corp.example"),
        ("smtp:anna.mueller@corp.example", "anna.mueller@corp.example"),
        ("smtp:KW@corp.example", "kathrin.weiss@corp.example"),
        ("smtp:birgitta.lindqvist@corp.example", "birgitta.soederberg@corp.example"),
        ("Jürgen Groß", "juergen.gross@corp.example"),
    ],
)
async def test_one_person_answers(client: PlainClient, entry: str, primary: str) -> None:
    response = await client.resolve(entry)
    assert code_of(response) == "NoError"
    assert texts(response, ADDRESSES) == [primary]


@pytest.mark.parametrize(
    "entry", ["kw@corp.example", "smtp:nobody@corp.example", "smtp:", "Nobody", "empfang@corp.example"]
)
async def test_nobody_answers_and_a_proxy_address_alone_finds_nobody(client: PlainClient, entry: str) -> None:
    response = await client.resolve(entry)
    assert code_of(response) == "ErrorNameResolutionNoResults"
    message = root_of(response).find(".//m:ResolveNamesResponseMessage", NAMESPACES)
    assert message is not None
    assert message.get("ResponseClass") == "Warning"


async def test_several_answer_to_an_ambiguous_name(client: PlainClient) -> None:
    response = await client.resolve("Ma")
    assert code_of(response) == "ErrorNameResolutionMultipleResults"
    assert "margit.hofer@corp.example" in texts(response, ADDRESSES)
    assert "marko.zagar@corp.example" in texts(response, ADDRESSES)


async def test_a_hundred_candidates_are_the_most(authority: CertificateAuthority, schema: etree.XMLSchema) -> None:
    names = [f"meier{number:03}" for number in range(120)]
    people = [Person(name=name, display_name=name, mailbox=f"{name}@corp.example") for name in names]
    berlin = corp_world(date(2026, 3, 2)).zone
    world = World(date(2026, 3, 2), berlin, people)
    async with (
        ExchangeSimulator(world, authority=authority, schemes=("Basic",)) as simulator,
        plain_client(simulator, authority, schema) as client,
    ):
        response = await client.resolve("meier")
        assert len(texts(response, ADDRESSES)) == 100
        assert b'IncludesLastItemInRange="false"' in response.content


@pytest.mark.parametrize("response_class", ["Warning", "Error"])
async def test_a_caller_without_a_mailbox_cannot_resolve(
    authority: CertificateAuthority, schema: etree.XMLSchema, world: World, response_class: str
) -> None:
    behaviour = Behaviour(caller_has_mailbox=False, no_results_class=response_class)  # type: ignore[arg-type]
    async with (
        ExchangeSimulator(world, authority=authority, schemes=("Basic",), behaviour=behaviour) as simulator,
        plain_client(simulator, authority, schema) as client,
    ):
        assert code_of(await client.resolve("anna.mueller@corp.example")) == "ErrorNameResolutionNoMailbox"
        impersonated = await client.resolve("Nobody", as_mailbox="anna.mueller@corp.example")
        assert f'ResponseClass="{response_class}"' in impersonated.text
