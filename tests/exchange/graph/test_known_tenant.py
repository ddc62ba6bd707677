"""What is known of a tenant is used: the first batches, the way to a mailbox, and what means that there is none."""

import pytest

from engine.core.tenant import MissingMailbox, TenantFacts
from engine.exchange.errors import MailboxNotFound, MailboxTrouble
from engine.exchange.graph.batch import PARTS
from engine.exchange.graph.errors import GraphAccessDenied
from engine.exchange.source import Mailbox
from engine.settings.model import Mode
from engine.simulator.graph.tenant import Behaviour
from engine.simulator.world import World
from tests.exchange.graph.conftest import CALENDARS, DIRECTORY, OpenCloud
from tests.exchange.graph.test_source_on_the_wire import ANNA, week

NOBODY = "nobody@corp.example"
OTHERWISE = Behaviour(missing_mailbox=(404, "ErrorNobodyKnows"))
KNOWN = TenantFacts(missing_mailbox=MissingMailbox(404, "errornobodyknows"))
BY_NAME_ONLY = TenantFacts(primary_address_works=False)


def name_of(world: World, address: str) -> str:
    return next(person.name for person in world.people if person.mailbox == address)


@pytest.mark.parametrize(("learned", "at_first"), [(None, 4), (1, 1), (12, 12), (100, 16), (0, 4)])
async def test_as_many_batches_at_first_as_were_not_throttled(
    open_cloud: OpenCloud, learned: int | None, at_first: int
) -> None:
    async with open_cloud(connections=32, facts=TenantFacts(batches_at_once=learned)) as cloud:
        assert cloud.source.reads_at_once == at_first * PARTS


async def test_never_more_than_there_are_connections(open_cloud: OpenCloud) -> None:
    async with open_cloud(connections=8, facts=TenantFacts(batches_at_once=16)) as cloud:
        assert cloud.source.reads_at_once == 6 * PARTS


@pytest.mark.parametrize(
    ("facts", "failure"),
    [
        (TenantFacts(), MailboxTrouble),
        (KNOWN, MailboxNotFound),
        (TenantFacts(missing_mailbox=MissingMailbox(400, "ErrorNobodyKnows")), MailboxTrouble),
        (TenantFacts(missing_mailbox=MissingMailbox(404, "")), MailboxTrouble),
    ],
)
@pytest.mark.parametrize("mode", [Mode.DETAILS, Mode.FREE_BUSY])
async def test_a_code_means_no_mailbox_only_where_that_was_found_out(
    open_cloud: OpenCloud, mode: Mode, facts: TenantFacts, failure: type[Exception]
) -> None:
    async with open_cloud(behaviour=OTHERWISE, facts=facts, mode=mode) as cloud:
        with pytest.raises(failure):
            await cloud.source.resolve([NOBODY])


async def test_a_mailbox_that_is_gone_is_noticed_by_it_as_well(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(behaviour=OTHERWISE, facts=KNOWN) as cloud:
        mailbox = await cloud.source.resolve([ANNA])
        cloud.tenant.remove(name_of(world, ANNA))
        with pytest.raises(MailboxNotFound):
            await cloud.source.read_window(mailbox, week(world))


async def test_a_code_of_the_table_keeps_its_meaning(open_cloud: OpenCloud, world: World) -> None:
    facts = TenantFacts(missing_mailbox=MissingMailbox(403, "ErrorAccessDenied"))
    async with open_cloud("User.Read.All", facts=facts) as cloud:
        cloud.tenant.scoped_role = True
        outsider = next(each.mailbox for each in world.people if each.mailbox and not each.may_impersonate)
        with pytest.raises(GraphAccessDenied):
            await cloud.source.resolve([outsider])


async def test_where_an_address_is_no_name_the_directory_is_asked_at_once(open_cloud: OpenCloud, world: World) -> None:
    async with open_cloud(CALENDARS, DIRECTORY, behaviour=Behaviour(keys="upn"), facts=BY_NAME_ONLY) as cloud:
        account = cloud.tenant.change(name_of(world, ANNA), user_principal_name="anna@signs-in.example")
        assert await cloud.source.resolve([ANNA]) == Mailbox(ANNA, f"{cloud.graph.url}/v1.0/users/{account.id}")
        assert [each.operation for each in cloud.graph.ledger.records()] == ["users", "calendarView"]
        with pytest.raises(MailboxNotFound):
            await cloud.source.resolve([NOBODY])
        assert cloud.graph.ledger.operations["calendarView"] == 1, "who is not in the directory has no name either"


async def test_without_the_directory_the_address_is_tried_nevertheless(open_cloud: OpenCloud) -> None:
    async with open_cloud(CALENDARS, facts=BY_NAME_ONLY) as cloud:
        for _ in range(2):
            assert (await cloud.source.resolve([ANNA])).address == ANNA
        assert [each.operation for each in cloud.graph.ledger.records()] == ["users", "calendarView", "calendarView"]
