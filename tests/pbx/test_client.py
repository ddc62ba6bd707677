"""The link against a simulated PBX: log-in, users and presence."""

import asyncio

import pytest

from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.errors import PresenceRefused, PresenceUnanswered
from engine.pbx.events import LinkUp, UserRemoved, UserSeen
from engine.settings.model import ClearWith
from engine.simulator.pbx.state import CLEARING, Behaviour, ClearSemantics, EndOfCopy, PbxInfoSent
from tests.pbx.support import guid_of, pbx_user, running_link, settings_for, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

ANNA = pbx_user(1, h323="anna", cn="Anna Berg", emails=("anna.berg@example.net", "anna"), groups=("sales",), hide=True)
BEN = pbx_user(2, h323="ben")
IN_A_MEETING = Presence("busy", "Besprechung & Kaffee bis 10:00 Uhr ☕")


async def test_all_users_are_told_then_that_they_are_complete() -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(300)]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        complete = await heard.complete()
        assert heard.events[0] == LinkUp(None, "")
        assert heard.names_seen == [user.h323 for user in users]
        assert complete.guids == {guid_of(number) for number in range(300)}
        assert heard.events[-1] == complete


async def test_a_user_is_told_as_the_pbx_has_it() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        seen = await heard.first(UserSeen)
        assert seen.user == User(
            guid=ANNA.guid,
            name="anna",
            display_name="Anna Berg",
            home="master",
            node="root",
            groups=("sales",),
            hidden=True,
            addresses=("anna.berg@example.net", "anna"),
        )


async def test_people_alone_are_copied_and_nothing_that_is_not_needed_is_asked_for() -> None:
    clock = ManualClock()
    others = (pbx_user(3, pseudo="executive"), pbx_user(4, pseudo="waiting"))
    async with simulator(clock, ANNA, *others) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        complete = await heard.complete()
        assert complete.guids == {ANNA.guid, guid_of(3)}
        (start,) = pbx.ledger.replications
        assert (start.add, start.delete, start.pseudo) == (False, False, ("", "executive"))
        assert start.columns.isdisjoint({"devices", "cds", "allows", "e164"})


async def test_changes_are_told_as_they_come() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.add_user(BEN)
        pbx.update_user(pbx_user(1, h323="anna.new"))
        pbx.delete_user(BEN.guid)
        assert await heard.first(UserRemoved) == UserRemoved(BEN.guid)
        assert heard.names_seen == ["anna", "ben", "anna.new"]


@pytest.mark.parametrize("duplicates", [False, True])
async def test_changes_in_the_middle_of_the_copy_are_in_it(duplicates: bool) -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(200)]
    behaviour = Behaviour(duplicate_adds=duplicates)
    async with simulator(clock, *users, behaviour=behaviour) as pbx:
        async with running_link(settings_for(pbx), clock) as (_, heard):
            await heard.first(UserSeen, after=20)
            pbx.delete_user(guid_of(0))
            pbx.delete_user(guid_of(199))
            pbx.add_user(pbx_user(500))
            pbx.update_user(pbx_user(1, h323="renamed"))
            complete = await heard.complete()
        assert complete.guids == {user.guid for user in pbx.users}
        assert UserRemoved(guid_of(0)) in heard.events
        names = {event.user.guid: event.user.name for event in heard.of(UserSeen)}
        assert names[guid_of(1)] == "renamed"
        assert len(heard.names_seen) == len(set(heard.names_seen))


async def test_a_pbx_that_wants_a_replicator_able_to_write_is_told_there_is_one() -> None:
    clock = ManualClock()
    behaviour = Behaviour(needs_add_and_delete=True)
    async with simulator(clock, ANNA, behaviour=behaviour) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        assert [(start.add, start.delete) for start in pbx.ledger.replications] == [(False, False), (True, True)]


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(ends_copy_with=EndOfCopy.EMPTY_GUID),
        Behaviour(filters_pseudo=False),
        Behaviour(notifies_under_src=False),
        Behaviour(duplicate_adds=True),
    ],
    ids=["an empty guid ends the copy", "objects of every type come", "notifications without src", "duplicates"],
)
async def test_what_is_not_documented_of_replication_makes_no_difference(behaviour: Behaviour) -> None:
    clock = ManualClock()
    others = (pbx_user(3, pseudo="executive"), pbx_user(4, pseudo="waiting"), pbx_user(5, pseudo="gw"))
    async with (
        simulator(clock, ANNA, *others, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (_, heard),
    ):
        complete = await heard.complete()
        assert complete.guids == {ANNA.guid, guid_of(3)}
        pbx.add_user(pbx_user(6, pseudo="waiting"))
        pbx.add_user(BEN)
        pbx.update_user(pbx_user(2, h323="ben.new"))
        pbx.delete_user(BEN.guid)
        assert await heard.first(UserRemoved) == UserRemoved(BEN.guid)
        assert heard.names_seen == ["anna", "user3", "ben", "ben.new"]


async def test_a_pbx_that_answers_keep_alives_is_not_answered_back() -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(answers_keep_alive=True)) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        await clock.advance(60)
        await eventually(lambda: pbx.ledger.keep_alives == 1)
        await link.set_presence(ANNA.guid, IN_A_MEETING)
        assert pbx.ledger.keep_alives == 1


async def test_a_note_that_the_pbx_cuts_is_read_back_cut() -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(notes_cut_at=11)) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        await link.set_presence(ANNA.guid, IN_A_MEETING)
        assert await link.read_presence("anna") == Presence("busy", "Besprechung")


