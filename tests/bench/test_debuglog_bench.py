"""Benchmark of the debug log: inserting, querying a million entries, and the cost of capturing."""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from engine.core.claims import UNLIMITED, Claim
from engine.core.http_record import HttpRecord
from engine.core.presence.model import CLEARED, Presence
from engine.core.secret import Secret
from engine.core.users import User
from engine.daemon.build import exchange_access
from engine.debuglog.entry import kept_of, redacted
from engine.debuglog.filter.parse import parse
from engine.debuglog.query import open_to_search, rows
from engine.debuglog.recorder import BATCH, Capture
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.store import LogStore
from engine.exchange.http.trace import NoTrace, Trace
from engine.pbx.entries import PresenceEntry
from engine.pbx.events import LinkUp, PbxEvent, UsersComplete, UserSeen
from engine.settings.model import ClearWith, DebugLogSettings
from engine.settings.reader import read_settings
from engine.simulator.world import generate
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock, SystemClock
from engine.sync.reconciler import Engine
from tests.bench.exchange_server import BERLIN, MONDAY, Server, served
from tests.support.exchanges import traced

pytestmark = pytest.mark.process

MANY = 100_000
MILLION = 1_000_000
SETTINGS = DebugLogSettings(ews=True, max_megabytes=100_000)

MAILBOXES = 400
ROUNDS = 11
PASSWORD = Secret("simulated-Passw0rd")
GUIDS = [f"{number:032x}" for number in range(MAILBOXES)]
SITE = """
[pbx]
master = "m"
host = "localhost"
writes_per_second = 1000
[exchange]
type = "on-premises"
ews_url = "{url}"
ca_file = "{ca_file}"
user = 'CORP\\svc-calendar'
poll_seconds = 3600
[presence]
timezone = "Europe/Berlin"
"""


def an_answer() -> bytes:
    """A FindItem response with twenty appointments, 11 kB."""
    item = (
        '<t:CalendarItem><t:ItemId Id="AAMkAD{0:060}" ChangeKey="DwAAABYAAAC"/><t:Sensitivity>Normal</t:Sensitivity>'
        "<t:Start>2026-03-02T08:{0:02}:00Z</t:Start><t:End>2026-03-02T09:00:00Z</t:End>"
        "<t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>"
        "<t:IsCancelled>false</t:IsCancelled><t:MyResponseType>Accept</t:MyResponseType></t:CalendarItem>"
    )
    items = "".join(item.format(number) for number in range(20))
    return f"<s:Envelope><s:Body><m:ResponseCode>NoError</m:ResponseCode>{items}</s:Body></s:Envelope>".encode()


def an_exchange(number: int, answer: bytes) -> HttpRecord:
    code = "ErrorServerBusy" if number % 1000 == 0 else "NoError"
    mailbox = f"user{number % 10_000:05}@corp.example"
    head = b"<s:Envelope><s:Header><t:PrimarySmtpAddress>%b</t:PrimarySmtpAddress></s:Header>" % mailbox.encode()
    return traced(
        request=head + b"<s:Body><m:FindItem/></s:Body></s:Envelope>",
        response=answer.replace(b"NoError", code.encode()),
        status=500 if code != "NoError" else 200,
        seconds=number % 997 / 1000,
    )


