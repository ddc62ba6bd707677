"""Tests of the lines for debug log entries: their columns, and what a single one says."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.api.schema.log import Diagnosis, LogBody, LogExchange, LogHeader, LogPhase
from engine.core.errors import Failure, slug_of
from engine.core.http_record import PHASES
from engine.documents.lines import Role, Span
from engine.documents.log_entry import diagnosis_lines, phase_lines, summary
from engine.documents.log_rows import OUTCOME, WORDS, heads, outcome, outcome_by_code, row_line
from engine.documents.quantities import duration, size
from engine.exchange.errors import ExchangeFailure
from engine.pbx.errors import PbxFailure
from tests.support.log import log_row


@pytest.mark.parametrize(
    ("ms", "text"), [(0.04, "0.0 ms"), (9.97, "10 ms"), (1500, "1.5 s"), (90_000, "90.0 s"), (1_800_000, "30 min")]
)
def test_durations(ms: float, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (56_000, "56 kB"), (5_000_000, "5.0 MB")]
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text


def test_every_outcome_has_a_glyph_and_a_word() -> None:
    assert outcome(log_row(1)).text == "✓ ok"
    assert outcome(log_row(1, status=207)).text == "✓ 207"
    assert outcome(log_row(1, part=True)).text == "· notification"
    assert outcome(log_row(1, part=True, quiet=True)).text == "· keep-alive"
    assert outcome(log_row(1, peer="pbx", status=None, codes=())).text == "✓ ok"
    busy = log_row(1, error=True, codes=("ErrorServerBusy",), problem="exchange-busy")
    assert outcome(busy) == Span("✗ exchange busy", Role.PROBLEM)
    assert outcome_by_code(busy) == Span("✗ ErrorServerBusy", Role.PROBLEM)
    assert outcome(log_row(1, error=True, problem="impersonation-denied")).text == "✗ no right to read"
    assert outcome(log_row(1, error=True, status=503, codes=())).text == "✗ HTTP 503"
    assert outcome(log_row(1, error=True, status=None, codes=(), failure="timeout")).text == "✗ timeout"
    assert outcome(log_row(1, error=True, status=None, codes=())).text == "✗ no answer"


def test_every_failure_with_words_of_its_own_exists() -> None:
    kinds: list[type[Failure]] = [ExchangeFailure, PbxFailure]
    for kind in kinds:
        kinds += kind.__subclasses__()
    names = {slug_of(kind) for kind in kinds}
    assert set(WORDS) <= names
    assert max(map(len, WORDS.values())) <= OUTCOME - 2


@pytest.mark.parametrize("width", [54, 62, 80, 120])
def test_a_row_is_as_wide_as_the_list(width: int) -> None:
    row = log_row(1, user="Łukasz.日本", operation="GetUserAvailability", attempt=12)
    text = row_line(row, width, UTC, marked=True).text
    assert cell_len(text) == width
    assert " #12 " in text
    assert text.startswith("* 09:00:01 ")
    assert cell_len(heads(width).line(0, width).text) == width


def test_rows_of_both_sides_stand_in_columns() -> None:
    rows = [
        log_row(1, ms=6.0, received=3500, user="Giulia Rossi"),
        log_row(2, operation="Subscribe", error=True, problem="impersonation-denied", ms=0.8, user="Gerd Vorstand"),
        log_row(3, operation="SetPresence", peer="pbx", status=None, received=212, user="Anna Müller"),
    ]
    assert [heads(80).line(0, 80).text, *(row_line(row, 80, UTC, marked=False).text for row in rows)] == [
        "  time      operation        outcome                  took    size  user        ",
        "  09:00:01  FindItem         ✓ ok                   6.0 ms  3.5 kB  Giulia Rossi",
        "  09:00:02  Subscribe        ✗ no right to read     0.8 ms  4.2 kB  Gerd Vorsta…",
        "  09:00:03  PBX SetPresence  ✓ ok                    12 ms   212 B  Anna Müller ",
    ]
    assert row_line(rows[1], 54, UTC, marked=False).text == "  09:00:02 Subscribe       ✗ no right to re…  0.8 ms  "


def test_the_phases_stand_side_by_side_with_their_shares() -> None:
    phases = [
        LogPhase(name=name, ms=ms) for name, ms in (("queue", 0.1), ("connect", 0.0), ("send", 0.1), ("wait", 0.5))
    ]
    (shown,) = phase_lines(phases, 80)
    assert shown.text == " wait █ 0.1   connect ▏ 0   send █ 0.1   server ██████ 0.5 ms"
    assert [span.text for span in shown.spans if span.role is Role.NOTICE] == ["██████"]
    assert [line.text for line in phase_lines([LogPhase(name="login", ms=1234.0)], 80)] == [" log-in ████████ 1,234 ms"]
    assert list(phase_lines([], 80)) == []


@given(st.lists(st.floats(0, 1e9), max_size=7), st.integers(60, 200))
def test_phases_never_run_over_the_edge(times: list[float], width: int) -> None:
    lines = list(phase_lines([LogPhase(name=name, ms=ms) for name, ms in zip(PHASES, times, strict=False)], width))
    assert all(cell_len(line.text) <= width for line in lines)
    text = "".join(line.text for line in lines)
    assert text.count("█") >= bool(sum(times))
    assert text.rstrip().endswith("ms") or not times


def diagnosis(**changed: str) -> Diagnosis:
    values = dict.fromkeys(("type", "command", "reaction", "fault", "scope"), "")
    told = {
        "code": "ErrorImpersonateUserDenied",
        "meaning": "No right to read the calendar",
        "cause": "svc-calendar may open only the mailboxes in its scope; this one is not.",
        "remedy": 'Add gerd.vorstand@corp.example to the group "Phone users".',
    }
    return Diagnosis(**(values | told | changed))


def exchange(**changed: object) -> LogExchange:
    values: dict[str, object] = {
        "row": log_row(2, operation="Subscribe", error=True, problem="impersonation-denied", ms=0.8, status=500),
        "method": "POST",
        "url": "https://mail.corp.example/EWS/Exchange.asmx",
        "request_id": "39a2892e",
        "request_headers": (),
        "response_headers": (),
        "server": (LogHeader(name="request-id", value="39a2892e-7de3"), LogHeader(name="server", value="EXCHANGE01")),
        "phases": (LogPhase(name="wait", ms=0.5),),
        "request": LogBody(size=0, kept=0, media_type=""),
        "response": LogBody(size=0, kept=0, media_type=""),
        "diagnosis": (diagnosis(),),
    }
    return LogExchange(**(values | changed))  # type: ignore[arg-type]


def test_an_entry_says_first_what_is_wrong_then_what_to_do() -> None:
    tries = [log_row(1, error=True, problem="impersonation-denied", ms=8.8), exchange().row]
    assert [each.text.rstrip() for each in summary(exchange(), tries, 80, UTC)] == [
        " ✗ No right to read the calendar               ErrorImpersonateUserDenied",
        "   svc-calendar may open only the mailboxes in its scope; this one is not.",
        ' → Add gerd.vorstand@corp.example to the group "Phone users".',
        "",
        " POST https://mail.corp.example/EWS/Exchange.asmx",
        " HTTP 500 · sent 900 B · received 4.2 kB · 0.8 ms · connection 1",
        " request 39a2892e",
        " server ████████ 0.5 ms",
        "",
        " Tries                                  For Exchange's own logs",
        "   09:00:01  ✗ no right to read  8.8 ms  request-id  39a2892e-7de3",
        "  *09:00:02  ✗ no right to read  0.8 ms  server      EXCHANGE01",
    ]
    narrow = [each.text for each in summary(exchange(), tries, 62, UTC)]
    assert narrow.index(" Tries") + 4 == narrow.index(" For Exchange's own logs")


def test_an_entry_of_the_pbx_has_neither_status_nor_server() -> None:
    row = log_row(3, operation="SetPresence", peer="pbx", status=None, codes=(), lane="pbx-1")
    url = "wss://pbx.corp.example:443/PBX0/APPS/websocket"
    of_pbx = exchange(row=row, method="SEND", url=url, diagnosis=(), request_id="", server=(), phases=())
    assert [each.text for each in summary(of_pbx, (), 80, UTC)] == [
        " ✓ ok   user3@corp.example (user user3)",
        "",
        f" to the PBX by {url}",
        " sent 900 B · received 4.2 kB · 12 ms · connection pbx-1",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_code_and_a_command_are_not_cut_silently(width: int) -> None:
    told = diagnosis(code="HTTP 302 redirects to https://sso.example/path", command="word " * 200, reaction="wait")
    lines = list(diagnosis_lines(told, width, whole=False))
    assert all(cell_len(line.text) <= width for line in lines)
    text = " ".join(line.text for line in lines)
    assert "c copies it all" in text
    assert "".join(told.code.split()) in "".join(text.split())
