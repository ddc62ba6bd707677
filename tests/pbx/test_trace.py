"""What is said to the PBX is traced in both directions, each request together with its answer."""

import asyncio
from typing import Any

import pytest

from engine.core.pbx_record import PbxRecord
from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.pbx.errors import PresenceRefused
from engine.pbx.protocol import encode
from engine.pbx.requests import ANSWER_TIME
from engine.pbx.trace import MOST_BEGUN, ConnectionTrace, LinkTrace
from engine.simulator.pbx.state import Behaviour
from tests.pbx.support import guid_of, pbx_user, running_link, settings_for, simulator
from tests.pbx.test_server import PATH, listening
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

ANNA = pbx_user(1, h323="anna")
BUSY = Presence("busy", "Besprechung bis 10:00 Uhr")


class Records:
    """A trace that keeps what it receives."""

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self.all: list[PbxRecord] = []

    def take(self, record: PbxRecord) -> None:
        self.all.append(record)

    @property
    def operations(self) -> list[str]:
        return [f"{'<' if each.by_pbx else '>'} {each.operation}" for each in self.all]

    def one(self, operation: str) -> PbxRecord:
        (found,) = (each for each in self.all if each.operation == operation)
        return found


def connection(records: Records, clock: ManualClock) -> ConnectionTrace:
    return LinkTrace(records, clock).connection("wss://pbx")


async def test_a_link_from_its_opening_to_its_end() -> None:
    clock, records = ManualClock(), Records()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock, trace=records) as (link, heard):
        port = pbx.port
        await heard.complete()
        await link.set_presence(ANNA.guid, BUSY)
        await link.read_presence("anna")
        await eventually(lambda: "> UnsubscribePresence" in records.operations)
        await clock.advance(31)
        await eventually(lambda: "> ping" in records.operations)
        await clock.advance(30)
        await eventually(lambda: "> KeepAlive" in records.operations)
    logged_in = ["> connect", "> AppChallenge", "> AppLogin"]
    assert records.operations[:3] == logged_in
    assert "> ReplicateStart" in records.operations
    assert records.operations[-1] == "> close"
    written = records.one("SetPresence")
    assert (written.about, written.failure, written.proved) == (ANNA.guid, "", True)
    assert '"note":"Besprechung bis 10:00 Uhr"' in written.asked
    assert '"SetPresenceResult"' in written.answered
    assert records.one("SubscribePresence").about == "anna"
    assert not records.one("AppLogin").proved
    assert {each.operation for each in records.all if each.quiet} == {"KeepAlive", "ping"}
    assert {each.connection for each in records.all} == {"pbx-1"}
    assert {each.url for each in records.all} == {f"ws://127.0.0.1:{port}/PBX0/APPS/websocket"}


async def test_while_it_is_off_nothing_is_kept() -> None:
    clock, records = ManualClock(), Records(on=False)
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock, trace=records) as (_, heard):
        await heard.complete()
    assert records.all == []


async def test_the_messages_of_a_pbx_that_connects() -> None:
    clock, records = ManualClock(), Records()
    pbx = simulator(clock, ANNA, behaviour=Behaviour(asks_about_the_app=True))
    async with listening(clock, trace=records) as site, site.connecting(pbx):
        await site.heard.complete()
        await eventually(lambda: "< CheckBuild" in records.operations)
        pbx.add_user(pbx_user(2, h323="ben"))
        await eventually(lambda: "< ReplicateAdd" in records.operations)
    assert records.operations[:3] == ["> connect", "< AppChallenge", "< AppLogin"]
    assert "< PbxInfo" in records.operations
    assert '"AppLoginResult"' in records.one("AppLogin").answered
    assert records.one("ReplicateAdd").about == guid_of(2)
    first = records.all[0]
    assert (first.connection, first.url) == ("pbx-1@127.0.0.1", f"https://127.0.0.1:{site.port}{PATH}/calendar")


async def test_a_refused_log_in_says_so() -> None:
    clock, records = ManualClock(), Records()
    async with (
        simulator(clock, ANNA) as pbx,
        running_link(settings_for(pbx), clock, password=Secret("wrong"), trace=records) as (_, heard),
    ):
        await heard.down()
    assert records.one("AppLogin").failure == "pbx-login-refused"
    assert records.one("close").failure == "pbx-login-refused"