@asynccontextmanager
async def capturing(directory: Path) -> AsyncIterator[Capture]:
    capture = Capture(directory, SystemClock())
    capture.add_secrets([PASSWORD])
    capture.apply(SETTINGS)
    await capture.open()
    try:
        yield capture
    finally:
        await capture.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def test_a_hundred_thousand_exchanges_are_inserted_in_seconds(tmp_path: Path) -> None:
    answer, redactor, now = an_answer(), SecretRedactor(), datetime.now(UTC)
    redactor.know([PASSWORD])
    exchanges = [an_exchange(number, answer) for number in range(BATCH)]
    store = LogStore(tmp_path / "debuglog.sqlite")
    store.open()
    preparing = time.process_time()
    kept = [kept_of(redacted(each, redactor, now), subjects=False, whose=str) for each in exchanges]
    preparing = time.process_time() - preparing
    begun, cpu = time.perf_counter(), time.process_time()
    for _ in range(MANY // BATCH):
        store.add(kept)
    elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(
        f"\n{MANY:,} exchanges of {len(answer):,} bytes packed and inserted in {elapsed:.1f} s ({cpu:.1f} s CPU), "
        f"{store.bytes / 1e6:.0f} MB; redacting one takes {preparing / BATCH * 1e6:.0f} µs CPU"
    )
    store.close()
    assert cpu < 12


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a million entries: 10,000 users, every thousandth entry an error."""
    directory = tmp_path_factory.mktemp("million")

    async def fill() -> Path:
        async with capturing(directory) as capture:
            for number in range(2000):
                capture.take(an_exchange(number, b"<m:ResponseCode>NoError</m:ResponseCode>"))
            await until(lambda: capture.status().captured == 2000)
            connection = sqlite3.connect(capture.path, isolation_level=None)
            connection.execute("INSERT OR IGNORE INTO who (mailbox, user, folded) SELECT 'x', 'x', 'x'")
            connection.executescript(
                f"""
                BEGIN;
                DELETE FROM who WHERE id > 2000;
                WITH RECURSIVE n(i) AS (SELECT 2001 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                INSERT INTO who SELECT i, 'user' || i || '@corp.example', '', 'user' || i || '@corp.example' FROM n;
                WITH RECURSIVE n(i) AS (SELECT 2001 UNION ALL SELECT i + 1 FROM n WHERE i < {MILLION})
                INSERT INTO exchange SELECT i, e.at + i, e.ms, CASE i % 50 WHEN 0 THEN 'GetItem' ELSE 'FindItem' END,
                    1 + i % 10000, e.outcome, e.status, e.error, 0, 1, 'mail ' || (i % 8), e.sent, e.received
                FROM n JOIN exchange e ON e.id = 1 + i % 1000;
                COMMIT;
                """
            )
            connection.close()
            return capture.path

    return asyncio.run(fill())


QUESTIONS = (
    "",
    "is:error",
    "user:user01234",
    "user:user",
    "code:ErrorServerBusy",
    "code:NoError",
    "code:*",
    "op:GetItem",
    "user:user00001 is:error",
    "is:error op:FindItem since:2h",
    "not is:error",
    "since:1h",
)


def test_the_newest_fifty_of_a_million(million: Path) -> None:
    connection = open_to_search(million)
    (newest,) = connection.execute("SELECT max(at) FROM exchange").fetchone()
    now = datetime.fromtimestamp(newest, UTC) + timedelta(minutes=1)
    print(f"\n{MILLION:,} exchanges stored, {million.stat().st_size / 1e6:.0f} MB; the newest 50 of each question:")
    took = {question: typical(partial(ask, connection, question, now)) for question in QUESTIONS}
    for question, seconds in took.items():
        print(f"  {question or '(all)':<32} {1000 * seconds:6.2f} ms")
    connection.close()
    assert took[""] < 0.002
    assert took["is:error"] < 0.002
    assert took["code:ErrorServerBusy"] < 0.002


def ask(connection: sqlite3.Connection, question: str, now: datetime) -> None:
    rows(connection, parse(question), now, before=None, after=None, limit=50)


def typical(work: Callable[[], object], times: int = 15) -> float:
    """Return the median of several runs in seconds, after one that warms the cache."""
    work()
    measured = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        measured.append(time.perf_counter() - begun)
    return statistics.median(measured)


class InstantLink:
    """A PBX that has all users and confirms every presence."""

    def __init__(self, on_event: Callable[[PbxEvent], None]) -> None:
        self._on_event = on_event

    async def run(self) -> None:
        self._on_event(LinkUp("m", "corp.example"))
        for number, guid in enumerate(GUIDS):
            self._on_event(UserSeen(User(guid=guid, name=f"user{number:05}", display_name=f"User Number {number}")))
        self._on_event(UsersComplete(frozenset(GUIDS)))
        await asyncio.Event().wait()

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        pass

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        return ()

    async def read_presence(self, user_name: str) -> Presence:
        return CLEARED


class Exchangeable:
    """Passes on to whoever looks on at the time."""

    def __init__(self) -> None:
        self.to: Trace = NoTrace()

    @property
    def on(self) -> bool:
        return self.to.on

    def take(self, exchange: HttpRecord) -> None:
        self.to.take(exchange)


@asynccontextmanager
async def running_engine(server: Server, directory: Path, trace: Trace) -> AsyncIterator[Engine]:
    """A whole engine that reads calendars from `server`, in another process, and reports to `trace`."""
    clock = SteadyClock(generate(0, 0, MONDAY, BERLIN).instant("08:00"))
    settings = read_settings(SITE.format(url=server.url, ca_file=server.ca_file), default_zone=BERLIN)
    database = Database(directory / "state")
    await database.open()
    secrets = Secrets(exchange_password=PASSWORD, pbx_password=PASSWORD)
    engine = Engine(
        settings,
        source=exchange_access(
            settings, secrets, clock=clock, network_clock=SteadyClock(), random=Random(1), resolver=None, trace=trace
        ).source,
        make_link=InstantLink,
        store=AcknowledgedPresences(database),
        clock=clock,
        network_clock=SteadyClock(),
        random=Random(1),
        observe=lambda _: None,
    )
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            yield engine
            running.cancel()
    finally:
        await database.close()


async def read_all(engine: Engine) -> float:
    """Return the CPU seconds that reading every calendar takes in this process, with all its threads."""
    begun = time.process_time()
    for guid in GUIDS:
        engine.resync(guid)
    await engine.settled()
    return time.process_time() - begun


async def test_capturing_at_full_load(tmp_path: Path) -> None:
    spent: dict[str, list[float]] = {"none": [], "off": [], "on": []}
    trace = Exchangeable()
    (tmp_path / "server").mkdir()
    with served(MAILBOXES, 20, MONDAY, tmp_path / "server") as server:
        async with capturing(tmp_path) as capture, running_engine(server, tmp_path, trace) as engine:
            await until(lambda: engine.status().users == MAILBOXES)
            await engine.settled()
            lookers: dict[str, Trace] = {
                "none": NoTrace(),
                "off": Capture(tmp_path / "off", SystemClock()),
                "on": capture,
            }
            for _ in range(ROUNDS):
                for name, looker in lookers.items():
                    trace.to = looker
                    before = capture.status()
                    running = await read_all(engine)
                    begun = time.process_time()
                    if name == "on":
                        await until(partial(have_been_written, capture, before.captured + MAILBOXES))
                    spent[name].append(running + time.process_time() - begun)
            picture = capture.status()
    # Of what was measured side by side, so that whatever else the machine does is in both.
    more = {
        name: statistics.median(a / b for a, b in zip(spent[name], spent["none"], strict=True)) - 1 for name in spent
    }
    print(
        f"\nthe whole engine reads {MAILBOXES} calendars of 20 appointments, {ROUNDS} times, CPU for each calendar: "
        + ", ".join(f"{name} {statistics.median(spent[name]) / MAILBOXES * 1e6:.0f} µs" for name in spent)
        + f"; on costs {100 * more['on']:.1f} %, off {100 * more['off']:.1f} % more"
        + f"; {picture.captured:,} captured, {picture.dropped} dropped"
    )
    assert picture.dropped == 0
    # The goal is a tenth; there is room for a machine that has other work to do.
    assert more["on"] < 0.15


def have_been_written(capture: Capture, exchanges: int) -> bool:
    picture = capture.status()
    return picture.captured + picture.dropped >= exchanges
