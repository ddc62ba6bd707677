"""The debug log over the local API: found, shown, explained, switched, followed and exported."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest

from engine.api.schema.log import (
    CaptureState,
    FilterAnswer,
    LogDiagnosis,
    LogExchange,
    LogPage,
    LogStatistics,
)
from engine.exchange.impersonation import grant
from tests.support.eventually import eventually
from tests.support.exchanges import answered
from tests.support.served_engine import (
    PASSWORDS,
    SETTINGS,
    EventReader,
    ServedEngine,
    an_exchange,
    people,
    served_engine,
)

USERS = people(3)
ON = SETTINGS + "[debug_log]\news = true\nsubjects = true\n"
SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures" / "har" / "har-1.2.schema.json").read_text())
SUBJECT = b"<t:CalendarItem><t:Subject>Frauenarzt</t:Subject><t:Sensitivity>Normal</t:Sensitivity></t:CalendarItem>"


def changes(code: str, **more: Any) -> dict[str, Any]:
    exchange = answered(code, mailbox="user1@corp.example")
    return {"request": exchange.request, "response": exchange.response} | more


async def page(served: ServedEngine, query: str = "") -> LogPage:
    return msgspec.convert(await served.get(f"/v1/log/exchanges{query}"), LogPage)


async def test_exchanges_are_found_and_paged_both_ways(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        for code in ("NoError", "ErrorServerBusy", "NoError"):
            await an_exchange(served, **changes(code))
        newest = await page(served, "?limit=2")
        rest = await page(served, f"?limit=2&before={newest.next}")
        forward = await page(served, "?after=1")
        errors = await page(served, "?filter=is:error+user:number+code:errorserver*")
    assert ([row.id for row in newest.rows], [row.id for row in rest.rows], rest.next) == ([3, 2], [1], None)
    assert ([row.id for row in forward.rows], forward.newest) == ([2, 3], 3)
    [row] = errors.rows
    assert (row.user, row.mailbox, row.error) == ("User Number 1", "user1@corp.example", True)
    assert row.decision == "mailbox again in 10 s"


async def test_a_mistake_in_a_filter_names_the_column(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        for path in ("exchanges", "statistics", "diagnosis", "har", "bundle"):
            async with served.session().get(f"/v1/log/{path}?filter=is:error+foo:1") as response:
                problem = await response.json()
            assert (response.status, problem["type"]) == (422, "invalid-filter")
            assert problem["fields"] == [{"pointer": "?filter", "detail": "column 10: there is no field foo"}]


async def test_one_exchange_with_its_bodies_by_range(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await an_exchange(served, **changes("ErrorImpersonateUserDenied", status=500))
        exchange = msgspec.convert(await served.get("/v1/log/exchanges/1"), LogExchange)
        session = served.session()
        whole = await body(session, "/v1/log/exchanges/1/response")
        part = await body(session, "/v1/log/exchanges/1/response", Range="bytes=3-11")
        beyond = await body(session, "/v1/log/exchanges/1/response", Range="bytes=5000-")
        pretty = await body(session, "/v1/log/exchanges/1/response?pretty=true")
        gone = await body(session, "/v1/log/exchanges/77/request")
    assert [phase.name for phase in exchange.phases] == ["send", "wait", "receive"]
    assert ("x-feserver", "EXCHANGE01") in [(header.name, header.value) for header in exchange.server]
    [diagnosis] = exchange.diagnosis
    assert diagnosis.type == "impersonation-denied"
    assert diagnosis.command.startswith(grant("'svc@corp.example'"))
    assert whole[0] == 200
    assert len(whole[1]) == exchange.response.size == exchange.response.kept
    assert part == (206, whole[1][3:12], f"bytes 3-11/{len(whole[1])}")
    assert (beyond[0], gone[0]) == (416, 404)
    assert pretty[1].startswith(b"<m:Envelope>\n  <m:ResponseCode>")


async def body(session: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, bytes, str | None]:
    async with session.get(path, headers=headers) as response:
        return response.status, await response.read(), response.headers.get("Content-Range")


async def test_figures_and_diagnosis(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await an_exchange(served, **changes("NoError"))
        for _ in range(2):
            await an_exchange(served, **changes("ErrorServerBusy", status=500))
        await an_exchange(served, status=None, failure="answer-broken-off", response=b"", response_headers={})
        await an_exchange(served, status=503, response=b"<html>Service Unavailable</html>")
        statistics = msgspec.convert(await served.get("/v1/log/statistics"), LogStatistics)
        found = msgspec.convert(await served.get("/v1/log/diagnosis"), LogDiagnosis)
    assert (statistics.count, statistics.errors) == (5, 4)
    assert {each.code for each in statistics.figures} == {
        "NoError",
        "ErrorServerBusy",
        "answer-broken-off",
        "HTTP 503",
    }
    first = found.findings[0]
    assert (first.diagnosis.code, first.diagnosis.type, first.count) == (
        "ErrorServerBusy",
        "mailbox-busy",
        2,
    )
    assert {each.diagnosis.type for each in found.findings} == {"mailbox-busy", "answer-broken-off", "exchange-busy"}
    assert all(each.diagnosis.cause and each.diagnosis.remedy for each in found.findings)


async def test_what_answers_in_place_of_exchange_is_named_wherever_it_is_diagnosed(tmp_path: Path) -> None:
    led = {"status": 302, "failure": "login-page", "response": b""}
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await an_exchange(served, **led, response_headers={"Location": "https://old.example/adfs/ls?wa=1"})
        await an_exchange(served, **led, response_headers={"Location": "https://sso.example/adfs/ls?wa=1"})
        await an_exchange(served, status=403, response=b"", response_headers={"X-EWS-Policy-Reason": "off"})
        found = msgspec.convert(await served.get("/v1/log/diagnosis"), LogDiagnosis)
        whole = [
            msgspec.convert(await served.get(f"/v1/log/exchanges/{each.newest}"), LogExchange)
            for each in found.findings
        ]
    assert [each.diagnosis for each in found.findings] == [each.diagnosis[0] for each in whole]
    codes = {each.diagnosis.type: each.diagnosis.code for each in found.findings}
    assert codes == {"login-page": "HTTP 302 redirects to https://sso.example/adfs/ls", "ews-switched-off": "HTTP 403"}


async def test_switching_is_in_the_audit_log_and_needs_the_right_to_change(tmp_path: Path) -> None:
    question = {"on": True, "mailboxes": ["User1@corp.example"], "seconds": 60}
    async with served_engine(tmp_path, USERS) as served:
        async with served.session(served.read_only).post("/v1/log/capture", json=question) as refused:
            assert refused.status == 403
        async with served.session().post("/v1/log/capture", json=question) as response:
            state = msgspec.convert(await response.json(), CaptureState)
        assert (state.on, state.mailboxes) == (True, ("user1@corp.example",))
        assert state.actor
        await served.clock.advance(61)
        await eventually(lambda: not served.log.capture.on)
        entries = (await served.get("/v1/audit"))["entries"]
    assert [entry["subject"] for entry in entries] == [
        "debug log off, its time has expired",
        "debug log on of User1@corp.example, for 60 s",
    ]


async def test_events_tell_how_many_ended_and_nothing_of_them_to_those_who_ask(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        async with served.session().get("/v1/events?topics=log") as response:
            reader = EventReader(response)
            name, _ = await reader.next()
            assert name == "snapshot"
            await an_exchange(served, response=b"<a>" + SUBJECT + b"</a>")
            name, event = await reader.next()
        assert (name, event) == ("log", {"number": event["number"], "count": 1, "newest": 1, "capture": None})
        place = event["number"] - 1
        assert b"event: log" in served.api_state.events.after(place, {"log"})[0]
        assert b"event: log" not in served.api_state.events.after(place, {"status", "changes", "users"})[0]


async def test_a_filter_that_is_being_typed(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await an_exchange(served)
        good = msgspec.convert(await served.get("/v1/log/filter?filter=is:error+op:Fi"), FilterAnswer)
        bad = msgspec.convert(await served.get("/v1/log/filter?filter=is:error+(op:x"), FilterAnswer)
        code = msgspec.convert(await served.get("/v1/log/filter?filter=code:impersonateuser"), FilterAnswer)
    assert [(chip.text, chip.start, chip.end) for chip in good.chips] == [("is:error", 0, 8), ("op:Fi", 9, 14)]
    assert [each.text for each in good.completions] == ["op:FindItem"]
    assert bad.mistake is not None
    assert (bad.mistake.column, bad.mistake.detail) == (10, "this bracket is not closed")
    assert [each.text for each in code.completions] == ["code:ErrorImpersonateUserDenied"]


@pytest.mark.parametrize("persons", [False, True])
async def test_a_har_is_what_the_format_says_and_names_nobody_unasked(tmp_path: Path, persons: bool) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served, response=b"<m:Envelope>" + SUBJECT + b"</m:Envelope>")
        await an_exchange(served, phases={"queue": 0.1, "connect": 0.01, "tls": 0.02, "login": 0.03, "wait": 0.1})
        await an_exchange(served, status=None, failure="exchange-unreachable", response=b"", response_headers={})
        await an_exchange(served, response=b"\xff\xfe\x00")
        har = await served.get(f"/v1/log/har?persons={str(persons).lower()}")
    jsonschema.validate(har, SCHEMA, format_checker=jsonschema.FormatChecker())
    entries = har["log"]["entries"]
    assert len(entries) == 4
    for entry in entries:
        times = (entry["timings"][name] for name in ("blocked", "connect", "send", "wait", "receive"))
        assert entry["time"] == pytest.approx(sum(time for time in times if time > 0))
    text = json.dumps(har)
    assert ("Frauenarzt" in text, "user1@corp.example" in text) == (persons, persons)
    assert [entry["response"]["status"] for entry in entries] == [200, 0, 200, 200]


async def test_a_support_bundle_has_everything_but_secrets_and_people(tmp_path: Path) -> None:
    secret = PASSWORDS["exchange"]
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served, response=f"<a>{secret}</a>".encode() + SUBJECT)
        async with served.session().get("/v1/log/bundle") as response:
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    files = {name.removeprefix("calendar-engine/"): archive.read(name) for name in archive.namelist()}
    assert set(files) == {
        *("README.txt", "exchanges.har", "statistics.json", "settings.json", "status.json", "versions.json"),
        "filter.txt",
    }
    everything = b"\n".join(files.values())
    for unwanted in (secret, "corp.example", "Frauenarzt", "User Number"):
        assert unwanted.encode() not in everything.replace(b"mail.corp.example", b"").replace(
            b"autodiscover.corp.example", b""
        )
    assert json.loads(files["settings.json"])["exchange"]["type"] == "on-premises"
    assert all(info.external_attr >> 16 == 0o600 for info in archive.infolist())


async def test_curl_has_placeholders_where_the_log_in_was(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await an_exchange(served, request_headers={"X-AnchorMailbox": "it's@corp.example", "Cookie": "a=b"})
        async with served.session().get("/v1/log/exchanges/1/curl") as response:
            command = await response.text()
    assert "--ntlm" in command
    assert "--user USER:PASSWORD" in command
    assert "'X-AnchorMailbox: it'\"'\"'s@corp.example'" in command
    assert "Cookie" not in command


BODIES = ("exchanges/1/request", "exchanges/1/response", "exchanges/1/curl", "har?persons=true", "bundle?persons=true")


@pytest.mark.slow
async def test_whoever_may_only_read_gets_neither_bodies_nor_names(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS, settings=ON) as served:
        await served.settled()
        await an_exchange(served, **changes("NoError"))
        for path in BODIES:
            async with served.session(served.read_only).get(f"/v1/log/{path}") as refused:
                problem = await refused.json(content_type=None)
            assert (refused.status, problem["type"]) == (403, "not-for-readers"), path
            async with served.session().get(f"/v1/log/{path}") as given:
                assert given.status == 200, path
        for path in ("exchanges", "exchanges/1", "statistics", "diagnosis", "har", "bundle?persons=false"):
            async with served.session(served.read_only).get(f"/v1/log/{path}") as given:
                assert given.status == 200, path
                assert b"user1@corp.example" not in await given.read() or path.startswith("exchanges"), path


async def test_the_settings_may_give_readers_everything(tmp_path: Path) -> None:
    settings = f"{ON}bodies_for_readers = true\n"
    async with served_engine(tmp_path, USERS, settings=settings) as served:
        await served.settled()
        await an_exchange(served, **changes("NoError"))
        for path in BODIES:
            async with served.session(served.read_only).get(f"/v1/log/{path}") as given:
                assert given.status == 200, path
