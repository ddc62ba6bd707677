"""The log as lines of JSON and as entries of the journal, over a real datagram socket."""

import io
import json
import logging
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.presence import Presence
from engine.core.users import User
from engine.daemon.log_formats import Journal, LogEntry, LogFormat, json_on, usual_format, writer
from engine.daemon.log_handler import LogHandler
from engine.daemon.log_messages import log
from engine.exchange.errors import MailboxNotFound
from engine.pbx.errors import PbxUnreachable
from engine.sync.events import ConnectionLost, Event, PresenceConfirmed, Side, UserTrouble
from tests.support.hostile import NAME, harm_in

ANNA = User(guid="6f" * 16, name="anna", display_name="Anna Alba")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def read_fields(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields of an entry as the journal documents its protocol."""
    while data:
        line, _, data = data.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            length, data = int.from_bytes(data[:8], "little"), data[8:]
            value, data = data[:length], data[length + 1 :]
        yield name.decode(), value.decode()


class JournalSocket:
    """The socket that the journal would read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def next_entry(self) -> dict[str, str]:
        return dict(read_fields(self.socket.recv(65536)))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalSocket]:
    journal = JournalSocket(tmp_path / "socket")
    yield journal
    journal.socket.close()


@pytest.fixture
def logged(journal: JournalSocket) -> Iterator[JournalSocket]:
    """The journal that everything of this program is written to."""
    logger, level = logging.getLogger("engine"), logging.getLogger("engine").level
    handler = LogHandler(writer(LogFormat.JOURNAL, io.StringIO(), journal.path))
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield journal
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            PresenceConfirmed(ANNA, Presence(), NOON),
            {"EVENT": "presence-confirmed", "USER": "anna", "USER_GUID": ANNA.guid, "PRIORITY": "6"},
        ),
        (
            UserTrouble(ANNA, MailboxNotFound("anna@corp.example")),
            {"EVENT": "user-trouble", "USER": "anna", "FAILURE": "mailbox-not-found", "PRIORITY": "4"},
        ),
        (
            ConnectionLost(Side.PBX, PbxUnreachable("10.0.0.1"), NOON),
            {"EVENT": "connection-lost", "SIDE": "PBX", "FAILURE": "pbx-unreachable", "PRIORITY": "4"},
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_events_have_fields_to_find_them_by(logged: JournalSocket, event: Event, fields: dict[str, str]) -> None:
    log(event)
    entry = logged.next_entry()
    assert fields.items() <= entry.items()
    assert entry["SYSLOG_IDENTIFIER"] == "calendar-engine"


def test_where_an_error_happened_belongs_to_its_message(logged: JournalSocket) -> None:
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("engine.sync").exception("it failed")
    entry = logged.next_entry()
    first, *rest = entry["MESSAGE"].splitlines()
    assert first == "it failed"
    assert any("test_log_formats.py" in line for line in rest)
    assert "hunter2" not in entry["MESSAGE"]
    assert entry["PRIORITY"] == "3"


def test_no_field_is_forged(logged: JournalSocket) -> None:
    log(UserTrouble(User(guid="00", name=f"x\nPRIORITY=0\n{NAME}"), MailboxNotFound("y\nUSER=root")))
    entry = logged.next_entry()
    assert entry["PRIORITY"] == "4"
    assert not harm_in(entry["USER"])
    assert not harm_in(entry["MESSAGE"])


@given(st.lists(st.text(st.characters(codec=None, categories=None))), st.text())
def test_whatever_is_written_is_read_back(where: list[str], message: str) -> None:
    with TemporaryDirectory() as name:
        journal = JournalSocket(Path(name) / "socket")
        with journal.socket:
            Journal(journal.path).write(LogEntry(logging.INFO, message, tuple(where)))
            entry = journal.next_entry()
    assert entry["MESSAGE"] == "\n".join([message, *where]).encode(errors="replace").decode()
    assert entry.keys() == {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"}


def test_a_journal_that_takes_nothing_is_not_waited_for(journal: JournalSocket) -> None:
    form = Journal(journal.path)
    for number in range(2000):  # more than the socket holds
        form.write(LogEntry(logging.INFO, f"entry {number}"))
    taken = 0
    while True:
        try:
            journal.next_entry()
        except BlockingIOError:
            break
        taken += 1
    assert taken < 2000
    form.write(LogEntry(logging.INFO, "later"))
    lost = f"({2000 - taken} entries before this one were not taken by the journal)"
    assert journal.next_entry()["MESSAGE"] == f"later\n{lost}"


def test_without_a_journal_nothing_ends_and_what_is_lost_is_said_when_it_is_there(tmp_path: Path) -> None:
    form = Journal(tmp_path / "socket")
    handler = LogHandler(form.write)
    handler.handle(logging.LogRecord("engine", logging.ERROR, "x.py", 1, "m", (), None))
    journal = JournalSocket(tmp_path / "socket")
    with journal.socket:
        form.write(LogEntry(logging.INFO, "later"))
        assert "1 entries before this one" in journal.next_entry()["MESSAGE"]


def test_json_is_one_object_a_line() -> None:
    stream = io.StringIO()
    fields = {"USER": "anna", "EVENT": "presence-confirmed"}
    json_on(stream, lambda: NOON)(LogEntry(logging.WARNING, 'a "quoted" thing', ("x.py:1 f",), fields))
    [line] = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "time": "2026-12-01T12:00:00.000+00:00",
        "level": "warning",
        "message": 'a "quoted" thing',
        "where": ["x.py:1 f"],
        "user": "anna",
        "event": "presence-confirmed",
    }


def test_the_journal_is_used_only_where_standard_error_leads_there(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        status = os.fstat(stream.fileno())
        there = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert usual_format(there, stream) is LogFormat.JOURNAL
        for environment in ({}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": f"{status.st_dev}:1"}):
            assert usual_format(environment, stream) is LogFormat.TEXT
    assert usual_format(there, io.StringIO()) is LogFormat.TEXT
