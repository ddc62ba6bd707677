"""An address leads only to the mailbox of its owner, even on servers that return similar addresses."""

from datetime import date
from typing import Any

import pytest

from engine.exchange.errors import ExchangeFailure, MailboxNotFound, MailboxTrouble
from engine.settings.model import Mode, ResolveWith
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Cut, Effect, ErrorCode, Reply, service_unavailable
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import BERLIN
from tests.exchange.ews.conftest import OpenSource, Simulate

DOMAIN = "corp.example"


def person(name: str, *proxies: str, kind: str = "Mailbox", **fields: Any) -> Person:
    return Person(
        name=name,
        display_name=name,
        mailbox=f"{name}@{DOMAIN}",
        proxy_addresses=proxies,
        mailbox_type=kind,
        **fields,
    )


@pytest.fixture
def world() -> World:
    people = [
        person("maria.mueller", "m.mueller@corp.example.de", "sip:m.mueller@corp.example"),
        person("tina", "tina.w@corp.example"),
        person("anna.schmidt", "aschmidt@corp.example", "anna@corp.example", "schmidt@corp.example"),
        person("boss", "1@corp.example", "2@corp.example", "chef@corp.example", may_impersonate=False),
        person("sales", "verkauf@corp.example", kind="PublicDL"),
        person("partner", "b.partner@corp.example", kind="Contact"),
        person("info", "kontakt@corp.example", kind="PublicFolder"),
    ]
    return World(date(2026, 3, 2), BERLIN, people)


WITHOUT_IMPERSONATION = {"mode": Mode.FREE_BUSY}
BY_AUTODISCOVER = {"mode": Mode.FREE_BUSY, "ews_url": None}
EVERY_WAY: list[dict[str, Any]] = [{}, WITHOUT_IMPERSONATION, BY_AUTODISCOVER, {"resolve_with": ResolveWith.CANDIDATES}]


STRANGERS = ("m.mueller@corp.example", "ina@corp.example", "schmid@corp.example", "tina@corp.exampl", "4711@x.example")


@pytest.mark.parametrize("settings", EVERY_WAY)
@pytest.mark.parametrize(("names_match", "lists"), [("beginning", True), ("anywhere", False), ("anywhere", True)])
async def test_somebody_elses_mailbox_is_never_taken(
    simulate: Simulate, open_source: OpenSource, settings: dict[str, Any], names_match: Any, lists: bool
) -> None:
    behaviour = Behaviour(names_match=names_match, lists_addresses=lists)
    async with simulate(behaviour) as exchange, open_source(exchange, **settings) as source:
        for address in STRANGERS:
            with pytest.raises(MailboxNotFound, match=address) as raised:
                await source.resolve([address])
            assert "maria" not in raised.value.detail
            assert "anna" not in raised.value.detail


async def test_what_was_offered_is_named_to_administrators_alone(simulate: Simulate, open_source: OpenSource) -> None:
    async with simulate() as exchange, open_source(exchange) as source:
        with pytest.raises(MailboxNotFound) as raised:
            await source.resolve(["m.mueller@corp.example"])
    assert "the server offered 1 mailbox for m.mueller@corp.example" in raised.value.detail
    assert raised.value.confidential == "offered: maria.mueller@corp.example"
    assert "maria.mueller@corp.example" in str(raised.value)


@pytest.mark.parametrize("names_match", ["beginning", "anywhere"])
@pytest.mark.parametrize(
    ("behaviour", "settings"),
    [
        ({}, {}),
        ({"lists_addresses": False}, {}),
        ({"secondary_impersonation": True}, {"resolve_with": ResolveWith.CANDIDATES}),
        ({"lists_addresses": False, "secondary_impersonation": True}, {"resolve_with": ResolveWith.CANDIDATES}),
        ({"lists_addresses": False}, BY_AUTODISCOVER),
    ],
    ids=["listed", "impersonated", "candidate", "candidate, not listed", "autodiscover"],
)
async def test_an_alias_leads_to_its_owner_by_whatever_proof_there_is(
    simulate: Simulate, open_source: OpenSource, behaviour: Any, settings: Any, names_match: Any
) -> None:
    """schmidt@ is the fourth address: it is beyond what is listed, and has to be proved otherwise in any case."""
    server = Behaviour(names_match=names_match, **behaviour)
    async with simulate(server) as exchange, open_source(exchange, **settings) as source:
        for alias in ("aschmidt@corp.example", "SCHMIDT@Corp.Example", "anna.schmidt@corp.example."):
            assert (await source.resolve([alias])).address == "anna.schmidt@corp.example"
        assert exchange.ledger.complaints == []


async def test_without_any_proof_even_an_alias_is_refused(simulate: Simulate, open_source: OpenSource) -> None:
    async with (
        simulate(Behaviour(lists_addresses=False)) as exchange,
        open_source(exchange, **WITHOUT_IMPERSONATION) as source,
    ):
        with pytest.raises(MailboxNotFound, match="none of which is proved"):
            await source.resolve(["schmidt@corp.example"])
        assert (await source.resolve(["anna.schmidt@corp.example"])).address == "anna.schmidt@corp.example"


