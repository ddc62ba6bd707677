"""Filters find exactly the matching entries in the database, and cursors neither skip nor repeat any."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.debuglog import query as reader_module
from engine.debuglog.entry import EntryRow, LogEntry
from engine.debuglog.filter.model import All, Any, Filter, Not, Term, canonical
from engine.debuglog.filter.parse import parse
from engine.debuglog.query import every, known, open_to_search, rows
from engine.debuglog.statistics import figures, troubles
from tests.debuglog.log import NOON, OpenLog, open_log
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.exchanges import answered, traced

MAILBOXES = ["alice@corp.example", "bob@corp.example", "jörg@corp.example", ""]
CODES = ["NoError", "ErrorServerBusy", "ErrorAccessDenied", "NoError</m:ResponseCode><m:ResponseCode>ErrorItemNotFound"]
OPERATIONS = ["FindItem", "GetItem", "Subscribe"]
USERS = {"alice@corp.example": "Alice Ängström", "bob@corp.example": "Bob"}


async def filled(log: OpenLog, number: int = 60) -> None:
    log.capture.whose = lambda mailbox: USERS.get(mailbox, "")
    for place in range(number):
        await log.clock.advance(30)
        log.capture.take(
            answered(
                CODES[place % 4],
                mailbox=MAILBOXES[place % 3] if place % 7 else "",
                operation=OPERATIONS[place % 5 % 3],
                status=None if place % 11 == 0 else 500 if place % 4 == 1 else 200,
                failure="answer-broken-off" if place % 11 == 0 else "",
                attempt=1 + place % 2,
                seconds=place / 10,
                part=place % 13 == 0,
                lane=f"stream {place % 3}" if place % 6 == 0 else "mail 1",
                request_id=f"{place:08x}-x",
            )
        )
    await eventually(lambda: log.capture.status().captured == number)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sqlite3.Connection, list[LogEntry]]]:
    directory = tmp_path_factory.mktemp("log")

    async def fill() -> list[LogEntry]:
        async with open_log(directory, clock=ManualClock(NOON)) as log:
            await filled(log)
            everything = await log.reader.run(lambda connection: list(every(connection, All(()), NOON, 1000)))
            return sorted(everything, key=lambda kept: -kept.row.id)

    everything = asyncio.run(fill())
    connection = open_to_search(directory / "debuglog.sqlite")
    yield connection, everything
    connection.close()


END = NOON + timedelta(minutes=30)


def fits(kept: LogEntry, this: Filter) -> bool:
    """The meaning of the language, told once more and without a database."""
    match this:
        case Not(inner):
            return not fits(kept, inner)
        case All(members):
            return all(fits(kept, member) for member in members)
        case Any(members):
            return any(fits(kept, member) for member in members)
        case Term(field, comparison, value):
            return term_fits(kept, field, comparison, value)


def term_fits(kept: LogEntry, field: str, comparison: str, value: object) -> bool:
    row, text = kept.row, str(value).casefold()
    compare = {">=": float.__ge__, "<=": float.__le__, ">": float.__gt__, "<": float.__lt__, "=": float.__eq__}
    numbers = {"status": row.status, "ms": row.ms, "size": row.sent + row.received, "attempt": row.attempt}
    since = value if isinstance(value, datetime) else END - value if isinstance(value, timedelta) else END
    flags = {"error": row.error, "ok": not row.error, "part": row.part, "unanswered": row.status is None}
    outcomes = [each.casefold() for each in (*row.codes, row.failure) if each]
    people = f"{row.user}\n{row.mailbox}".casefold()
    match field:
        case "status" | "ms" | "size" | "attempt":
            number = numbers[field]
            return number is not None and compare[comparison](float(number), float(str(value)))
        case "since":
            return row.at >= since.timestamp()
        case "until":
            return row.at < since.timestamp()
        case "is":
            return flags[text]
        case "user":
            return text in people
        case "op":
            return row.operation.casefold() == text
        case "code":
            return any(each == text or (text[-1] == "*" and each.startswith(text[:-1])) for each in outcomes)
        case "lane":
            return row.lane.casefold() == text
        case "body":
            return any(text.encode() in body.lower() for body in (kept.request, kept.response))
        case "request":
            return kept.request_id.startswith(text)
        case _:
            return any(text in each for each in (people, row.operation.casefold(), *outcomes))


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


terms = st.one_of(
    st.sampled_from(["alice", "ängström", "corp", "nobody", "BOB"]).map(lambda text: Term("user", "=", text)),
    st.sampled_from(["finditem", "GetItem", "Other"]).map(lambda text: Term("op", "=", text)),
    st.sampled_from(["ErrorServerBusy", "noerror", "Error*", "answer-broken-off", "x"]).map(
        lambda text: Term("code", "=", text)
    ),
    st.builds(Term, st.just("status"), st.sampled_from([">=", "<", "="]), st.sampled_from([200, 500])),
    st.builds(Term, st.just("ms"), st.sampled_from([">", "<="]), st.integers(0, 6000)),
    st.builds(Term, st.just("size"), st.sampled_from([">", "<="]), st.integers(100, 300)),
    st.builds(Term, st.just("attempt"), st.just("="), st.integers(1, 3)),
    st.builds(
        Term,
        st.sampled_from(["since", "until"]),
        st.just("="),
        st.integers(0, 1900).map(lambda s: timedelta(seconds=s)),
    ),
    st.sampled_from(["error", "ok", "part", "unanswered"]).map(lambda text: Term("is", "=", text)),
    st.sampled_from(["busy", "SUBSCRIBE", "jörg", "%", "'"]).map(lambda text: Term("body", "=", text)),
    st.sampled_from(["0000001", "zzz"]).map(lambda text: Term("request", "=", text)),
    st.sampled_from(["Stream 0", "mail 1"]).map(lambda text: Term("lane", "=", text)),
    st.sampled_from(["ali", "busy", "find", "100%", "_"]).map(lambda text: Term("", "=", text)),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    terms,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, max_size=3).map(lambda each: All(tuple(each)))
        | st.lists(inner, max_size=3).map(lambda each: Any(tuple(each)))
    ),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=300)
@given(filters, st.integers(1, 20), st.booleans(), st.sampled_from([1, 7, 1000]))
def test_the_database_finds_what_the_language_says(
    stored: tuple[sqlite3.Connection, list[LogEntry]], this: Filter, limit: int, forward: bool, window: int
) -> None:
    connection, everything = stored
    expected = [kept.row.id for kept in everything if fits(kept, this)]
    found: list[int] = []
    cursor: int | None = 0 if forward else None
    original, reader_module.WINDOW = reader_module.WINDOW, window
    try:
        while True:
            bounds = {"before": None, "after": cursor} if forward else {"before": cursor, "after": None}
            page = rows(connection, this, END, limit=limit, **bounds)
            assert len(page.rows) <= limit
            found += [row.id for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
    finally:
        reader_module.WINDOW = original
    assert found == (expected[::-1] if forward else expected), canonical(this)


async def test_looking_through_bodies_gives_up_in_time_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "WINDOW", 5)
    monkeypatch.setattr(reader_module, "PATIENCE", -1.0)
    async with open_log(tmp_path) as log:
        await log.take(*[traced(response=b"needle" if place == 2 else b"hay") for place in range(20)])
        found: list[EntryRow] = []
        this, pages, before = parse("body:NEEDLE"), 0, None
        while True:
            page = await log.reader.rows(this, NOON, before=before, limit=10)
            found += page.rows
            pages += 1
            if page.next is None:
                break
            before = page.next
    assert ([row.id for row in found], pages) == ([3], 4)


async def test_figures_are_per_operation_and_outcome(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(*[answered("NoError", seconds=number / 1000) for number in range(1, 101)])
        await log.take(*[answered("ErrorServerBusy", status=500) for _ in range(3)])
        found = await log.reader.run(lambda connection: figures(connection, parse(""), NOON))
        few = await log.reader.run(lambda connection: figures(connection, parse("ms:<=10"), NOON))
    assert [(each.codes, each.count, each.errors) for each in found] == [
        (("NoError",), 100, 0),
        (("ErrorServerBusy",), 3, 3),
    ]
    assert (found[0].p50, found[0].p95) == (50.0, 95.0)
    assert [(each.count, each.p50) for each in few] == [(10, 5.0)]


async def test_troubles_are_told_with_whom_they_concern(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(
            *[answered("ErrorAccessDenied", mailbox=f"u{number % 3}@x.y") for number in range(7)],
            answered("ErrorAccessDenied", mailbox=""),
            answered("NoError"),
        )
        found = await log.reader.run(lambda connection: troubles(connection, parse(""), NOON))
    assert [(each.count, each.mailboxes, each.newest) for each in found] == [
        (7, ("u0@x.y", "u1@x.y", "u2@x.y"), 7),
        (1, (), 8),
    ]


async def test_filters_are_completed_from_what_there_is(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await filled(log, 20)
        found = await log.reader.run(known)
    assert set(found.operations) == set(OPERATIONS)
    assert "ErrorServerBusy" in found.codes
    assert {"Alice Ängström", "Bob"} <= set(found.users)
    assert {"stream 0", "mail 1"} == set(found.lanes)
