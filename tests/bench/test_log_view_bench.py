"""Benchmark of the log screen with a million entries, and of laying out a large body."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from calendar_tui.screens.log import LogView
from calendar_tui.screens.log_entry import LogEntryView
from engine.debuglog.store import FILE, open_to_write
from engine.documents.body import BodyView
from engine.documents.body_syntax import shape_of
from tests.support.logged import fill, kept, logged_engine, some_exchanges
from tests.support.served_engine import SETTINGS
from tests.support.tui import Terminal, terminal

EXCHANGES, BLOCK = 1_000_000, 1000
KEYS = ("up", "pageup", "pagedown", "home", "pagedown", "end", "pageup", "m", "e", "e", "s", "s", "f")
ITEM = '<t:CalendarItem><t:ItemId Id="AAMkAGI2T&amp;="/><t:Subject>Jour fixe</t:Subject></t:CalendarItem>'


@pytest.mark.timeout(600)
async def test_a_million_exchanges(tmp_path: Path) -> None:
    begun = time.perf_counter()
    fill(tmp_path / "state", some_exchanges(BLOCK))
    multiply(tmp_path / "state" / FILE, EXCHANGES // BLOCK)
    print(f"\nlog: {EXCHANGES:,} exchanges made in {time.perf_counter() - begun:.0f} s")
    settings = SETTINGS + "[debug_log]\news = true\nmax_megabytes = 100000\nmax_days = 3650\n"
    async with logged_engine(tmp_path, settings=settings) as logged, terminal(logged.socket) as shown:
        opened = await answered(
            shown, "3", lambda: isinstance(shown.view, LogView) and shown.view.selected() is not None
        )
        tell("opened", opened)
        slowest = Taken(0, 0)
        for key in KEYS:
            taken = await answered(shown, key, changed(shown))
            tell(key, taken)
            slowest = max(slowest, taken)
        await shown.press("end")
        taken = await answered(shown, "enter", lambda: isinstance(shown.view, LogEntryView))
        tell("one exchange", taken)
        assert opened.busy <= 0.2
        assert max(slowest, taken).busy <= 0.1


async def test_an_entry_of_a_megabyte(tmp_path: Path) -> None:
    answer = f"<s:Envelope>{ITEM * (1_000_000 // len(ITEM))}</s:Envelope>"
    entries = [kept(number, response=answer, received=len(answer)) for number in range(1, 8)]
    async with logged_engine(tmp_path, entries) as logged, terminal(logged.socket) as shown:
        await answered(shown, "3", lambda: "09:00:07" in shown.grid())
        await shown.press("home", "enter", "tab", "tab")
        await shown.shows("<t:Subject>")
        fastest = Taken(1, 1)
        for number in range(2, 8):
            taken = await answered(shown, "right_square_bracket", shows_reply(shown, number))
            tell("a megabyte", taken)
            fastest = min(fastest, taken)
            await shown.eventually(lambda: is_laid_out(shown))
        assert fastest.busy <= 0.05


def is_laid_out(shown: Terminal) -> bool:
    body = shown.app.frame.main.lines
    return isinstance(body, BodyView) and body.complete


def shows_reply(shown: Terminal, number: int) -> Callable[[], bool]:
    """Return a function that returns whether the reply of an entry is visible."""
    main, title = shown.app.frame.main, f"09:00:0{number} "
    return lambda: isinstance(main.lines, BodyView) and title in "".join(each.text for each in shown.view.row().left)


class Taken(NamedTuple):
    """Seconds of the processor, for engine and program together; and on the wall, which counts what else is running."""

    busy: float
    passed: float


def tell(what: str, taken: Taken) -> None:
    print(f"log: {what:<12} {taken.busy * 1000:5.0f} ms of the processor, {taken.passed * 1000:5.0f} ms on the wall")


def multiply(path: Path, times: int) -> None:
    """Write every entry that many times, each later than the previous one."""
    connection = open_to_write(path)
    columns = "ms, operation, who, outcome, status, error, part, attempt, lane, sent, received"
    numbers = f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {times - 1})"
    connection.executescript(
        f"""BEGIN;
        {numbers} INSERT INTO exchange (id, at, {columns})
            SELECT id + n * {BLOCK}, at + n * {BLOCK}, {columns} FROM n, exchange WHERE id <= {BLOCK};
        {numbers} INSERT INTO body SELECT id + n * {BLOCK}, request_id || n, content
            FROM n, body WHERE id <= {BLOCK};
        COMMIT;"""
    )
    connection.close()


async def answered(shown: Terminal, key: str, condition: Callable[[], bool]) -> Taken:
    """Press a key, and return the time until its effect is visible."""
    begun, busy = time.perf_counter(), time.process_time()
    shown.app.simulate_key(key)
    while not condition():
        await asyncio.sleep(0.001)
        if time.perf_counter() - begun > 10:
            raise AssertionError(f"nothing happens after {key}:\n{shown.grid()}")
    return Taken(time.process_time() - busy, time.perf_counter() - begun)


def changed(shown: Terminal) -> Callable[[], bool]:
    """Return a function that returns whether the screen has changed and shows rows."""
    before = shown.grid()
    return lambda: shown.grid() != before and isinstance(shown.view, LogView) and bool(shown.view.window.rows)


def test_a_large_body() -> None:
    text = f"<s:Envelope>{ITEM * (5_000_000 // len(ITEM))}</s:Envelope>"
    begun = time.process_time()
    view = BodyView(text, shape_of(text), 80)
    first, longest = time.process_time() - begun, 0.0
    while not view.complete:
        step = time.process_time()
        view.grow()
        longest = max(longest, time.process_time() - step)
    whole = time.process_time() - begun
    begun = time.process_time()
    for index in range(len(view) - 40, len(view)):
        view.line(index, 80)
    page = time.process_time() - begun
    begun = time.process_time()
    view.search("nowhere")
    search = time.process_time() - begun
    print(
        f"\nbody of 5 MB, time of the processor: first lines {first * 1000:.0f} ms, "
        f"all {len(view):,} lines {whole:.1f} s "
        f"in steps of at most {longest * 1000:.0f} ms, a page {page * 1000:.1f} ms, a search {search * 1000:.0f} ms"
    )
    assert first < 0.1
    assert longest < 0.1
