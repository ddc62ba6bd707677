"""Requests to Microsoft Graph in the debug log: what they are about, and the parts of a batch."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.http_record import HttpRecord
from engine.debuglog.entry import codes_of, operation_of
from engine.debuglog.graph import graph_mailboxes, parts_of
from engine.debuglog.switch import EVERY_PEER, CaptureSwitch
from tests.debuglog.log import PASSWORD, open_log
from tests.support.exchanges import traced

ROOT = "https://graph.microsoft.com/v1.0"
VIEW = "/users/{}/calendarView?startDateTime=2026-12-01T00:00:00Z&endDateTime=2026-12-03T00:00:00Z"
ANNAS_ID = "6f0a2c34-9d1b-4a66-9c3e-1b2a3c4d5e6f"
DENIED = {"error": {"code": "ErrorAccessDenied", "message": "Access is denied."}}
EVENTS = {"value": [{"id": "AAMk", "subject": "Frauenarzt", "showAs": "busy", "sensitivity": "normal"}]}


def asked(number: int, user: str) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": VIEW.format(user), "headers": {"Prefer": "x"}}


def answer(number: int, body: object, status: int = 200) -> dict[str, Any]:
    return {"id": str(number), "status": status, "headers": {"Retry-After": "7"}, "body": body}


def batch(requests: Sequence[object], responses: Sequence[object], **changes: Any) -> HttpRecord:
    return traced(
        **{
            "url": f"{ROOT}/$batch",
            "request_id": "b1",
            "request": json.dumps({"requests": requests}).encode(),
            "response": json.dumps({"responses": responses}).encode(),
        }
        | changes
    )


@pytest.mark.parametrize(
    ("url", "operation"),
    [
        (ROOT + VIEW.format("anna%40corp.example"), "calendarView"),
        (f"{ROOT}/users/6f0a/calendar/getSchedule", "getSchedule"),
        (f"{ROOT}/users?$filter=mail%20eq%20'a'", "users"),
        (f"{ROOT}/users/anna@corp.example?$select=id", "users"),
        (f"{ROOT}/$batch", "batch"),
        ("https://login.microsoftonline.com/6f0a/oauth2/v2.0/token", "Token"),
    ],
)
def test_the_name_of_an_operation(url: str, operation: str) -> None:
    assert operation_of("GET", url, b"") == operation


@pytest.mark.parametrize(
    ("url", "request_body", "mailboxes"),
    [
        (ROOT + VIEW.format("anna%40corp.example"), b"", ("anna@corp.example",)),
        (
            f"{ROOT}/users/anna@corp.example/calendar/getSchedule",
            b'{"schedules": ["a@x", "b@x"]}',
            ("a@x", "b@x"),
        ),
        (f"{ROOT}/users/anna@corp.example/calendar/getSchedule", b"no JSON", ()),
        (
            f"{ROOT}/users?$filter=mail%20eq%20'o''neill@x'%20or%20proxyAddresses/any(p:p%20eq%20'smtp:o''neill@x')",
            b"",
            ("o'neill@x",),
        ),
        (f"{ROOT}/$batch", b"", ()),
        ("https://[blanked]/v1.0/users/anna@x/calendarView", b"", ()),
    ],
)
def test_whom_a_request_concerns(url: str, request_body: bytes, mailboxes: tuple[str, ...]) -> None:
    assert graph_mailboxes(url, request_body) == mailboxes


def test_codes_of_errors() -> None:
    assert codes_of(json.dumps(DENIED).encode()) == ("ErrorAccessDenied",)
    assert codes_of(b'{"value":[{"scheduleId":"x","error":{"responseCode":"5009","message":"no"}}]}') == ("5009",)
    assert codes_of(rb'{"value":[{"subject":"say \"code\":\"x\""}]}') == ()


def test_the_parts_of_a_batch_are_requests_of_their_own() -> None:
    whole = batch([asked(1, "anna@x"), asked(2, "ben@x"), asked(3, "eva@x")], [answer(2, DENIED, 403), answer(1, {})])
    first, second, third = parts_of(whole)
    assert [each.request_id for each in (first, second, third)] == ["b1/1", "b1/2", "b1/3"]
    assert (second.url, second.method, second.status) == (ROOT + VIEW.format("ben@x"), "GET", 403)
    assert (second.request_headers, second.response_headers) == ({"Prefer": "x"}, {"Retry-After": "7"})
    assert json.loads(second.response) == DENIED
    assert (third.status, third.response) == (None, b"")


def test_a_part_with_a_body_and_one_whose_answer_is_no_json() -> None:
    schedule = {"id": "1", "method": "POST", "url": "/users/x/calendar/getSchedule", "body": {"schedules": ["a@x"]}}
    [part] = parts_of(batch([schedule], [answer(1, base64.b64encode(b"<html>").decode())]))
    assert (json.loads(part.request), part.response) == ({"schedules": ["a@x"]}, b"<html>")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 429},
        {"response": b'{"responses": [{"id": "1"'},
        {"request": b"<xml/>"},
        {"url": "https://mail.corp.example/EWS/Exchange.asmx"},
        {"status": None, "response": b""},
    ],
)
def test_what_is_no_batch_that_was_answered_has_no_parts(changes: dict[str, Any]) -> None:
    assert parts_of(batch([asked(1, "anna@x")], [answer(1, {})], **changes)) == ()


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "status", "url", "body"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.lists(JSON, max_size=4))
def test_any_batch_has_parts_or_none(requests: list[object], responses: list[object]) -> None:
    for part in parts_of(batch(requests, responses)):
        assert part.request_id.startswith("b1/")


async def test_a_batch_is_kept_without_the_bodies_of_its_parts(tmp_path: Path) -> None:
    whole = batch([asked(1, "anna@x"), asked(2, "ben@x")], [answer(1, EVENTS), answer(2, DENIED, 403)])
    async with open_log(tmp_path) as log:
        await log.take(whole)
        newest, second, first = sorted(await log.rows(), key=lambda row: row.id, reverse=True)
        kept = [await log.reader.exchange(row.id) for row in (first, second, newest)]
    assert [row.operation for row in (first, second, newest)] == ["batch", "calendarView", "calendarView"]
    assert (first.mailbox, second.mailbox, newest.mailbox) == ("", "anna@x", "ben@x")
    assert (first.sent, first.received) == (len(whole.request), len(whole.response))
    assert (newest.codes, newest.error, second.error) == (("ErrorAccessDenied",), True, False)
    bodies = [(each.request_id, each.response) for each in kept if each is not None]
    assert bodies[0] == ("b1", b"")
    assert b'"[blanked]"' in bodies[1][1]
    assert bodies[2][0] == "b1/2"


async def test_a_user_named_by_the_id_of_the_directory_is_known_by_the_address(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        log.capture.address_of = {ANNAS_ID: "anna@x"}.get  # type: ignore[assignment]
        log.capture.whose = {"anna@x": "Anna Müller"}.get  # type: ignore[assignment]
        log.capture.switch(CaptureSwitch(peers=EVERY_PEER, mailboxes=frozenset({"anna@x"})))
        await log.take(batch([asked(1, ANNAS_ID)], [answer(1, EVENTS)]))
        [row] = await log.rows("op:calendarView")
    assert (row.mailbox, row.user) == ("anna@x", "Anna Müller")


async def test_no_secret_of_a_batch_is_kept(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(batch([asked(1, "anna@x")], [answer(1, {"x": PASSWORD})]))
        kept = [await log.reader.exchange(row.id) for row in await log.rows()]
    assert len(kept) == 2
    assert PASSWORD not in repr(kept)


async def test_where_one_mailbox_is_captured_no_other_part_of_a_batch_is_kept(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        log.capture.switch(CaptureSwitch(peers=EVERY_PEER, mailboxes=frozenset({"ben@x"})))
        log.capture.take(batch([asked(1, "anna@x")], [answer(1, EVENTS)]))
        await log.take(batch([asked(1, "anna@x"), asked(2, "Ben@x")], [answer(1, EVENTS), answer(2, EVENTS)]))
        rows = await log.rows()
    assert sorted(row.mailbox for row in rows) == ["", "Ben@x"]
