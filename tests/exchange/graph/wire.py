"""Answers of Graph for these tests, and arbitrary ones."""

import json
from typing import Any

from hypothesis import strategies as st

ROOT = "https://graph.microsoft.com/v1.0"
WORDS = st.sampled_from(
    [
        *("value", "error", "code", "message", "innerError", "responses", "id", "status", "headers", "body", "start"),
        *("end", "dateTime", "timeZone", "isAllDay", "showAs", "sensitivity", "subject", "organizer", "scheduleId"),
        *("scheduleItems", "emailAddress", "address", "responseStatus", "originalStartTimeZone", "@odata.nextLink"),
        *("mail", "proxyAddresses", "anna@example.com", "1", "2", "busy", "UTC", "2026-12-01T08:00:00.0000000"),
        *("0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999", "W. Europe Standard Time", f"{ROOT}/users/a", "5009"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=8),
    max_leaves=25,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    ANYTHING.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["value", "responses"]), st.lists(ANYTHING, max_size=5), min_size=1).map(
        lambda value: json.dumps(value).encode()
    ),
    st.just(b"[" * 5_000),
)
"""Bodies of every kind: bytes, any JSON, and JSON that looks almost right."""


def at(local: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": f"2026-{local}:00.0000000", "timeZone": zone}


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An event as Graph answers it; a change to None is a null, and `...` leaves the property out."""
    whole = {
        "id": f"AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{number:04}AAA=",
        "subject": "Planning",
        "start": at("03-02T09:00"),
        "end": at("03-02T10:00"),
        "isAllDay": False,
        "showAs": "busy",
        "sensitivity": "normal",
        "isCancelled": False,
        "organizer": {"emailAddress": {"name": "Ben", "address": "ben@example.com"}},
        "responseStatus": {"response": "accepted", "time": "0001-01-01T00:00:00Z"},
        "originalStartTimeZone": "W. Europe Standard Time",
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def page(*events: Any, following: str | None = None) -> bytes:
    return json.dumps({"value": events} | ({"@odata.nextLink": following} if following is not None else {})).encode()


def error(code: str, message: str = "", inner: dict[str, Any] | None = None) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "innerError": inner}}).encode()
