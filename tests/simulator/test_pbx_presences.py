"""Presences in the simulated PBX, with hand-written messages over a real socket."""

import pytest

from engine.core.presence.model import CLEARED, Presence
from engine.simulator.pbx.state import (
    Behaviour,
    ClearSemantics,
    Entry,
    PbxUser,
    PresenceWrite,
)
from tests.simulator.app import COLUMNS, SET, START, SUBSCRIBE, app_at, simulator
from tests.support.clock import ManualClock


async def test_the_newest_presence_is_first_and_each_source_has_one() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        assert await app.ask({**SET, "activity": "busy", "note": "Review"}) == {
            "api": "PbxApi",
            "mt": "SetPresenceResult",
            "src": "7",
        }
        pbx.set_manual("b01", "dnd", "no")
        assert [entry.contact for entry in pbx.presence_entries("b01")] == ["tel:", "calendar:", "im:"]
        await app.ask({**SET, "activity": "away"})
        assert pbx.presence_entries("b01") == (
            Entry("calendar:", "away"),
            Entry("tel:", "dnd", "no"),
            Entry("im:", status="open"),
        )
        assert pbx.calendar_presence("b01") == Presence("away")
        assert pbx.calendar_presence("b02") == CLEARED


@pytest.mark.parametrize("nothing", [{"activity": "", "note": ""}, {}, {"activity": "online"}])
@pytest.mark.parametrize(
    ("clears", "left"),
    [
        (ClearSemantics.REMOVES_ENTRY, ["tel:", "im:"]),
        (ClearSemantics.LEAVES_EMPTY_ENTRY, ["calendar:", "tel:", "im:"]),
    ],
)
async def test_setting_nothing_clears_either_way(
    nothing: dict[str, str], clears: ClearSemantics, left: list[str]
) -> None:
    async with simulator(behaviour=Behaviour(clears=clears)) as pbx, app_at(pbx) as app:
        await app.ask({**SET, "activity": "busy", "note": "Review"})
        pbx.set_manual("b01", "dnd")
        await app.ask({**SET, **nothing})
        assert [entry.contact for entry in pbx.presence_entries("b01")] == left
        assert pbx.calendar_presence("b01") == CLEARED


async def test_every_write_is_noted_and_the_accepted_ones_observed() -> None:
    clock, observed = ManualClock(), list[PresenceWrite]()
    behaviour = Behaviour(refused_presence={"b02": "presence is locked"})
    async with (
        simulator(clock=clock, behaviour=behaviour, on_write=observed.append) as pbx,
        app_at(pbx) as app,
    ):
        await app.ask({**SET, "activity": "busy", "note": "Review"})
        assert (await app.ask({**SET, "guid": "b02"}))["errorText"] == "presence is locked"
        assert (await app.ask({**SET, "guid": "b99"}))["errorText"] == "unknown user"
        assert (await app.ask({**SET, "contact": ""}))["errorText"] == "wrong parameters"
        assert (await app.ask({**SET, "note": 7}))["errorText"] == "wrong parameters"
        accepted = PresenceWrite(clock.now(), "b01", "calendar:", "busy", "Review", True)
        assert observed == [accepted]
        assert [write.accepted for write in pbx.ledger.writes] == [True, False, False, False, False]
        assert pbx.ledger.writes_of("b01")[0] == accepted
        assert pbx.ledger.writes_of("b02") == (PresenceWrite(clock.now(), "b02", "calendar:", None, None, False),)
        assert pbx.ledger.writes_of("b03") == ()


async def test_a_subscription_tells_presence_now_and_at_every_change_until_it_ends() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        assert await app.ask(SUBSCRIBE) == {"api": "PbxApi", "mt": "SubscribePresenceResult", "src": "s"}
        state = await app.receive()
        assert (state["mt"], state["sip"], state["email"]) == ("PresenceState", "anna", "anna@example.net")
        assert (await app.receive())["presence"] == [{"contact": "im:", "status": "open"}]
        pbx.set_manual("b01", "away", "back at 3")
        pbx.set_manual("b02", "away")
        update = await app.receive()
        assert (update["mt"], update["src"]) == ("PresenceUpdate", "s")
        assert update["presence"][0] == {"contact": "tel:", "activity": "away", "note": "back at 3"}
        ended = await app.ask({**SUBSCRIBE, "mt": "UnsubscribePresence"})
        assert ended["mt"] == "UnsubscribePresenceResult"
        pbx.set_manual("b01", "")
        assert (await app.ask({**SUBSCRIBE, "sip": "ben"}))["mt"] == "SubscribePresenceResult"


@pytest.mark.parametrize("name", ["nobody", "old", None])
async def test_only_users_by_their_present_name_can_be_subscribed_to(name: str | None) -> None:
    async with simulator(PbxUser(guid="b01", h323="old")) as pbx, app_at(pbx) as app:
        pbx.update_user(PbxUser(guid="b01", h323="new"))
        assert (await app.ask({**SUBSCRIBE, "sip": name}))["errorText"] == "unknown user"


async def test_results_are_held_back_as_long_as_asked_for_and_nothing_else_is() -> None:
    clock = ManualClock()
    async with simulator(clock=clock, behaviour=Behaviour(result_delay=5)) as pbx, app_at(pbx) as app:
        await app.send({**SET, "activity": "busy"})
        assert (await app.ask({**START, "columns": COLUMNS}))["mt"] == "ReplicateStartResult"
        assert pbx.calendar_presence("b01") == Presence("busy")
        await clock.advance(5)
        assert (await app.receive())["mt"] == "SetPresenceResult"


async def test_a_write_may_find_no_answer_and_still_be_done() -> None:
    async with simulator(behaviour=Behaviour(answers_presence=False)) as pbx, app_at(pbx) as app:
        await app.send({**SET, "activity": "busy"})
        assert (await app.ask({**START, "columns": COLUMNS}))["mt"] == "ReplicateStartResult"
        assert pbx.calendar_presence("b01") == Presence("busy")
