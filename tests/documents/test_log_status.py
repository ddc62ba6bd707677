"""Tests of errors and figures: their lines, and filters that find exactly their entries."""

from datetime import UTC, datetime

import pytest

from engine.api.schema.log import Diagnosis, Finding, LogDiagnosis, LogFigures, LogStatistics
from engine.debuglog.filter.parse import parse
from engine.documents.log_status import statistics

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = f"HTTP 302 redirects to https://sso.example/{'path/' * 20}"


def figure(code: str) -> LogFigures:
    return LogFigures(operation="FindItem", code=code, count=1, errors=1, p50=1.0, p95=1.0, sent=1, received=1)


def finding(code: str) -> Finding:
    told = dict.fromkeys(("type", "meaning", "cause", "remedy", "command", "reaction", "fault", "scope"), "word")
    return Finding(
        diagnosis=Diagnosis(code=code, **told),
        count=3,
        users=1,
        mailboxes=("anna@corp.example",),
        newest=1,
        last=NOW,
    )


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("ErrorServerBusy", "code:ErrorServerBusy"),
        ("login-page", "code:login-page"),
        ("HTTP 503", "status:503"),
        (LONG, "status:302"),
        ("invalid_client AADSTS7000215", "code:invalid_client"),
    ],
)
def test_a_line_leads_to_its_exchanges(code: str, condition: str) -> None:
    figures = LogStatistics(count=1, errors=1, begin=NOW, end=NOW, figures=(figure(code),))
    shown = statistics(figures, LogDiagnosis(count=1, findings=(finding(code),)), UTC, 80)
    lines = [shown.line(index, 80) for index in range(len(shown))]
    keys = [line.key for line in lines if line.key]
    assert keys == [condition, f"op:FindItem {condition}"]
    for key in keys:
        for text in key.split(" "):
            parse(text)
    assert all(len(line.text) <= 80 for line in lines)
    assert [line.text for line in lines[:2]] == [
        " Errors 1                                                times   users     last",
        " ✗ word                                                      3       1    09:00",
    ]
    assert lines[3].text == " Operation                          count  errors    half within    95 % within"