async def test_a_refused_presence_has_the_reason_of_the_pbx() -> None:
    clock, records = ManualClock(), Records()
    async with simulator(clock, ANNA) as pbx, running_link(settings_for(pbx), clock, trace=records) as (link, heard):
        await heard.complete()
        with pytest.raises(PresenceRefused) as refused:
            await link.set_presence("f" * 32, BUSY)
    written = records.one("SetPresence")
    assert (written.failure, written.reason) == ("presence-refused", refused.value.detail)


async def test_a_connection_that_cannot_be_opened_says_why() -> None:
    clock, records = ManualClock(), Records()
    async with simulator(clock) as pbx:
        settings = settings_for(pbx)
    async with running_link(settings, clock, trace=records) as (_, heard):
        await heard.down()
    (tried,) = records.all
    assert (tried.operation, tried.failure) == ("connect", "pbx-unreachable")
    assert "Connect call failed" in tried.reason


async def test_a_request_that_is_not_answered_in_time_says_so() -> None:
    clock, records = ManualClock(), Records()
    trace = connection(records, clock)
    trace.sent(encode({"mt": "SetPresence", "api": "PbxApi", "src": "1", "guid": "g"}))
    trace.sent(encode({"mt": "UnsubscribePresence", "api": "PbxApi", "src": "2"}))
    await clock.advance(ANSWER_TIME.total_seconds() - 1)
    trace.look()
    assert records.all == []
    await clock.advance(1)
    trace.look()
    assert [(each.operation, each.failure) for each in records.all] == [
        ("SetPresence", "presence-unanswered"),
        ("UnsubscribePresence", ""),
    ]
    assert records.all[0].seconds == ANSWER_TIME.total_seconds()


@pytest.mark.parametrize(
    ("asked", "answered", "pairs"),
    [
        ([{"mt": "AppInfo", "src": "1"}, {"mt": "AppInfo", "src": "2"}], {"mt": "AppInfoResult", "src": "2"}, "2"),
        ([{"mt": "AppInfo", "src": "1"}, {"mt": "AppInfo", "src": "2"}], {"mt": "AppInfoResult"}, "1"),
        ([{"mt": "SubscribePresence", "src": "1"}], {"mt": "PresenceUpdate", "src": "1"}, "1"),
        ([{"mt": "SubscribePresence", "src": "1"}], {"mt": "PresenceUpdate"}, None),
        ([{"mt": "SetPresence", "src": "1"}], {"mt": "SetPresenceResult", "src": "7"}, None),
        ([{"mt": "AppInfo", "src": 5}], {"mt": "AppInfoResult", "src": 5}, "5"),
    ],
)
def test_which_request_a_message_answers(
    asked: list[dict[str, Any]], answered: dict[str, Any], pairs: str | None
) -> None:
    records = Records()
    trace = connection(records, ManualClock())
    for each in asked:
        trace.sent(encode(each))
    trace.received(encode(answered))
    (record,) = records.all
    assert record.asked == encode(next((each for each in asked if str(each["src"]) == pairs), answered))
    assert record.answered == (encode(answered) if pairs else "")
    assert record.by_pbx is (pairs is None)


def test_what_waits_is_bounded() -> None:
    records = Records()
    trace = connection(records, ManualClock())
    for number in range(MOST_BEGUN + 5):
        trace.sent(encode({"mt": "SetPresence", "src": str(number)}))
    assert len(records.all) == 5
    trace.ended(None)
    assert len(records.all) == MOST_BEGUN + 6


@pytest.mark.parametrize("text", ["", "[]", "no JSON", '{"mt":5}', '{"mt":"' + "x" * 500 + '\\u001b[2J"}'])
def test_whatever_comes_is_kept_as_it_came(text: str) -> None:
    records = Records()
    connection(records, ManualClock()).received(text)
    (record,) = records.all
    assert (record.asked, record.by_pbx) == (text, True)
    assert len(record.operation) <= 60
    assert record.operation.isprintable()


async def test_after_switching_off_and_on_nothing_old_is_answered() -> None:
    clock, records = ManualClock(), Records()
    trace = connection(records, clock)
    trace.sent(encode({"mt": "SetPresence", "src": "1"}))
    records.on = False
    trace.received(encode({"mt": "KeepAlive"}))
    records.on = True
    await asyncio.sleep(0)
    trace.received(encode({"mt": "SetPresenceResult", "src": "1"}))
    assert records.operations == ["< SetPresenceResult"]
