"""Tests of requests in flight, without a socket."""

import asyncio

import pytest

from engine.pbx.errors import PbxUnreachable, PresenceRefused
from engine.pbx.protocol import ApiMessage, Message
from engine.pbx.requests import ANSWER_TIME, Deadlines, Requests
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

SUBSCRIBE: Message = {"api": "PbxApi", "mt": "SubscribePresence", "sip": "anna"}
UNSUBSCRIBE: Message = {"api": "PbxApi", "mt": "UnsubscribePresence", "sip": "anna"}


class Wire:
    """Requests whose messages end in a list, and one of them under way."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[Message] = []
        self.deadlines = Deadlines(self.clock)
        self.requests = Requests(self.deadlines, self.sent.append)

    def answer(self, mt: str, src: object = None, **members: object) -> None:
        label = str(self.sent[0]["src"] if src is None else src)
        self.requests.receive(ApiMessage("PbxApi", mt, label, {"mt": mt, **members}))

    async def read(self) -> Message:
        return await self.requests.ask(SUBSCRIBE, afterwards=UNSUBSCRIBE)


async def test_a_subscription_ends_with_the_first_update_under_the_same_src() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        read = tasks.create_task(wire.read())
        await asyncio.sleep(0)
        wire.answer("SubscribePresenceResult")
        wire.answer("PresenceState", up=True)
        wire.answer("PresenceUpdate", src="another", presence=["not ours"])
        wire.answer("PresenceUpdate", presence=["first"])
        wire.answer("PresenceUpdate", presence=["second"])
    assert read.result()["presence"] == ["first"]
    subscribed, unsubscribed = wire.sent
    assert subscribed == {**SUBSCRIBE, "src": subscribed["src"]}
    assert unsubscribed == {**UNSUBSCRIBE, "src": subscribed["src"]}


async def test_a_refused_subscription_is_a_refusal() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        read = tasks.create_task(_refusal(wire))
        await asyncio.sleep(0)
        wire.answer("SubscribePresenceResult", errorText="unknown user")
        wire.answer("SubscribePresenceResult", errorText="said twice")
    assert read.result() == "unknown user"


async def _refusal(wire: Wire) -> str:
    with pytest.raises(PresenceRefused) as caught:
        await wire.read()
    return caught.value.detail


async def test_every_request_has_a_src_of_its_own() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        reads = [tasks.create_task(wire.requests.ask(SUBSCRIBE)) for _ in range(3)]
        await asyncio.sleep(0)
        labels = [message["src"] for message in wire.sent]
        for label in reversed(labels):
            wire.answer("PresenceUpdate", src=label, of=label)
    assert [read.result()["of"] for read in reads] == labels
    assert len(set(labels)) == 3


async def test_an_answered_request_has_no_deadline_any_more() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wire.read())
        await asyncio.sleep(0)
        await wire.clock.advance(3)
        wire.answer("PresenceUpdate")
    assert wire.deadlines.next_look() == wire.clock.now() + ANSWER_TIME


SET: Message = {"api": "PbxApi", "mt": "SetPresence", "guid": "b01"}


async def test_results_without_a_src_belong_to_the_requests_in_their_order() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        first, second = (tasks.create_task(wire.requests.ask({**SET, "guid": guid})) for guid in ("b01", "b02"))
        await asyncio.sleep(0)
        wire.answer("SetPresenceResult", src="", of="b01")
        wire.answer("SetPresenceResult", src="", of="b02")
        wire.answer("SetPresenceResult", src="", of="nobody")
    assert (first.result()["of"], second.result()["of"]) == ("b01", "b02")


async def test_an_update_without_a_src_belongs_to_the_only_one_that_waits_for_it() -> None:
    wire = Wire()
    async with asyncio.TaskGroup() as tasks:
        reads = [tasks.create_task(wire.read()) for _ in range(2)]
        await asyncio.sleep(0)
        wire.answer("PresenceUpdate", src="", of="one of them")
        assert not any(read.done() for read in reads)
        for sent in list(wire.sent):
            wire.answer("PresenceUpdate", src=sent["src"])
        await asyncio.sleep(0)
        later = [tasks.create_task(wire.read()) for _ in range(2)]
        for number in range(2):
            await quiescence()
            assert sum(message["mt"] == "SubscribePresence" for message in wire.sent) == 3 + number, "one at a time"
            wire.answer("PresenceUpdate", src="", of=number)
    assert [read.result()["of"] for read in later] == [0, 1]


async def test_nothing_is_asked_on_a_closed_connection() -> None:
    wire = Wire()
    wire.requests.close()
    with pytest.raises(PbxUnreachable):
        await wire.read()
    assert wire.sent == []
