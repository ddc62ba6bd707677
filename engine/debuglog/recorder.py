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
from engine.core.http_record import TracedExchange
from engine.core.secret import Secret
from engine.debuglog import entry
from engine.debuglog.entry import Kept, Row, kept_of, redacted
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.store import FILE, LogStore
from engine.settings.model import DebugLogSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """On or off; `mailboxes` (in lower case): of these alone, of all if empty; `until`: it goes off by itself then.

    `actor` has switched it, "" for the settings, which said `as_set` at that time: as long as they say the same, what
    somebody switched outlives a restart, and as soon as they say something else, they count.
    """

    on: bool
    mailboxes: frozenset[str] = frozenset()
    until: datetime | None = None
    actor: str = ""
    as_set: bool = False

    @classmethod
    def by_settings(cls, ews: bool) -> Self:
        """Return what the settings say."""
        return cls(on=ews, as_set=ews)

    @classmethod
    def remembered(cls, text: str | None, ews: bool, now: datetime) -> Self:
        """Return what was switched before a restart as far as it still counts, else what the settings say."""
        if text is not None:
            try:
                switch = bounded.json(text, cls)
            except bounded.NotReadable:
                return cls.by_settings(ews)
            if switch.as_set == ews and not switch.is_over(now):
                return switch
        return cls.by_settings(ews)

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time has passed."""
        return self.until is not None and now >= self.until

    def concerns(self, mailboxes: tuple[str, ...]) -> bool:
        """Tell whether an exchange about these mailboxes is captured; one about nobody in particular always is."""
        return not self.mailboxes or not mailboxes or any(each.lower() in self.mailboxes for each in mailboxes)


logger = logging.getLogger(__name__)

MOST_WAITING = 5000
MOST_BYTES_WAITING = 64 * 1024 * 1024
"""What waits to be written at most; what comes on top of it is dropped."""

BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
"""What is written by one transaction at most."""

PAUSE = 0.25
"""Seconds between two batches while little happens."""

LAST_SECONDS = 5.0
"""Seconds for what still waits when it ends; the rest is dropped."""

MEGABYTE = 1000 * 1000
_SWITCH = "switch"


class _Taken(NamedTuple):
    """An exchange that waits, with its secrets, and when it ended."""

    exchange: TracedExchange
    at: datetime

    @property
    def size(self) -> int:
        """Bytes it holds, about."""
        return len(self.exchange.request) + len(self.exchange.response)

    def __repr__(self) -> str:
        return repr(self.exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How capturing stands. `captured` and `dropped` count since the start; `trouble` is why something was dropped."""

    switch: Switch
    settings: DebugLogSettings
    captured: int
    dropped: int
    trouble: str
    stored: int
    bytes: int
    oldest_at: float | None
    newest: int


class Capture:
    """Looks on at the HTTP client (`engine.exchange.http.trace.Trace`); `clock` is calendar time.

    `whose` tells the user of a mailbox ("" for none). Secrets are blanked, and everything is written, by one thread of
    its own: what a server sends may take seconds to be looked through. `open` it, keep `run` running, and `close` it.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.path = state_dir / FILE
        self.on = False
        self.whose: Callable[[str], str] = lambda mailbox: ""
        self._settings = DebugLogSettings()
        self._clock = clock
        self._redactor = SecretRedactor()
        self._store = LogStore(self.path)
        self._switch = Switch.by_settings(False)
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
        self._observers: list[Callable[[Sequence[Row]], None]] = []

    async def open(self) -> None:
        """Begin; a debug log that cannot be opened is tried again with every batch, and keeps nobody from working."""
        self._loop = asyncio.get_running_loop()
        remembered = await asyncio.to_thread(self._open)
        self._turn(Switch.remembered(remembered, self._settings.ews, self._clock.now()))
        self._thread.start()

    async def run(self) -> None:
        """Switch off when the time is over, for ever."""
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
        """Write what waits, and end."""
        self.on = False
        self._closing_at = monotonic()
        self._work.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._store.close()

    def observe(self, observer: Callable[[Sequence[Row]], None]) -> None:
        """Have `observer` called on the loop with exchanges that were written, and with none when it was switched."""
        self._observers.append(observer)

    def switch(self, switch: Switch) -> None:
        """Switch it; that is remembered."""
        self._turn(replace(switch, as_set=self._settings.ews))
        with self._lock:
            self._to_note = msgspec.json.encode(self._switch).decode()
        self._work.set()
        self._tell(())

    def know(self, secrets: Iterable[Secret]) -> None:
        """Blank these, too, wherever they stand."""
        self._redactor.know(secrets)

    def apply(self, settings: DebugLogSettings) -> None:
        """Take other settings. What somebody switched goes on, unless `ews` changes while it is open."""
        changed = settings.ews != self._settings.ews
        self._settings = settings
        if changed and self._loop is not None:
            self.switch(Switch.by_settings(settings.ews))
        else:
            self._tell(())

    def picture(self) -> Picture:
        """Return how it stands."""
        store = self._store
        return Picture(
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

    def take(self, exchange: TracedExchange) -> None:
        """Take an exchange that has ended, on any thread: it waits to be written without its secrets, or is dropped."""
        try:
            if not self._switch.mailboxes or self._switch.concerns(entry.concerned_by(exchange.request)):
                self._put(_Taken(exchange, self._clock.now()))
        except Exception as mistake:
            self._drop(1, f"{type(mistake).__name__} while capturing")

    def _put(self, exchange: _Taken) -> None:
        with self._lock:
            if len(self._waiting) >= MOST_WAITING or self._bytes_waiting + exchange.size > MOST_BYTES_WAITING:
                self._dropped += 1
                self._trouble = "more came than could be written"
                return
            self._waiting.append(exchange)
            self._bytes_waiting += exchange.size
        if not self._work.is_set():
            self._work.set()

    def _drop(self, number: int, why: str) -> None:
        with self._lock:
            self._dropped += number
            self._trouble = why

    def _turn(self, switch: Switch) -> None:
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
        """The thread: in batches, so that a commit is paid by many."""
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
            except Exception as mistake:
                logger.exception("writing the debug log")
                self._drop(len(batch), f"{type(mistake).__name__} while writing")
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
        rows = self._store.add([kept for each in batch if (kept := self._kept(each)) is not None])
        self._captured += len(rows)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, rows)
        self._store.prune(
            self._clock.now().timestamp(),
            most_bytes=settings.max_megabytes * MEGABYTE,
            longest=timedelta(days=settings.max_days),
        )

    def _kept(self, taken: _Taken) -> Kept | None:
        if self._closing_at is not None and monotonic() > self._closing_at + LAST_SECONDS:
            self._drop(1, "there was no time for it at the end")
            return None
        try:
            without = redacted(taken.exchange, self._redactor, taken.at)
            return kept_of(without, subjects=self._settings.subjects, whose=self.whose)
        except Exception as mistake:
            self._drop(1, f"{type(mistake).__name__} while looking at an exchange")
            return None

    def _tell(self, rows: Sequence[Row]) -> None:
        for observer in self._observers:
            observer(rows)
