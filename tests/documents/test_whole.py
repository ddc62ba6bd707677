"""What has no edge gets everything; a screen gets lines that fit, and loses nothing that stands nowhere else."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.api.schema import (
    Acknowledged,
    Affected,
    AppointmentAccount,
    Concern,
    DecisionAccount,
    LinkState,
    MailboxPlace,
    Operation,
    Shown,
    Status,
    Subscription,
    Trouble,
    UserDetail,
)
from engine.api.schema.checks import Fix, RungAccount
from engine.api.schema.common import Actor
from engine.api.schema.log import CaptureState, Diagnosis, Finding, LogDiagnosis, LogFigures, LogStatistics
from engine.api.schema.preview import Preview, PreviewDifference, PreviewRow
from engine.documents.columns import columns
from engine.documents.lines import UNLIMITED, wrapped
from engine.documents.log_rows import numbered_heads, numbered_line
from engine.documents.log_status import capture_document, figures_document, whole_findings
from engine.documents.preview import preview_document
from engine.documents.problems import step_lines
from engine.documents.status import status_document
from engine.documents.user import user_document
from tests.support.log import log_row

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUSY = Shown(activity="busy", note="Busy: " + "very " * 20 + "long")
SUBJECT = "Subject " * 8 + "at its end"
GROUPS = tuple(f"group number {number}" for number in range(12))
URL = f"https://mail.corp.example/{'path/' * 20}Exchange.asmx"
TROUBLE = Trouble(
    type="mailbox-not-found",
    title="No mailbox found",
    detail="of one user alone",
    remedy="Add the address.",
    fault="settings",
    scope="one user",
)
COMMAND = "Get-Recipient -Identity 'anna@corp.example' | Format-List " + ", ".join(f"Property{n}" for n in range(20))


def user() -> UserDetail:
    appointment = AppointmentAccount(
        id="1",
        subject=SUBJECT,
        hidden=None,
        start=NINE,
        end=NINE + HOUR,
        all_day=False,
        kind="working_elsewhere",
        target="busy",
        outcome="active",
        rule="",
        rival=None,
        oddities=(),
        words="active",
    )
    return UserDetail(
        guid="a",
        name="anna",
        display_name="Anna",
        home="",
        node="",
        template="",
        groups=GROUPS,
        hidden=False,
        addresses=(),
        candidates=(),
        mailbox=MailboxPlace(address="anna@corp.example", url=URL),
        subscription=Subscription(watched=False, connection="", since=None, why_not=""),
        last_read=NINE,
        next_read=None,
        read_from=None,
        read_until=None,
        state="current",
        acknowledged=Acknowledged(presence=BUSY, expires=None, in_doubt=False),
        decision=DecisionAccount(presence=BUSY, valid_until=None, appointments=(appointment,)),
        day_begins=NINE.replace(hour=0),
        day=(),
        problems=(),
        history=(),
    )


def test_without_an_edge_nothing_of_a_user_is_cut() -> None:
    text = "\n".join(line.text for line in user_document(user(), NINE, UTC, UNLIMITED))
    assert "…" not in text
    for whole in (BUSY.note, SUBJECT, "elsewhere", ", ".join(GROUPS), URL):
        assert f" {whole}" in text
    assert max(columns(line) for line in text.splitlines() if "calendar  " in line) <= 100


def test_facts_of_a_user_fit_a_screen_and_are_all_there() -> None:
    lines = list(user_document(user(), NINE, UTC, 60))
    assert max(columns(line.text) for line in lines) <= 60
    words = " ".join(" ".join(line.text for line in lines).split())
    assert ", ".join(GROUPS) in words
    [url] = [index for index, line in enumerate(lines) if "server" in line.text]
    following = [line for line in lines[url + 1 :] if line.joined]
    assert lines[url].text.split()[1] + "".join(line.text.strip() for line in following) == URL


@given(st.text("ab -/", max_size=120), st.integers(20, 40), st.sampled_from(["", "   "]))
def test_lines_that_were_wrapped_can_be_put_together_again(text: str, width: int, indent: str) -> None:
    words = ""
    for line in wrapped(text, width, indent):
        words += ("" if line.joined else " ") + line.text.removeprefix(indent)
    assert words.split() == text.split()


def test_a_status_names_who_is_concerned_and_how_many_more() -> None:
    concern = Concern(trouble=TROUBLE, link=None, count=12, users=(Affected(guid="a", label="Anna"),))
    status = Status(
        version="1",
        now=NINE + HOUR,
        started=NINE,
        timezone="UTC",
        links=(LinkState(name="PBX", works=True, since=NINE),),
        users=12,
        resolved=0,
        watched=0,
        unread=0,
        unresolved=12,
        refused=0,
        oldest_reading=None,
        staleness=None,
        concerns=(concern,),
    )
    text = [line.text for line in status_document(status, UTC, UNLIMITED)]
    assert text[:2] == [" calendar-engine 1, running for 1:00:00", " PBX       ✓ working   since 09:00"]
    assert text[-4].split() == ["✗", "No", "mailbox", "found", "12", "users"]
    assert text[-3:] == [
        "   Add the address.",
        "   Anna and 11 more",
        "   Affects one user; to be solved in: the settings of calendar-engine.",
    ]
    assert "of one user alone" not in "".join(text)


def test_where_nothing_is_watched_the_interval_stands_in_place_of_the_count() -> None:
    status = Status(
        version="1",
        now=NINE,
        started=NINE,
        timezone="UTC",
        links=(),
        users=12,
        resolved=12,
        watched=0,
        unread=0,
        unresolved=0,
        refused=0,
        oldest_reading=NINE,
        staleness=0.0,
        poll_seconds=120.0,
        concerns=(),
    )
    text = "\n".join(line.text for line in status_document(status, UTC, 80))
    assert " oldest reading 09:00, read every 120 s, times in UTC" in text
    assert "watched" not in text
    quiet = msgspec.structs.replace(status, poll_seconds=600.0, quiet_until=NINE + 2 * HOUR)
    assert "read every 600 s until 11:00, times" in "\n".join(each.text for each in status_document(quiet, UTC, 80))


def test_rows_of_the_log_stand_in_columns_with_number_and_date() -> None:
    rows = [log_row(7), log_row(12_345, operation="GetStreamingEvents", attempt=2, ms=4000.0, decision="again in 5 s")]
    lines = [numbered_heads().text, *(numbered_line(row, UTC).text for row in rows)]
    assert {line.index(word) for line, word in zip(lines, ("mailbox", "user0@", "user4@"), strict=True)} == {122}
    assert lines[2].startswith("   12345 03-02 12:25:45.000 GetStreamingEvents #2 ✓ ok ")
    assert lines[2].endswith(" 4.0 s 4.2 kB again in 5 s             user4@corp.example (user user4)")


def test_findings_have_the_whole_command_and_figures_their_columns() -> None:
    told = dict.fromkeys(("type", "meaning", "cause", "remedy", "reaction", "fault", "scope"), "word")
    finding = Finding(
        diagnosis=Diagnosis(code="ErrorServerBusy", command=COMMAND, **told),
        count=3,
        users=2,
        mailboxes=("anna@corp.example",),
        newest=1,
        last=NINE,
    )
    text = [line.text for line in whole_findings(LogDiagnosis(count=1, findings=(finding,)), UTC, 80)]
    assert f"     {COMMAND}" in text
    assert "   3 times, 2 users: anna@corp.example and 1 more; last at 2026-03-02 09:00:00" in text
    figure = LogFigures(operation="FindItem", code="Code" * 20, count=1, errors=0, p50=1.0, p95=1.0, sent=1, received=1)
    figures = LogStatistics(count=1, errors=0, begin=NINE, end=NINE, figures=(figure,))
    heading, *table = (line.text for line in figures_document(figures, UNLIMITED))
    assert heading == " 1 entry, 0 errors"
    assert len({columns(line) for line in table}) == 1
    assert table[1].startswith(" FindItem ")


def test_what_was_dropped_does_not_hide_whether_exchanges_are_captured() -> None:
    state = CaptureState(
        on=True,
        peers=("exchange", "pbx"),
        mailboxes=(),
        until=NINE,
        actor="",
        subjects=False,
        captured=3,
        dropped=1,
        trouble="disk full",
        stored=2,
        bytes=10,
        max_bytes=100,
        max_days=1,
        oldest=None,
        newest=3,
    )
    lines = [line.text for line in capture_document(state, UTC, 80)]
    assert lines == [
        " ● capturing everybody until 2026-03-02 09:00:00 · 2 kept · 10 B of 100 B",
        " ✗ 1 entry dropped: disk full",
    ]


def test_a_preview_has_every_difference_with_its_reason() -> None:
    free = Shown(activity="available", note="")
    difference = PreviewDifference(at=NINE, until=NINE + HOUR, before=BUSY, after=free, why="the mapping differs")
    done = Operation(
        id="1",
        kind="preview",
        state="done",
        actor=Actor(uid=0, pid=1),
        begun=NINE,
        ended=NINE,
        total=1,
        done=1,
        failed=0,
    )
    preview = Preview(
        operation=done,
        looked_at=2,
        unread=0,
        affected=1,
        affected_now=1,
        remarks=(),
        timezone="Europe/Berlin",
        page=1,
        per_page=1,
        users=(PreviewRow(guid="a", label="Anna", differences=(difference, difference)),),
    )
    lines = [line.text.rstrip() for line in preview_document(preview, UNLIMITED)]
    assert lines[1] == "   1 of 2 users, 1 of them at once"
    assert lines[4:7] == [
        f"   10:00–11:00 ● busy       {BUSY.note}",
        "             > ○ available",
        "               the mapping differs",
    ]
    assert lines[4:7] == lines[7:10]


def test_a_step_says_what_was_found_or_why_it_was_skipped() -> None:
    step = RungAccount(
        name="TLS",
        outcome="failed",
        evidence=("the certificate is of nobody",),
        milliseconds=12.4,
        trouble=TROUBLE,
        remedy="Trust it.",
        skipped_because="",
    )
    assert [line.text for line in step_lines(step, 80)] == [
        "✗ TLS                    failed (12 ms)",
        "    the certificate is of nobody",
        "    No mailbox found: of one user alone",
        "    Trust it.",
    ]
    fixes = (Fix(label='use "hq"', settings={"pbx.master": "hq"}), Fix(label="save it", certificates={"x": "PEM"}))
    fixable = msgspec.structs.replace(step, field="pbx.master", fixes=fixes)
    assert [line.text for line in step_lines(fixable, 80)][-2:] == [
        '    The program can use "hq": pbx.master = hq',
        "    The program can save it",
    ]
    skipped = RungAccount(
        name="SOAP", outcome="skipped", evidence=(), milliseconds=0, trouble=None, remedy="", skipped_because="no TLS"
    )
    assert [line.text for line in step_lines(skipped, 80)] == ["- SOAP                   skipped: no TLS"]
