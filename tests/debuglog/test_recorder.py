"""Capturing never delays requests: what cannot be stored is dropped and counted, whatever the disk does."""

import asyncio
import base64
import os
import sqlite3
import stat
import threading
import time
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from engine.debuglog import recorder as capture_module
from engine.debuglog.entry import LARGEST_BODY, Peer
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.switch import EVERY_PEER, CaptureSwitch
from engine.settings.model import DebugLogSettings
from tests.debuglog.log import NOON, ON, PASSWORD, OpenLog, integrity, make_capture, open_log
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.exchanges import answered, traced
from tests.support.killed import killed_at_work

ONLY_EXCHANGE = frozenset({Peer.EXCHANGE})

ROUNDS = 10


async def test_an_exchange_is_kept_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        log.capture.whose = {"user1@corp.example": "User Number 1"}.get  # type: ignore[assignment]
        await log.take(answered("ErrorServerBusy", status=500, attempt=2))
        [row] = await log.rows()
        kept = await log.reader.exchange(row.id)
    assert (row.operation, row.mailbox, row.user) == ("FindItem", "user1@corp.example", "User Number 1")
    assert (row.status, row.codes, row.error, row.attempt, row.ms) == (500, ("ErrorServerBusy",), True, 2, 250.0)
    assert row.at == NOON.timestamp()
    assert kept is not None
    assert kept.request_id == "4f2a7c1e-0000-4000-8000-000000000001"
    assert b"<m:ResponseCode>ErrorServerBusy<" in kept.response
    assert kept.particulars.phases == (("send", 10.0), ("wait", 200.0), ("receive", 40.0))
    assert kept.particulars.response_size == row.received == len(kept.response)


async def test_nobody_else_can_read_the_file_and_no_secret_is_in_it(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(traced(response=f"<a>{PASSWORD}</a>".encode(), response_headers={"X-Y": PASSWORD}))
        [row] = await log.rows()
        kept = await log.reader.exchange(row.id)
    assert kept is not None
    assert PASSWORD not in repr(kept)
    assert kept.response == b"<a>[blanked]</a>"
    assert nobody_else_reads(tmp_path)


def nobody_else_reads(directory: Path) -> bool:
    return all(
        stat.S_IMODE(file.stat().st_mode) == 0o600 and PASSWORD.encode() not in file.read_bytes()
        for file in directory.iterdir()
    )


async def test_a_large_body_is_cut_off_and_its_true_size_is_told(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(traced(response=b"x" * (LARGEST_BODY + 5)))
        [row] = await log.rows()
        kept = await log.reader.exchange(row.id)
    assert kept is not None
    assert (len(kept.response), row.received) == (LARGEST_BODY, LARGEST_BODY + 5)


async def test_more_than_fits_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "MOST_WAITING", 10)
    async with open_log(tmp_path) as log:
        holding = sqlite3.connect(log.capture.path, isolation_level=None)
        holding.execute("BEGIN IMMEDIATE")
        for _ in range(100):
            log.capture.take(traced())
        assert log.capture.status().dropped >= 80
        assert log.capture.status().trouble == "entries arrived faster than they could be written"
        holding.execute("ROLLBACK")
        holding.close()
        await eventually(lambda: log.capture.status().captured + log.capture.status().dropped == 100)


async def test_what_a_server_sends_is_looked_through_on_a_thread_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    class Watched(SecretRedactor):
        def body(self, body: bytes) -> bytes:
            looked.append(threading.current_thread().name)
            return super().body(body)

    monkeypatch.setattr(capture_module, "SecretRedactor", Watched)
    async with open_log(tmp_path) as log:
        await log.take(traced(response=b'"access_token":"x"' * 1000))
    assert set(looked) == {"debuglog"}


@pytest.mark.slow
async def test_the_loop_goes_on_while_a_hostile_answer_is_looked_through(tmp_path: Path) -> None:
    hostile = b"".join(b'"access_token":"tok%07d"' % number for number in range(8_000))

    async def longest_lag(log: OpenLog) -> float:
        """Return it as a share of the whole, in the processor's time: while others have the machine, none passes."""
        captured, lags, begun = log.capture.status().captured, list[float](), time.process_time()
        log.capture.take(traced(response=hostile))
        lags.append(time.process_time() - begun)
        while log.capture.status().captured == captured:
            before = time.process_time()
            await asyncio.sleep(0)
            lags.append(time.process_time() - before)
        return max(lags) / (time.process_time() - begun)

    # A loop that is held up is so each time; one whose thread waits for a processor while the other has one, at times.
    async with open_log(tmp_path) as log:
        shares = [await longest_lag(log)]
        while shares[-1] >= 0.25 and len(shares) < ROUNDS:
            shares.append(await longest_lag(log))
    assert min(shares) < 0.25, shares


async def test_what_still_waits_at_the_end_is_given_some_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "LAST_SECONDS", -1.0)
    async with open_log(tmp_path) as log:
        log.capture.take(traced())
        await log.capture.close()
        picture = log.capture.status()
    assert picture.captured + picture.dropped == 1


