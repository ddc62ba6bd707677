"""GetFolder returns ids of folders, which other operations accept."""

import pytest

from engine.simulator.world import World
from tests.simulator.exchange.client import NAMESPACES, PlainClient, code_of, field_uris, root_of, texts

ANNA, EMILIE = "anna.mueller@corp.example", "emilie.dubois@corp.example"
GET_FOLDER = (
    "<m:GetFolder><m:FolderShape><t:BaseShape>{shape}</t:BaseShape>{fields}</m:FolderShape>"
    "<m:FolderIds>{folder}</m:FolderIds></m:GetFolder>"
)
FIND_ITEM = (
    '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>'
    '<m:CalendarView StartDate="2026-03-02T00:00:00Z" EndDate="2026-03-03T00:00:00Z"/>'
    "<m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>"
)
SUBSCRIBE = (
    "<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>{folder}</t:FolderIds>"
    "<t:EventTypes><t:EventType>CreatedEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
)


def named(name: str) -> str:
    return f'<t:DistinguishedFolderId Id="{name}"/>'


async def folder_id(client: PlainClient, mailbox: str, name: str) -> str:
    response = await client.post(GET_FOLDER.format(shape="IdOnly", fields="", folder=named(name)), as_mailbox=mailbox)
    (element,) = root_of(response).iterfind(".//t:FolderId", NAMESPACES)
    return f'<t:FolderId Id="{element.get("Id")}"/>'


async def test_the_calendar_is_the_same_by_its_id(client: PlainClient) -> None:
    calendar = await folder_id(client, ANNA, "calendar")
    by_id, by_name = [
        await client.post(FIND_ITEM.format(folder=folder), as_mailbox=ANNA) for folder in (calendar, named("calendar"))
    ]
    assert by_id.content == by_name.content
    assert root_of(by_id).find(".//t:ItemId", NAMESPACES) is not None
    assert code_of(await client.post(SUBSCRIBE.format(folder=calendar), as_mailbox=ANNA)) == "NoError"


async def test_the_root_is_no_calendar(client: PlainClient) -> None:
    root = await folder_id(client, ANNA, "root")
    code = code_of(await client.post(FIND_ITEM.format(folder=root), as_mailbox=ANNA))
    assert code == "ErrorCalendarFolderIsInvalidForCalendarView"


async def test_the_id_of_another_mailboxs_folder_leads_nowhere(client: PlainClient) -> None:
    calendar = await folder_id(client, EMILIE, "calendar")
    assert code_of(await client.post(FIND_ITEM.format(folder=calendar), as_mailbox=ANNA)) == "ErrorFolderNotFound"


async def test_what_is_asked_for_is_told(client: PlainClient, world: World) -> None:
    asked = (
        f"<t:AdditionalProperties>{field_uris(('folder:DisplayName', 'folder:TotalCount'))}</t:AdditionalProperties>"
    )
    request = GET_FOLDER.format(shape="IdOnly", fields=asked, folder=named("calendar"))
    response = await client.post(request, as_mailbox=ANNA)
    assert texts(response, ".//t:CalendarFolder/t:DisplayName") == ["Calendar"]
    assert texts(response, ".//t:CalendarFolder/t:TotalCount") == [str(len(world.entries(ANNA)))]
    assert texts(response, ".//t:CalendarFolder/t:FolderClass") == []


@pytest.mark.parametrize(
    ("folder", "code"),
    [(named("inbox"), "ErrorFolderNotFound"), ('<t:FolderId Id="AAMkAGU="/>', "ErrorInvalidIdMalformed")],
)
async def test_what_is_not_there_is_refused(client: PlainClient, folder: str, code: str) -> None:
    request = GET_FOLDER.format(shape="Default", fields="", folder=folder)
    assert code_of(await client.post(request, as_mailbox=ANNA)) == code
