"""Batches: their form, what becomes of their parts, and faults of one part or of all."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.faults import Cut, Hold, Reply, Unauthorized, redirect
from engine.simulator.graph.errors import MAILBOX_FULL, throttled, unknown_error
from engine.simulator.graph.throttle import Limits
from engine.simulator.world import World
from tests.simulator.graph.client import ANNA, PlainGraph, code_of, plain_graph, view_part

JOERG, ZOE = "joerg.schroeder@corp.example", "zoe.vandijk@corp.example"
SCHEDULES = {
    "schedules": [ANNA],
    "startTime": {"dateTime": "2026-03-02T00:00:00", "timeZone": "UTC"},
    "endTime": {"dateTime": "2026-03-03T00:00:00", "timeZone": "UTC"},
}


def people(world: World, count: int) -> list[str]:
    return [person.mailbox for person in world.people if person.mailbox and person.may_impersonate][:count]


async def test_twenty_calendars_in_one_request_in_any_order(cloud: PlainGraph) -> None:
    keys = people(cloud.world, 20)
    response = await cloud.post(
        "/$batch", {"requests": [view_part(str(number), key) for number, key in enumerate(keys)]}, prefer=""
    )
    ids = [part["id"] for part in response.json()["responses"]]
    assert sorted(ids, key=int) == [str(number) for number in range(20)] != ids
    for part in response.json()["responses"]:
        owner = keys[int(part["id"])]
        start, end = cloud.world.instant("00:00"), cloud.world.instant("00:00", 1)
        expected = [item.subject for item in cloud.world.occurrences(owner, start, end)]
        assert [event["subject"] for event in part["body"]["value"]] == expected
        assert part["status"] == 200
    assert cloud.graph.ledger.complaints == []
    assert {record.batch for record in cloud.graph.ledger.records()} == {1}
    assert cloud.graph.ledger.operations == {"calendarView": 20, "batch": 1}
    assert response.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"requests": []},
        {"requests": ["x"]},
        {"requests": [view_part(str(number)) for number in range(21)]},
        {"requests": [view_part("a"), view_part("A")]},
        {"requests": [view_part("a", id=1)]},
        {"requests": [view_part("a", url="https://graph.microsoft.com/v1.0/users")]},
        {"requests": [view_part("a", headers={"Prefer": 1})]},
        {"requests": [view_part("a", dependsOn=["b"])]},
        {"requests": [view_part("a", dependsOn=["b"]), view_part("b", dependsOn=["a"])]},
        {"requests": [view_part("a", dependsOn="b")]},
        {"requests": [{"id": "a", "method": "POST", "url": f"/users/{ANNA}/calendar/getSchedule", "body": {}}]},
    ],
)
async def test_a_batch_of_another_form_is_refused_as_a_whole(cloud: PlainGraph, body: Any) -> None:
    response = await cloud.post("/$batch", body)
    assert (response.status_code, code_of(response)) == (400, "BadRequest")
    assert cloud.graph.ledger.operations == {"batch": 1}


async def test_a_batch_is_json_and_posted(cloud: PlainGraph) -> None:
    url = f"{cloud.graph.url}/v1.0/$batch"
    assert (await cloud.http.post(url, content=b"{", headers={"Content-Type": "application/json"})).status_code == 400
    assert (await cloud.http.post(url, json={}, headers={"Content-Type": "text/plain"})).status_code == 400
    assert (await cloud.http.get(url)).status_code == 405


async def test_members_that_nobody_knows_are_tolerated(cloud: PlainGraph) -> None:
    answers = await cloud.batch(view_part("0", depends_on=[], colour="red"))
    assert answers["0"]["status"] == 200
    assert cloud.checked.findings == ["POST /$batch: requests[0]: colour, depends_on"]
    cloud.checked.findings.clear()


async def test_every_kind_of_request_may_be_a_part(cloud: PlainGraph) -> None:
    prefer = {"prefer": 'outlook.timezone="UTC"', "Content-Type": "application/json"}
    post = {"method": "POST", "url": f"/users/{ANNA}/calendar/getSchedule", "headers": prefer, "body": SCHEDULES}
    answers = await cloud.batch(
        {"id": "schedules", **post},
        {"id": "users", "method": "GET", "url": f"/users?$filter=mail eq '{ANNA}'&$select=id"},
        {"id": "user", "method": "get", "url": f"/users/{ANNA.replace('@', '%40')}?%24select=id"},
        {"id": "batch", "method": "POST", "url": "/$batch", "headers": prefer, "body": {"requests": []}},
        {"id": "nothing", "method": "GET", "url": "/me/calendarView"},
    )
    assert {name: part["status"] for name, part in answers.items()} == {
        "schedules": 200,
        "users": 200,
        "user": 200,
        "batch": 400,
        "nothing": 400,
    }
    assert answers["schedules"]["body"]["value"][0]["scheduleId"] == ANNA


async def test_prefer_is_that_of_the_part(cloud: PlainGraph) -> None:
    body = {"requests": [view_part("0", prefer="")]}
    response = await cloud.post("/$batch", body, prefer='outlook.timezone="Asia/Tokyo"')
    (part,) = response.json()["responses"]
    assert {event["start"]["timeZone"] for event in part["body"]["value"]} == {"UTC"}
    assert cloud.graph.ledger.complaints == [
        "calendarView without Prefer: outlook.timezone",
        "Prefer of a batch reaches none of its parts",
    ]


async def test_a_mailbox_twice_and_a_header_of_no_use_are_complained_about(cloud: PlainGraph) -> None:
    part = view_part("1")
    part["headers"]["Authorization"] = "Bearer x"
    await cloud.batch(view_part("0"), part)
    assert cloud.graph.ledger.complaints == ["header authorization in a part", f"{ANNA} more than once in a batch"]
    cloud.checked.findings.clear()


async def test_parts_wait_for_those_they_depend_on_and_fail_with_them(cloud: PlainGraph) -> None:
    answers = await cloud.batch(
        view_part("a", "nobody@corp.example"),
        view_part("b", dependsOn=["A"]),
        view_part("c", JOERG),
        view_part("d", ZOE, dependsOn=["c"]),
    )
    assert {name: part["status"] for name, part in answers.items()} == {"a": 404, "b": 424, "c": 200, "d": 200}
    order = [record.mailbox for record in cloud.graph.ledger.records(status=200, operation="calendarView")]
    assert order == [JOERG, ZOE]


async def test_four_at_once_to_a_mailbox_and_the_fifth_is_refused_alone(cloud: PlainGraph) -> None:
    answers = await cloud.batch(*(view_part(str(number)) for number in range(5)), view_part("other", JOERG))
    refused = {name: part for name, part in answers.items() if part["status"] == 429}
    assert list(refused) == ["4"]
    assert refused["4"]["headers"]["Retry-After"] == "5"
    assert refused["4"]["body"]["error"]["code"] == "ApplicationThrottled"
    assert (await cloud.view()).status_code == 200


async def test_requests_of_their_own_count_with_those_of_batches(cloud: PlainGraph) -> None:
    hold = Hold()
    cloud.graph.faults.add(hold, mailbox=ANNA, times=1)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(cloud.view(top="50"))
        await hold.reached.wait()
        answers = await cloud.batch(*(view_part(str(number)) for number in range(4)))
        hold.release.set()
    assert slow.result().status_code == 200
    assert sorted(part["status"] for part in answers.values()) == [200, 200, 200, 429]


async def test_a_mailbox_has_so_many_requests_in_ten_minutes(world: World, authority: CertificateAuthority) -> None:
    now = [world.instant("09:00")]
    limits = Limits(in_period=2)
    async with plain_graph(world, authority, limits=limits, now=lambda: now[0]) as cloud:
        assert [(await cloud.view(top="50")).status_code for _ in range(3)] == [200, 200, 429]
        now[0] = world.instant("09:07")
        response = await cloud.view(top="50")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "180")
        assert (await cloud.view(JOERG, top="50")).status_code == 200
        now[0] = world.instant("09:10")
        assert (await cloud.view(top="50")).status_code == 200


async def test_a_fault_of_one_mailbox_leaves_the_other_parts_alone(cloud: PlainGraph) -> None:
    keys = people(cloud.world, 8)
    cloud.graph.faults.add(replace(unknown_error(504), inner_code="MailboxInfoStale"), mailbox=keys[0])
    cloud.graph.faults.add(throttled(None), mailbox=keys[1])
    cloud.graph.faults.add(MAILBOX_FULL, mailbox=keys[2])
    cloud.graph.faults.add(Cut(), mailbox=keys[3])
    cloud.graph.faults.add(Unauthorized(), mailbox=keys[4])
    cloud.graph.faults.add(redirect("https://elsewhere.example/"), mailbox=keys[5])
    cloud.graph.faults.add(Reply(200, b"<html>", {"Content-Type": "text/html"}), mailbox=keys[6])
    answers = await cloud.batch(*(view_part(str(number), key) for number, key in enumerate(keys)))
    statuses = {name: part["status"] for name, part in sorted(answers.items())}
    assert statuses == {"0": 504, "1": 429, "2": 507, "4": 401, "5": 302, "6": 200, "7": 200}
    error = answers["0"]["body"]["error"]
    assert (error["code"], error["message"], error["innerError"]["code"]) == ("UnknownError", "", "MailboxInfoStale")
    assert "Retry-After" not in answers["1"]["headers"]
    assert answers["5"]["headers"]["Location"] == "https://elsewhere.example/"
    assert answers["6"]["body"] == "PGh0bWw+"
    assert [record.status for record in cloud.graph.ledger.records(mailbox=keys[3])] == [0]


async def test_a_slow_part_holds_the_whole_batch(cloud: PlainGraph) -> None:
    hold = Hold()
    cloud.graph.faults.add(hold, operation="calendarView", mailbox=JOERG)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(cloud.batch(view_part("0"), view_part("1", JOERG), view_part("2", ZOE)))
        await hold.reached.wait()
        assert (await cloud.view(ZOE, top="50")).status_code == 200
        assert not waiting.done()
        hold.release.set()
    assert len(waiting.result()) == 3


async def test_a_batch_may_be_cut_off_or_fail_as_a_whole(cloud: PlainGraph) -> None:
    cut = cloud.graph.faults.add(Cut(after=100), operation="batch")
    with pytest.raises(httpx.RemoteProtocolError):
        await cloud.batch(view_part("0"), view_part("1", JOERG))
    cloud.graph.faults.clear(cut)
    cloud.graph.faults.add(throttled(30), operation="batch", times=1)
    response = await cloud.post("/$batch", {"requests": [view_part("0")]}, prefer="")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "30")
    cloud.graph.faults.add(Reply(200, json.dumps({"responses": []}).encode()), operation="batch", times=1)
    assert await cloud.batch(view_part("0")) == {}
    cloud.graph.faults.add(redirect("https://elsewhere.example/"), operation="batch", times=1)
    assert (await cloud.post("/$batch", {"requests": [view_part("0")]}, prefer="")).status_code == 302


async def test_a_stop_in_the_middle_of_a_batch_ends_its_requests(cloud: PlainGraph) -> None:
    hold = Hold()
    cloud.graph.faults.add(hold, operation="calendarView", times=4)

    async def ask_in_vain() -> None:
        with pytest.raises(httpx.TransportError):
            await cloud.batch(*(view_part(str(each)) for each in range(20)))

    async with asyncio.TaskGroup() as group:
        group.create_task(ask_in_vain())
        await hold.reached.wait()
        await cloud.graph.refuse_connections()
    await cloud.graph.listen()
    assert [part["status"] for part in (await cloud.batch(*map(view_part, "abcd"))).values()] == [200] * 4


async def test_it_may_refuse_connections_and_resume(cloud: PlainGraph) -> None:
    await cloud.graph.refuse_connections()
    with pytest.raises(httpx.TransportError):
        await cloud.view()
    await cloud.graph.listen()
    assert (await cloud.view()).status_code == 200