async def test_owner_that_may_not_be_impersonated_is_proved_by_what_is_listed(
    simulate: Simulate, open_source: OpenSource
) -> None:
    async with simulate() as exchange, open_source(exchange) as source:
        assert (await source.resolve(["1@corp.example"])).address == "boss@corp.example"


@pytest.mark.parametrize(
    "address", ["verkauf@corp.example", "b.partner@corp.example", "kontakt@corp.example", "sales@corp.example"]
)
async def test_lists_contacts_and_public_folders_are_no_mailboxes(
    simulate: Simulate, open_source: OpenSource, address: str
) -> None:
    async with simulate() as exchange, open_source(exchange) as source:
        with pytest.raises(MailboxNotFound, match=address):
            await source.resolve([address])


async def test_owner_beyond_the_hundred_that_are_told_is_found(
    simulate: Simulate, open_source: OpenSource, world: World
) -> None:
    crowd = [person(f"a{number:03}", f"x{number}.tina@corp.example") for number in range(120)]
    many = World(world.day, world.zone, [*crowd, *world.people])
    async with simulate(Behaviour(names_match="anywhere"), many) as exchange, open_source(exchange) as source:
        assert (await source.resolve(["tina@corp.example"])).address == "tina@corp.example"
        with pytest.raises(MailboxNotFound, match="the server offered 100 mailboxes") as raised:
            await source.resolve(["a@corp.example", "0@corp.example", "x@corp.example", ".tina@corp.example"])
        assert "and 97 more" in raised.value.confidential


@pytest.mark.parametrize("effect", [service_unavailable(), ErrorCode("ErrorMailboxStoreUnavailable"), Cut(0)])
async def test_a_proof_that_fails_for_now_refuses_nobody(
    simulate: Simulate, open_source: OpenSource, effect: Effect
) -> None:
    async with simulate(Behaviour(lists_addresses=False)) as exchange, open_source(exchange) as source:
        exchange.faults.add(effect, operation="ResolveNames", mailbox="schmidt@corp.example")
        with pytest.raises(ExchangeFailure) as raised:
            await source.resolve(["schmidt@corp.example"])
        assert not isinstance(raised.value, MailboxNotFound)
        exchange.faults.clear()
        assert (await source.resolve(["schmidt@corp.example"])).address == "anna.schmidt@corp.example"


@pytest.mark.parametrize("effect", [Reply(503), Cut(0), Reply(200, b"<html>")])
async def test_autodiscover_that_fails_for_now_refuses_nobody(
    simulate: Simulate, open_source: OpenSource, effect: Effect
) -> None:
    async with (
        simulate(Behaviour(lists_addresses=False)) as exchange,
        open_source(exchange, **BY_AUTODISCOVER) as source,
    ):
        await source.resolve(["tina@corp.example"])
        for operation in ("GetUserSettings", "Autodiscover"):
            exchange.faults.add(effect, operation=operation)
        with pytest.raises(MailboxTrouble):
            await source.resolve(["schmidt@corp.example"])
        exchange.faults.clear()
        assert (await source.resolve(["schmidt@corp.example"])).address == "anna.schmidt@corp.example"


@pytest.mark.parametrize("code", ["500", "404"])
async def test_address_that_plain_old_autodiscover_does_not_know_is_nobodys(
    simulate: Simulate, open_source: OpenSource, code: Any
) -> None:
    """Nor the service account's, which has no mailbox in this world; and autodiscover by SOAP is not there."""
    async with (
        simulate(Behaviour(unknown_pox_address=code)) as exchange,
        open_source(exchange, ews_url=None) as source,
    ):
        exchange.faults.add(Reply(404), path="/autodiscover/autodiscover.svc")
        with pytest.raises(MailboxNotFound):
            await source.resolve(["nobody@corp.example"])
        assert (await source.resolve(["tina@corp.example"])).address == "tina@corp.example"


@pytest.mark.parametrize("effect", [Reply(503), Reply(429), Reply(403), Cut(0), Cut(30), Reply(200, b"<html>")])
async def test_autodiscover_with_trouble_of_its_own_says_nothing_of_a_user(
    simulate: Simulate, open_source: OpenSource, effect: Effect
) -> None:
    async with (
        simulate() as exchange,
        open_source(exchange, ews_url=None) as source,
    ):
        for operation in ("GetUserSettings", "Autodiscover"):
            exchange.faults.add(effect, operation=operation, mailbox="tina@corp.example")
        with pytest.raises(ExchangeFailure) as raised:
            await source.resolve(["tina@corp.example"])
        assert not isinstance(raised.value, MailboxNotFound)
        exchange.faults.clear()
        assert (await source.resolve(["tina@corp.example"])).address == "tina@corp.example"
