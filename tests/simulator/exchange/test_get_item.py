"""GetItem returns the organizer's SMTP address, which FindItem does not."""

from engine.simulator.world import World
from tests.simulator.exchange.client import NAMESPACES, PlainClient, code_of, root_of, texts

EMILIE = "emilie.dubois@corp.example"


async def ids(client: PlainClient, mailbox: str) -> list[str]:
    response = await client.find_item(mailbox)
    return [element.get("Id", "") for element in root_of(response).iterfind(".//t:ItemId", NAMESPACES)]


async def test_the_organizer_comes_with_an_address(client: PlainClient) -> None:
    first, *_ = await ids(client, EMILIE)
    response = await client.get_item(EMILIE, first)
    assert code_of(response) == "NoError"
    assert texts(response, ".//t:Organizer/t:Mailbox/t:EmailAddress") == ["hr@corp.example"]


async def test_an_occurrence_is_found_by_its_own_id(client: PlainClient) -> None:
    found = await client.find_item(EMILIE)
    starts = dict(zip(await ids(client, EMILIE), texts(found, ".//t:CalendarItem/t:Start"), strict=True))
    for item_id, start in starts.items():
        assert texts(await client.get_item(EMILIE, item_id), ".//t:CalendarItem/t:Start") == [start]


async def test_an_item_that_was_deleted_is_not_found(client: PlainClient, world: World) -> None:
    first, *_ = await ids(client, EMILIE)
    world.clear(EMILIE)
    assert code_of(await client.get_item(EMILIE, first)) == "ErrorItemNotFound"


async def test_an_item_of_another_mailbox_is_not_found(client: PlainClient) -> None:
    first, *_ = await ids(client, EMILIE)
    assert code_of(await client.get_item("anna.mueller@corp.example", first)) == "ErrorItemNotFound"


async def test_an_id_that_is_none_is_malformed(client: PlainClient) -> None:
    assert code_of(await client.get_item(EMILIE, "AAMkAGU=")) == "ErrorInvalidIdMalformed"
