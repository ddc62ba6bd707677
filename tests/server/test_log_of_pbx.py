"""The messages of the PBX in the debug log over the local API, and how many entries ended when."""

import json
from pathlib import Path
from typing import Any

import msgspec

from engine.api.schema.log import CaptureState, LogDiagnosis, LogExchange, LogHistogram, LogPage
from engine.core.pbx_record import PbxRecord
from tests.support.eventually import eventually
from tests.support.exchanges import WRITTEN, said
from tests.support.served_engine import SETTINGS, ServedEngine, an_exchange, people, served_engine

USERS = people(3)
ON = SETTINGS + "[debug_log]\news = true\npbx = true\n"
REFUSED = '{"mt":"SetPresenceResult","error":3,"errorText":"no such user"}'


async def a_message(served: ServedEngine, **changes: Any) -> None:
    """Have something said to the PBX, and wait until it is in the log."""
    record: PbxRecord = said(**{"about": USERS[1].guid, **changes})
    before = served.log.capture.status().captured
    served.log.capture.pbx.take(record)
    await eventually(lambda: served.log.capture.status().captured > before)


async def answer(served: ServedEngine, path: str) -> tuple[int, bytes]:
    async with served.session().get(path) as response:
        return response.status, await response.read()


async def switched(served: ServedEngine, question: dict[str, Any]) -> tuple[int, Any]:
    async with served.session().post("/v1/log/capture", json=question) as response:
        return response.status, await response.json()


async def test_what_is_said_to_the_pbx_is_found_and_explained(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served)
        await a_message(served)
        await a_message(served, answered=REFUSED, failure="presence-refused", reason="no such user")
        page = msgspec.convert(await served.get("/v1/log/exchanges?filter=peer:pbx+user:number"), LogPage)
        one = msgspec.convert(await served.get("/v1/log/exchanges/3"), LogExchange)
        found = msgspec.convert(await served.get("/v1/log/diagnosis?filter=peer:pbx"), LogDiagnosis)
        _, written = await answer(served, "/v1/log/exchanges/2/response")
        status, curl = await answer(served, "/v1/log/exchanges/2/curl")
        _, har = await answer(served, "/v1/log/har?persons=true")
    assert [(row.id, row.peer, row.operation, row.problem, row.user) for row in page.rows] == [
        (3, "pbx", "SetPresence", "presence-refused", "User Number 1"),
        (2, "pbx", "SetPresence", "", "User Number 1"),
    ]
    assert (one.method, one.url) == ("SEND", "wss://pbx.corp.example:443/PBX0/APPS/websocket")
    (told,) = one.diagnosis
    assert (told.code, told.meaning) == ("presence-refused", "The PBX refuses to set this presence")
    assert told.cause == "no such user"
    (finding,) = found.findings
    assert (finding.count, finding.users, finding.diagnosis) == (1, 1, told)
    assert written == WRITTEN.encode()
    assert (status, json.loads(curl)["title"]) == (404, "There is no such curl command")
    assert [entry.get("_resourceType") for entry in json.loads(har)["log"]["entries"]] == [
        "websocket",
        "websocket",
        None,
    ]


async def test_one_side_alone_is_switched(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=SETTINGS) as served:
        capture = served.log.capture
        for question, peers in (
            ({"on": True, "peers": ["pbx"]}, ("pbx",)),
            ({"on": True}, ("exchange", "pbx")),
            ({"on": False}, ()),
        ):
            _, state = await switched(served, question)
            assert msgspec.convert(state, CaptureState).peers == peers
            assert state["on"] is bool(peers)
            assert (capture.on, capture.pbx.on) == ("exchange" in peers, "pbx" in peers)
        status, _ = await switched(served, {"on": True, "peers": []})
    assert status == 400


async def test_how_many_ended_when(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served)
        await served.clock.advance(600)
        await a_message(served, failure="presence-refused")
        found = msgspec.convert(await served.get("/v1/log/histogram?columns=11"), LogHistogram)
        begin = found.begin.isoformat().replace("+00:00", "Z")
        fine = msgspec.convert(await served.get(f"/v1/log/histogram?columns=3&begin={begin}&seconds=300"), LogHistogram)
        nothing = msgspec.convert(await served.get("/v1/log/histogram?filter=user:nobody"), LogHistogram)
    assert (found.seconds, found.count, found.error_count) == (60, 2, 1)
    assert (found.counts[0], found.counts[-1], found.errors[-1]) == (1, 1, 1)
    assert (fine.seconds, sum(fine.counts)) == (300, 2)
    assert (nothing.counts, nothing.oldest) == ((), None)
