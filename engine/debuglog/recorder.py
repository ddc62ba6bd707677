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
from typing import NamedTuple, Self

import msgspec

from engine.core import bounded
from engine.core.clock import Clock
from engine.core.http_record import HttpRecord
from engine.core.secret import Secret
from engine.debuglog import entry
from engine.debuglog.entry import EntryRow, LogEntry, kept_of, redacted, without_bodies
from engine.debuglog.graph import parts_of
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.store import FILE, LogStore
from engine.settings.model import DebugLogSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSwitch:
    """State of capturing: on or off; `mailboxes` (in lower case): of these only, of all if empty; `until`: the end.

    `actor` has switched it ("" = the settings) while the setting was `as_set`: as long as the setting stays the same,
    the switch survives a restart; once it changes, the setting counts.
    """

    on: bool
    mailboxes: frozenset[str] = frozenset()
    until: datetime | None = None
    actor: str = ""
    as_set: bool = False

    @classmethod
    def by_settings(cls, ews: bool) -> Self:
        """Return the state according to the settings."""
        return cls(on=ews, as_set=ews)

    @classmethod
    def remembered(cls, text: str | None, ews: bool, now: datetime) -> Self:
        """Return the state from before a restart if it still applies, else that of the settings."""
        if text is not None:
            try:
                switch = bounded.json(text, cls)
            except bounded.NotReadable:
                return cls.by_settings(ews)
            if switch.as_set == ews and not switch.is_over(now):
                return switch
        return cls.by_settings(ews)

    def is_over(self, now: datetime) -> bool:
        """Return whether its time has expired."""
        return self.until is not None and now >= self.until

    def concerns(self, mailboxes: tuple[str, ...]) -> bool:
        """Return whether entries about these mailboxes are captured; those about no particular mailbox always are."""
        return not self.mailboxes or not mailboxes or any(each.lower() in self.mailboxes for each in mailboxes)


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
    """A queued request and response, secrets included, and when it ended."""

    exchange: HttpRecord
    at: datetime

    @property
    def size(self) -> int:
        """Approximate size in bytes."""
        return len(self.exchange.request) + len(self.exchange.response)

    def __repr__(self) -> str:
        return repr(self.exchange)


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
    """Records the traffic of the HTTP client (`engine.exchange.http.trace.Trace`); `clock` is calendar time.

    `whose` maps the address of a mailbox to its user ("" for none), `address_of` what a request names it by to that
    address. A dedicated thread redacts secrets and writes entries: searching
    what a server sends may take seconds. `open` it, keep `run` running, and `close` it.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.path = state_dir / FILE
        self.on = False
        self.whose: Callable[[str], str] = lambda mailbox: ""
        self.address_of: Callable[[str], str] = lambda mailbox: mailbox
        self._settings = DebugLogSettings()
        self._clock = clock
        self._redactor = SecretRedactor()
        self._store = LogStore(self.path)
        self._switch = CaptureSwitch.by_settings(False)
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
        self._turn(CaptureSwitch.remembered(remembered, self._settings.ews, self._clock.now()))
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
                self.switch(replace(self._switch, on=False, mailboxes=frozenset(), until=None))

    async def close(self) -> None:
        """Write the remaining queue, and stop."""
        self.on = False
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
        self._turn(replace(switch, as_set=self._settings.ews))
        with self._lock:
            self._to_note = msgspec.json.encode(self._switch).decode()
        self._work.set()
        self._tell(())

    def add_secrets(self, secrets: Iterable[Secret]) -> None:
        """Add secrets to redact wherever they occur."""
        self._redactor.know(secrets)

    def apply(self, settings: DebugLogSettings) -> None:
        """Apply new settings. A manual switch stays, unless `ews` changes while it is open."""
        changed = settings.ews != self._settings.ews
        self._settings = settings
        if changed and self._loop is not None:
            self.switch(CaptureSwitch.by_settings(settings.ews))
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

    def _put(self, exchange: _Taken) -> None:
        with self._lock:
            if len(self._waiting) >= MOST_WAITING or self._bytes_waiting + exchange.size > MOST_BYTES_WAITING:
                self._dropped += 1
                self._trouble = "entries arrived faster than they could be written"
                return
            self._waiting.append(exchange)
            self._bytes_waiting += exchange.size
        if not self._work.is_set():
            self._work.set()

    def _drop(self, number: int, why: str) -> None:
        with self._lock:
            self._dropped += number
            self._trouble = why

    def _turn(self, switch: CaptureSwitch) -> None:
        self._switch = switch
        self.on = switch.on
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
                size += batch[-1].size
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
        try:
            parts = parts_of(taken.exchange)
            concerned = [each for each in parts if self._concerns(entry.mailboxes_of(each.url, each.request))]
            redact = without_bodies if parts else redacted
            if parts and not concerned:
                return ()
            records = [redact(taken.exchange, self._redactor, taken.at)]
            records += [redacted(each, self._redactor, taken.at) for each in concerned]
            subjects = self._settings.subjects
            return [kept_of(each, subjects=subjects, whose=self.whose, address_of=self.address_of) for each in records]
        except Exception as internal_error:
            self._drop(1, f"{type(internal_error).__name__} while processing an entry")
            return ()

    def _concerns(self, mailboxes: tuple[str, ...]) -> bool:
        return self._switch.concerns(tuple(map(self.address_of, mailboxes)))

    def _tell(self, rows: Sequence[EntryRow]) -> None:
        for observer in self._observers:
            observer(rows)
