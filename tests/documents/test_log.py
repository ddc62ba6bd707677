"""Tests of the lines for debug log entries: their columns and their waterfall."""

from datetime import UTC

import pytest
from rich.cells import cell_len

from engine.api.schema.log import LogPhase
from engine.documents.lines import Role, Span
from engine.documents.log_entry import waterfall
from engine.documents.log_rows import outcome, row_line
from engine.documents.quantities import duration, size
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
    assert outcome(log_row(1, part=True)).text == "· notification"
    busy = outcome(log_row(1, error=True, codes=("ErrorServerBusy",)))
    assert busy == Span("✗ ErrorServerBusy", Role.PROBLEM)
    assert outcome(log_row(1, error=True, status=503, codes=())).text == "✗ HTTP 503"
    assert outcome(log_row(1, error=True, status=None, codes=(), failure="timeout")).text == "✗ timeout"
    assert outcome(log_row(1, error=True, status=None, codes=())).text == "✗ no answer"


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_is_as_wide_as_the_list(width: int) -> None:
    row = log_row(
        1, mailbox="Łukasz.日本@corp.example", operation="GetUserAvailability", attempt=12, decision="retry in 5 s"
    )
    text = row_line(row, width, UTC, marked=True).text
    assert cell_len(text) == width
    assert " #12 " in text
    assert ("retry in 5 s" in text) == (width == 120)


def test_a_waterfall_shows_what_came_after_what_and_what_took_longest() -> None:
    phases = [LogPhase(name="connect", ms=20), LogPhase(name="wait", ms=60), LogPhase(name="receive", ms=20)]
    lines = waterfall(phases, 60)
    bars = [line.text[20:] for line in lines[:3]]
    assert bars == ["████████", "        ████████████████████████", " " * 32 + "████████"]
    assert lines[1].spans[-1].role is Role.NOTICE
    assert lines[3].text == "60% of 100 ms: waiting for Exchange to answer"
    assert waterfall([], 60) == []
    assert all(len(line.text) <= 60 for line in waterfall([LogPhase(name="queue", ms=0)], 60))