@pytest.mark.slow
async def test_a_full_disk_drops_and_says_so_and_goes_on_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def connect_with_little_room(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **more)
        connection.execute("PRAGMA max_page_count = 40")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_with_little_room)
    async with open_log(tmp_path) as log:
        await log.take(traced())
        monkeypatch.undo()
        await log.take(traced(response=os.urandom(500_000)))
        picture = log.capture.status()
        assert (picture.captured, picture.dropped) == (1, 1)
        assert "full" in picture.trouble
        # It is opened anew with the next batch; by then there is room again.
        await log.take(traced())
        assert log.capture.status().captured == 2


async def test_a_directory_that_cannot_be_used_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    capture = make_capture(tmp_path / "file", ON, ManualClock(NOON))
    await capture.open()
    capture.take(traced())
    await capture.close()
    assert capture.status().dropped == 1
    assert "file" in capture.status().trouble


async def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "debuglog.sqlite").write_bytes(b"no database" * 1000)
    async with open_log(tmp_path) as log:
        await log.take(traced())
        assert len(await log.rows()) == 1
    assert (tmp_path / "debuglog.sqlite.damaged").exists()


async def test_an_exchange_that_makes_no_sense_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(response: bytes) -> tuple[str, ...]:
        if response == b"bad":
            raise RuntimeError
        return ()

    monkeypatch.setattr("engine.debuglog.entry.codes_of", fail)
    async with open_log(tmp_path) as log:
        await log.take(traced(), traced(response=b"bad"), traced())
        picture = log.capture.status()
        assert (picture.captured, picture.dropped) == (2, 1)


async def test_the_oldest_go_first_by_size(tmp_path: Path) -> None:
    async with open_log(tmp_path, replace(ON, max_megabytes=1)) as log:
        for _ in range(6):
            await log.take(*[traced(response=base64.b64encode(os.urandom(15_000))) for _ in range(20)])
        await eventually(lambda: log.capture.status().bytes <= 1_000_000)
        picture = log.capture.status()
        rows = await log.rows()
    assert 20 < picture.stored == len(rows) < 60
    assert [row.id for row in rows] == list(range(120, 120 - len(rows), -1))
    assert log.capture.path.stat().st_size < 1_500_000


async def test_the_oldest_go_first_by_age_with_the_names_in_them(tmp_path: Path) -> None:
    async with open_log(tmp_path, replace(ON, max_days=2)) as log:
        await log.take(answered("NoError", mailbox="old@corp.example"), traced())
        await log.clock.advance(86400 * 1.5)
        await log.take(traced())
        await log.clock.advance(86400)
        await log.take(traced())
        await eventually(lambda: log.capture.status().stored == 2)
        assert [row.id for row in await log.rows()] == [4, 3]
        names = await log.reader.run(lambda connection: connection.execute("SELECT mailbox FROM who").fetchall())
    assert names == [("user1@corp.example",)]


