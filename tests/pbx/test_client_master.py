"""The link proves that it is connected to the master PBX, with the necessary rights, before anything is written."""

import pytest

from engine.core.presence.model import Presence
from engine.pbx.errors import PbxFailure, PbxRightsMissing, PbxUnreachable, PresenceRefused, WrongPbx
from engine.pbx.events import LinkUp, UsersComplete
from engine.simulator.pbx.state import Behaviour, MissingRight, PbxInfoSent
from tests.pbx.support import next_try, pbx_user, running_link, settings_for, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")
BUSY = Presence("busy", "Review")
TELLS = [PbxInfoSent.BEFORE_LOGIN, PbxInfoSent.AFTER_LOGIN]


@pytest.mark.parametrize("when", TELLS)
async def test_a_pbx_that_tells_another_name_is_the_wrong_one(when: PbxInfoSent) -> None:
    clock = ManualClock()
    async with (
        simulator(clock, ANNA, name="branch", behaviour=Behaviour(pbx_info=when)) as pbx,
        running_link(settings_for(pbx), clock) as (_, heard),
    ):
        down = await heard.down()
        assert isinstance(down.failure, WrongPbx)
        assert "branch" in down.failure.detail
        assert (next_try(down) - clock.now()).total_seconds() >= 45
        assert heard.of(UsersComplete) == []


async def test_a_name_that_comes_late_is_checked_too() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA, name="branch") as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.tell_about_itself()
        assert isinstance((await heard.down()).failure, WrongPbx)


async def test_a_domain_that_comes_late_is_told() -> None:
    clock = ManualClock()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.tell_about_itself()
        pbx.tell_about_itself()
        pbx.add_user(pbx_user(2, h323="ben"))
        await eventually(lambda: "ben" in heard.names_seen)
        assert heard.ups == [LinkUp(None, ""), LinkUp("master", "example.com")]


async def test_users_at_home_elsewhere_alone_mean_the_wrong_pbx() -> None:
    clock = ManualClock()
    users = [pbx_user(1, loc="branch"), pbx_user(2, loc="depot")]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        failure = (await heard.down()).failure
        assert isinstance(failure, WrongPbx)
        assert "branch, depot" in failure.detail
        assert heard.of(UsersComplete) == []


async def test_one_user_at_home_at_the_master_is_proof() -> None:
    clock = ManualClock()
    users = [pbx_user(1, loc="branch"), pbx_user(2, loc="MASTER")]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await heard.complete()
        await link.set_presence(users[0].guid, BUSY)
        assert pbx.calendar_presence(users[0].guid) == BUSY


async def test_the_name_told_weighs_more_than_where_users_are_at_home() -> None:
    clock = ManualClock()
    away = pbx_user(1, loc="branch")
    async with (
        simulator(clock, away, behaviour=Behaviour(pbx_info=PbxInfoSent.AFTER_LOGIN)) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        await link.set_presence(away.guid, BUSY)
        assert pbx.calendar_presence(away.guid) == BUSY


async def test_without_users_the_first_one_that_comes_is_the_proof() -> None:
    clock = ManualClock()
    async with simulator(clock) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        assert (await heard.complete()).guids == frozenset()
        with pytest.raises(PbxUnreachable):
            await link.set_presence(ANNA.guid, BUSY)
        pbx.add_user(ANNA)
        await eventually(lambda: heard.names_seen)
        await link.set_presence(ANNA.guid, BUSY)


async def test_without_users_the_first_one_that_comes_may_be_at_home_elsewhere() -> None:
    clock = ManualClock()
    async with simulator(clock) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.complete()
        pbx.add_user(pbx_user(1, loc="branch"))
        assert isinstance((await heard.down()).failure, WrongPbx)
        assert heard.names_seen == []


async def test_nothing_is_written_before_the_proof() -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(100)]
    async with simulator(clock, *users) as pbx, running_link(settings_for(pbx), clock) as (link, heard):
        await eventually(lambda: heard.names_seen)
        with pytest.raises(PbxUnreachable, match="not been checked"):
            await link.set_presence(users[0].guid, BUSY)
        assert heard.of(UsersComplete) == []
        assert pbx.ledger.writes == []


@pytest.mark.parametrize("when", TELLS)
@pytest.mark.parametrize("missing", ["PbxApi", "PbxTableUsers"])
async def test_a_right_missing_in_what_the_pbx_tells_is_named(missing: str, when: PbxInfoSent) -> None:
    clock = ManualClock()
    behaviour = Behaviour(pbx_info=when, apis=frozenset({"PbxApi", "PbxTableUsers"} - {missing}))
    async with simulator(clock, ANNA, behaviour=behaviour) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        down = await heard.down()
        assert isinstance(down.failure, PbxRightsMissing)
        assert down.failure.detail == missing
        assert (next_try(down) - clock.now()).total_seconds() >= 45


@pytest.mark.parametrize("reaction", MissingRight)
async def test_the_missing_right_to_read_users_shows_without_being_told(reaction: MissingRight) -> None:
    clock = ManualClock()
    behaviour = Behaviour(apis=frozenset({"PbxApi"}), missing_right=reaction)
    async with simulator(clock, ANNA, behaviour=behaviour) as pbx, running_link(settings_for(pbx), clock) as (_, heard):
        await heard.first(LinkUp)
        while not heard.events[1:]:
            await quiescence()
            await clock.advance(10)
        failure = (await heard.down()).failure
        assert isinstance(failure, PbxRightsMissing)
        assert "PbxTableUsers" in failure.detail


async def test_the_missing_right_to_write_presence_shows_at_the_first_write() -> None:
    clock = ManualClock()
    behaviour = Behaviour(apis=frozenset({"PbxTableUsers"}))
    async with (
        simulator(clock, ANNA, behaviour=behaviour) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.complete()
        with pytest.raises(PbxFailure) as caught:
            await link.set_presence(ANNA.guid, BUSY)
        assert isinstance(caught.value, PresenceRefused)