async def test_presence_is_written_under_our_contact_and_read_back() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        pbx.set_manual(ANNA.guid, "away", "back at 3")
        assert await link.read_presence("anna") == CLEARED
        await link.set_presence(ANNA.guid, IN_A_MEETING)
        assert pbx.calendar_presence(ANNA.guid) == IN_A_MEETING
        assert [entry.contact for entry in pbx.presence_entries(ANNA.guid)] == ["calendar:", "tel:", "im:"]
        assert await link.read_presence("anna") == IN_A_MEETING


@pytest.mark.parametrize("clears", CLEARING)
@pytest.mark.parametrize("clear", ClearWith)
async def test_a_cleared_presence_is_gone_however_it_is_written(clear: ClearWith, clears: ClearSemantics) -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(clears=clears)) as pbx,
        running_link(settings_for(pbx, clear=clear), clock) as (link, heard),
    ):
        await heard.complete()
        await link.set_presence(ANNA.guid, IN_A_MEETING)
        await link.set_presence(ANNA.guid, CLEARED)
        assert pbx.calendar_presence(ANNA.guid) == CLEARED
        assert await link.read_presence("anna") == CLEARED


async def test_another_contact_can_be_set() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx:
        async with running_link(settings_for(pbx, presence_contact="test:"), clock) as (link, heard):
            await heard.complete()
            await link.set_presence(ANNA.guid, IN_A_MEETING)
            assert await link.read_presence("anna") == IN_A_MEETING
        assert pbx.ledger.writes[0].contact == "test:"


async def test_a_refused_presence_gives_the_reason_of_the_pbx() -> None:
    clock = ManualClock()
    behaviour = Behaviour(refused_presence={ANNA.guid: "presence is locked"})
    async with simulator(clock, ANNA, behaviour=behaviour) as pbx:
        async with running_link(settings_for(pbx), clock) as (link, heard):
            await heard.complete()
            with pytest.raises(PresenceRefused, match="presence is locked"):
                await link.set_presence(ANNA.guid, IN_A_MEETING)
            with pytest.raises(PresenceRefused, match="unknown user"):
                await link.set_presence(guid_of(99), IN_A_MEETING)
            with pytest.raises(PresenceRefused, match="unknown user"):
                await link.read_presence("nobody")
        assert [write.accepted for write in pbx.ledger.writes] == [False, False]


async def test_answers_find_their_request_in_whatever_order_they_come() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA, BEN) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        async with asyncio.TaskGroup() as tasks:
            pbx.behaviour.result_delay = 5.0
            first = tasks.create_task(link.set_presence(ANNA.guid, IN_A_MEETING))
            await eventually(lambda: pbx.ledger.writes_of(ANNA.guid))
            pbx.behaviour.result_delay = 0.0
            await link.set_presence(BEN.guid, IN_A_MEETING)
            assert not first.done()
            await eventually(lambda: clock.next_alarm)
            await clock.advance(5)
        assert pbx.calendar_presence(ANNA.guid) == IN_A_MEETING


async def test_many_requests_may_be_under_way_at_once() -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(50)]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        async with asyncio.TaskGroup() as tasks:
            for user in users:
                tasks.create_task(link.set_presence(user.guid, Presence("busy", user.h323)))
        assert all(pbx.calendar_presence(user.guid) == Presence("busy", user.h323) for user in users)


async def test_an_unanswered_write_fails_after_ten_seconds_and_the_link_stays() -> None:
    clock = ManualClock()
    behaviour = Behaviour(answers_presence=False)
    async with (
        simulator(clock, ANNA, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        write = asyncio.gather(link.set_presence(ANNA.guid, IN_A_MEETING))
        await eventually(lambda: pbx.ledger.writes)
        await clock.advance(9.9)
        assert not write.done()
        await clock.advance(0.1)
        with pytest.raises(PresenceUnanswered, match="SetPresence was not answered"):
            await write
        behaviour.answers_presence = True
        await link.set_presence(ANNA.guid, IN_A_MEETING)


async def test_a_minute_of_silence_is_broken_by_a_keep_alive() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        await clock.advance(59)
        assert pbx.ledger.keep_alives == 0
        await clock.advance(1)
        await eventually(lambda: pbx.ledger.keep_alives == 1)
        await clock.advance(60)
        await eventually(lambda: pbx.ledger.keep_alives == 2)


async def test_a_keep_alive_of_the_pbx_is_swallowed() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        pbx.behaviour.garbage = '{"mt":"KeepAlive"}'
        pbx.add_user(BEN)
        pbx.update_user(pbx_user(2, h323="ben.new"))
        await eventually(lambda: "ben.new" in heard.names_seen)
        await link.set_presence(ANNA.guid, IN_A_MEETING)
        assert pbx.ledger.keep_alives == 0


@pytest.mark.parametrize(
    ("when", "ups"),
    [
        (PbxInfoSent.NEVER, [LinkUp(None, "")]),
        (PbxInfoSent.BEFORE_LOGIN, [LinkUp("master", "example.com")]),
        (PbxInfoSent.AFTER_LOGIN, [LinkUp(None, ""), LinkUp("master", "example.com")]),
    ],
)
async def test_name_and_domain_are_told_as_soon_as_the_pbx_tells_them(when: PbxInfoSent, ups: list[LinkUp]) -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(pbx_info=when)) as pbx,
        running_link(settings_for(pbx), clock) as (_, heard),
    ):
        await heard.complete()
        assert heard.ups == ups


async def test_a_domain_in_the_settings_counts_first() -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, behaviour=Behaviour(pbx_info=PbxInfoSent.AFTER_LOGIN)) as pbx,
        running_link(settings_for(pbx, domain="site.example"), clock) as (_, heard),
    ):
        await heard.complete()
        assert heard.ups == [LinkUp(None, "site.example"), LinkUp("master", "site.example")]
