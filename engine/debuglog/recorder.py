"""Records requests and responses into the debug log while capturing is switched on."""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import msgspec

from engine.core.clock import Clock
from engine.core.http_record import HttpRecord
from engine.core.pbx_record import PbxRecord
from engine.core.secret import Secret
from engine.debuglog import entry
from engine.debuglog.entry import EntryRow, LogEntry, Peer, kept_of, redacted, without_bodies
from engine.debuglog.graph import parts_of
from engine.debuglog.pbx import PbxCapture, Whom, entry_of
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.store import FILE, LogStore
from engine.debuglog.switch import CaptureSwitch, peers_of
from engine.settings.model import DebugLogSettings

logger = logging.getLogger(__name__)

MOST_WAITING = 5000
MOST_BYTES_WAITING = 64 * 1024 * 1024
"""Limit of the queue to be written; anything beyond it is dropped."""

BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
"""Limit of one transaction."""

PAUSE = 0.25
"""Seconds between two batches at low load."""

LAST_SECONDS = 5.0
"""Seconds to write the remaining queue when closing; the rest is dropped."""

MEGABYTE = 1000 * 1000
_SWITCH = "switch"


class _Taken(NamedTuple):
    """A queued request and response, or messages of the PBX, secrets included, and when it ended."""

    record: HttpRecord | PbxRecord
    at: datetime

    def __repr__(self) -> str:
        return repr(self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStatus:
    """Status of capturing. `captured` and `dropped` count since the start; `trouble` is the reason for drops."""

    switch: CaptureSwitch
    settings: DebugLogSettings
    captured: int
    dropped: int
    trouble: str
    stored: int
    bytes: int
    oldest_at: float | None
    newest: int


class Capture:
    """Records the traffic of the HTTP client (`engine.exchange.http.trace.Trace`), and in `pbx` that of the PBX link;
    `clock` is calendar time.

    `whose` maps the address of a mailbox to its user ("" for none), `address_of` what a request names it by to that
    address, `whom` what the PBX names a user by to the label and the addresses. A dedicated thread redacts secrets and
    writes entries: searching what a server sends may take seconds. `open` it, keep `run` running, and `close` it.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.path = state_dir / FILE
        self.on = False
        self.whose: Callable[[str], str] = lambda mailbox: ""
        self.address_of: Callable[[str], str] = lambda mailbox: mailbox
        self.whom: Whom = lambda about: ("", ())
        self.pbx = PbxCapture(self._take_message)
        self._settings = DebugLogSettings()
        self._clock = clock
        self._redactor = SecretRedactor()
        self._store = LogStore(self.path)
        self._switch = CaptureSwitch.by_settings(frozenset())
        self._waiting: deque[_Taken] = deque()
        self._bytes_waiting = 0
        self._captured = 0
        self._dropped = 0
        self._trouble = ""
        self._to_note: str | None = None
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._closing_at: float | None = None
        self._thread = threading.Thread(target=self._write, name="debuglog", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._switched = asyncio.Event()
        self._observers: list[Callable[[Sequence[EntryRow]], None]] = []

    async def open(self) -> None:
        """Start. If the debug log cannot be opened, that is retried with every batch and stops nothing else."""
        self._loop = asyncio.get_running_loop()
        remembered = await asyncio.to_thread(self._open)
        self._turn(CaptureSwitch.remembered(remembered, peers_of(self._settings), self._clock.now()))
        self._thread.start()

    async def run(self) -> None:
        """Switch off whenever the time expires; runs until cancelled."""
        while True:
            until = self._switch.until
            self._switched.clear()
            if until is None:
                await self._switched.wait()
                continue
            async with asyncio.TaskGroup() as group:
                alarm = group.create_task(self._alarm(until))
                await self._switched.wait()
                alarm.cancel()
            if self._switch.is_over(self._clock.now()):
                self.switch(replace(self._switch, peers=frozenset(), mailboxes=frozenset(), until=None))

    async def close(self) -> None:
        """Write the remaining queue, and stop."""
        self.on = self.pbx.on = False
        self._closing_at = monotonic()
        self._work.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._store.close()

    def observe(self, observer: Callable[[Sequence[EntryRow]], None]) -> None:
        """Call `observer` on the event loop with entries after writing, and with none after switching."""
        self._observers.append(observer)

    def switch(self, switch: CaptureSwitch) -> None:
        """Switch capturing; the state survives a restart."""
        self._turn(replace(switch, as_set=peers_of(self._settings)))
        with self._lock:
            self._to_note = msgspec.json.encode(self._switch).decode()
        self._work.set()
        self._tell(())

    def add_secrets(self, secrets: Iterable[Secret]) -> None:
        """Add secrets to redact wherever they occur."""
        self._redactor.know(secrets)

    def apply(self, settings: DebugLogSettings) -> None:
        """Apply new settings. A manual switch stays, unless the sides that they name change while it is open."""
        changed = peers_of(settings) != peers_of(self._settings)
        self._settings = settings
        if changed and self._loop is not None:
            self.switch(CaptureSwitch.by_settings(peers_of(settings)))
        else:
            self._tell(())

    def status(self) -> CaptureStatus:
        """Return the status of capturing."""
        store = self._store
        return CaptureStatus(
            switch=self._switch,
            settings=self._settings,
            captured=self._captured,
            dropped=self._dropped,
            trouble=self._trouble,
            stored=store.count,
            bytes=store.bytes,
            oldest_at=store.oldest_at,
            newest=store.newest,
        )

    def take(self, exchange: HttpRecord) -> None:
        """Queue a finished request, from any thread, to be redacted and written; drop it if the queue is full."""
        try:
            if not self._switch.mailboxes or self._concerns(entry.concerned_by(exchange.url, exchange.request)):
                self._put(_Taken(exchange, self._clock.now()))
        except Exception as internal_error:
            self._drop(1, f"{type(internal_error).__name__} while capturing")

    def _take_message(self, record: PbxRecord) -> None:
        """Queue what was said to the PBX, like `take`."""
        try:
            if not self._switch.mailboxes or not record.about or self._is_of_chosen(record.about):
                self._put(_Taken(record, self._clock.now()))
        except Exception as internal_error:
            self._drop(1, f"{type(internal_error).__name__} while capturing")

    def _put(self, taken: _Taken) -> None:
        with self._lock:
            size = taken.record.size
            if len(self._waiting) >= MOST_WAITING or self._bytes_waiting + size > MOST_BYTES_WAITING:
                self._dropped += 1
                self._trouble = "entries arrived faster than they could be written"
                return
            self._waiting.append(taken)
            self._bytes_waiting += size
        if not self._work.is_set():
            self._work.set()

    def _drop(self, number: int, why: str) -> None:
        with self._lock:
            self._dropped += number
            self._trouble = why

    def _turn(self, switch: CaptureSwitch) -> None:
        self._switch = switch
        self.on = Peer.EXCHANGE in switch.peers
        self.pbx.on = Peer.PBX in switch.peers
        self._switched.set()

    async def _alarm(self, until: datetime) -> None:
        await self._clock.sleep_until(until)
        self._switched.set()

    def _open(self) -> str | None:
        try:
            self._store.open()
            return self._store.note(_SWITCH)
        except (sqlite3.Error, OSError) as error:
            self._drop(0, f"{self.path}: {error}")
            logger.warning("the debug log cannot be opened: %s: %s", self.path, error)
            return None

    def _write(self) -> None:
        """Body of the thread: writes in batches, to share the cost of a commit."""
        pause = threading.Event()
        while not (self._closing_at is not None and not self._waiting and self._to_note is None):
            self._work.wait()
            self._work.clear()
            batch = self._batch()
            try:
                self._write_batch(batch)
            except (sqlite3.Error, OSError) as error:
                self._drop(len(batch), f"{self.path}: {error}")
                self._store.close()
            except Exception as internal_error:
                logger.exception("writing the debug log")
                self._drop(len(batch), f"{type(internal_error).__name__} while writing")
            if self._waiting or self._closing_at is not None:
                self._work.set()
            else:
                pause.wait(PAUSE)

    def _batch(self) -> list[_Taken]:
        batch: list[_Taken] = []
        size = 0
        with self._lock:
            while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
                batch.append(self._waiting.popleft())
                size += batch[-1].record.size
            self._bytes_waiting -= size
        return batch

    def _write_batch(self, batch: Sequence[_Taken]) -> None:
        with self._lock:
            note, self._to_note = self._to_note, None
        if note is not None:
            self._store.write_note(_SWITCH, note)
        if not batch:
            return
        settings = self._settings
        rows = self._store.add([kept for each in batch for kept in self._kept(each)])
        self._captured += len(rows)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, rows)
        self._store.prune(
            self._clock.now().timestamp(),
            most_bytes=settings.max_megabytes * MEGABYTE,
            longest=timedelta(days=settings.max_days),
        )

    def _kept(self, taken: _Taken) -> Sequence[LogEntry]:
        """Return the entries to store: a batch has its own, without the bodies of its parts, which have theirs."""
        if self._closing_at is not None and monotonic() > self._closing_at + LAST_SECONDS:
            self._drop(1, "not written in time at shutdown")
            return ()
        record, subjects = taken.record, self._settings.subjects
        try:
            if isinstance(record, PbxRecord):
                return (entry_of(record, self._redactor, taken.at, subjects=subjects, whom=self.whom),)
            parts = parts_of(record)
            concerned = [each for each in parts if self._concerns(entry.mailboxes_of(each.url, each.request))]
            redact = without_bodies if parts else redacted
            if parts and not concerned:
                return ()
            records = [redact(record, self._redactor, taken.at)]
            records += [redacted(each, self._redactor, taken.at) for each in concerned]
            return [kept_of(each, subjects=subjects, whose=self.whose, address_of=self.address_of) for each in records]
        except Exception as internal_error:
            self._drop(1, f"{type(internal_error).__name__} while processing an entry")
            return ()

    def _is_of_chosen(self, about: str) -> bool:
        _, addresses = self.whom(about)
        return bool(addresses) and self._switch.concerns(addresses)

    def _concerns(self, mailboxes: tuple[str, ...]) -> bool:
        return self._switch.concerns(tuple(map(self.address_of, mailboxes)))

    def _tell(self, rows: Sequence[EntryRow]) -> None:
        for observer in self._observers:
            observer(rows)