async def test_limited_to_mailboxes(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        log.capture.switch(CaptureSwitch(peers=EVERY_PEER, mailboxes=frozenset({"b@corp.example"})))
        log.capture.take(answered("NoError", mailbox="a@corp.example"))
        await log.take(
            answered("NoError", mailbox="B@corp.example"),
            answered("NoError", mailbox="", operation="GetUserSettings"),
            answered("NoError", mailbox="a@corp.example", operation="GetStreamingEvents"),
        )
        rows = await log.rows()
    assert [row.mailbox for row in reversed(rows)] == ["B@corp.example", "", "a@corp.example"]


async def test_switched_for_a_time_it_goes_off_by_itself(tmp_path: Path) -> None:
    async with open_log(tmp_path, DebugLogSettings()) as log:
        log.capture.switch(CaptureSwitch(peers=EVERY_PEER, until=NOON + timedelta(minutes=10), actor="anna"))
        await log.clock.advance(599)
        assert log.capture.on
        await log.clock.advance(2)
        await eventually(lambda: not log.capture.on)


async def test_what_was_switched_outlives_a_restart_until_its_time_or_other_settings_come(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    until = NOON + timedelta(hours=1)
    switch = CaptureSwitch(peers=EVERY_PEER, mailboxes=frozenset({"a@b.c"}), until=until, actor="anna")
    async with open_log(tmp_path, DebugLogSettings(), clock) as log:
        log.capture.switch(switch)
    async with open_log(tmp_path, DebugLogSettings(), clock) as log:
        assert log.capture.status().switch == switch
    await clock.advance(3601)
    async with open_log(tmp_path, DebugLogSettings(), clock) as log:
        assert not log.capture.on
        log.capture.switch(replace(switch, until=None))
    async with open_log(tmp_path, DebugLogSettings(ews=True), clock) as log:
        assert log.capture.status().switch == CaptureSwitch(peers=ONLY_EXCHANGE, as_set=ONLY_EXCHANGE)


async def test_other_settings_take_effect_at_once(tmp_path: Path) -> None:
    told: list[object] = []
    async with open_log(tmp_path, DebugLogSettings()) as log:
        log.capture.observe(told.append)
        log.capture.apply(DebugLogSettings(ews=True, max_days=1))
        assert (log.capture.on, log.capture.status().settings.max_days) == (True, 1)
        log.capture.switch(CaptureSwitch(peers=frozenset(), actor="anna"))
        log.capture.apply(DebugLogSettings(ews=True, max_days=3))
        assert not log.capture.on
    assert told == [(), (), ()]


async def test_whoever_listens_is_told_what_was_written(tmp_path: Path) -> None:
    told: list[object] = []
    async with open_log(tmp_path) as log:
        log.capture.observe(told.extend)
        await log.take(traced(), answered("ErrorServerBusy"))
        await eventually(lambda: len(told) == 2)
        assert tuple(reversed(told)) == await log.rows()


def write_until_killed(directory: Path, tell: "Connection[int, Any]") -> None:
    async def write() -> None:
        async with open_log(directory) as log:
            while True:
                await log.take(*[traced(response=os.urandom(2000)) for _ in range(50)])
                tell.send(log.capture.status().captured)

    asyncio.run(write())


@pytest.mark.process
@pytest.mark.slow
def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    written = killed_at_work(write_until_killed, tmp_path, enough=200)

    async def count() -> int:
        async with open_log(tmp_path) as log:
            await log.take(traced())
            rows = await log.rows(limit=100_000)
            assert [row.id for row in rows] == list(range(len(rows), 0, -1))
            return len(rows)

    assert asyncio.run(count()) > written
    assert integrity(tmp_path / "debuglog.sqlite") == "ok"


def test_secrets_do_not_show_in_what_capturing_says_of_itself(tmp_path: Path) -> None:
    capture = make_capture(tmp_path, ON, ManualClock(NOON))
    assert PASSWORD not in repr(vars(capture))


async def test_a_mailbox_is_named_as_people_write_it(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.take(answered("NoError", mailbox="o&#x27;brien&amp;co@corp.example"))
        [row] = await log.rows()
    assert row.mailbox == "o'brien&co@corp.example"
