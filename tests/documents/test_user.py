"""One user as designed: what is shown, why, what comes next, the day, and what each appointment does."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from engine.api.schema import (
    Acknowledged,
    AppointmentAccount,
    DecisionAccount,
    MailboxPlace,
    PastChange,
    PlannedPresence,
    Shown,
    Subscription,
    Trouble,
    UserDetail,
)
from engine.documents.user import APPOINTMENT, user_document

MIDNIGHT = datetime(2026, 11, 30, tzinfo=UTC)
FREE, BUSY = Shown(activity="available", note=""), Shown(activity="busy", note="Busy until 10:45am")
NEXT = Shown(activity="available", note="Available until 2pm (Busy: Angebot)")
ODD = "has an implausible date"


def at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return MIDNIGHT + timedelta(hours=hour, minutes=minute)


def appointment(
    begins: str, ends: str, subject: str, outcome: str, words: str = "", **more: object
) -> AppointmentAccount:
    usual = AppointmentAccount(
        id=begins,
        subject=subject,
        hidden=None,
        start=at(begins),
        end=at(ends),
        all_day=False,
        kind="busy",
        target="busy",
        outcome=outcome,
        rule="",
        rival=None,
        oddities=(),
        words=words or outcome,
    )
    return replace(usual, **more)


def anna(**more: object) -> UserDetail:
    calendar = (
        appointment("9:25", "9:45", "Daily Stand-up", "ignored", "ignored: mapped to ignore", kind="tentative"),
        appointment("9:45", "10:45", "", "active", hidden="private"),
        appointment("14:00", "15:00", "Angebot", "next", oddities=(ODD,), words=f"next; odd: it {ODD}"),
    )
    usual = UserDetail(
        guid="a",
        name="anna.mueller",
        display_name="Anna Müller",
        home="",
        node="root",
        template="",
        groups=("sales",),
        hidden=False,
        addresses=(),
        candidates=(),
        mailbox=MailboxPlace(address="anna.mueller@corp.example", url="https://mail/EWS"),
        subscription=Subscription(watched=True, connection="x", since=at("8:52"), why_not=""),
        last_read=at("9:20"),
        next_read=None,
        read_from=MIDNIGHT,
        read_until=MIDNIGHT + timedelta(days=2),
        state="current",
        acknowledged=Acknowledged(presence=BUSY, expires=None, in_doubt=False),
        decision=DecisionAccount(presence=BUSY, valid_until=at("10:45"), appointments=calendar),
        day_begins=MIDNIGHT,
        day=(
            PlannedPresence(begins=MIDNIGHT, presence=FREE),
            PlannedPresence(begins=at("9:45"), presence=BUSY),
            PlannedPresence(begins=at("10:45"), presence=NEXT),
            PlannedPresence(begins=at("14:00"), presence=BUSY),
            PlannedPresence(begins=at("15:00"), presence=FREE),
        ),
        problems=(),
        history=(PastChange(at=at("9:45"), presence=BUSY),),
    )
    return replace(usual, **more)


def text(user: UserDetail, width: int = 80, opened: str | None = "") -> list[str]:
    return [line.text.rstrip() for line in user_document(user, at("10:26"), UTC, width, opened)]


def test_a_user_is_told_as_designed() -> None:
    assert text(anna())[:17] == [
        " Shows    ● busy       Busy until 10:45am                      confirmed 09:45",
        " Because  09:45–10:45 (private) is busy now; private subjects are never shown.",
        " Next     10:45  ○ available  Available until 2pm (Busy: Angebot)",
        "",
        "                       ▼",
        "           08   09   10   11   12   13   14   15   16   17",
        " calendar         ▒██████                █████",
        " presence          ●●●●●●                ●●●●●",
        "",
        " Appointments 3",
        "   09:25–09:45  tentative  Daily Stand-up            tentative shows nothing",
        "   09:45–10:45  busy       (private)                 shown now",
        "   14:00–15:00  busy       Angebot",
        "        shown from 14:00; odd: it has an implausible date",
        "",
        " Calendar  anna.mueller@corp.example · live since 08:52 · read 09:20",
        " PBX       anna.mueller · node root · group sales",
    ]


def test_the_rule_opens_for_one_appointment_or_for_all() -> None:
    rule = "        ignored: mapped to ignore"
    assert rule not in text(anna())
    assert text(anna(), opened=f"{APPOINTMENT}9:25")[11] == rule
    assert rule in text(anna(), opened=None)
    for said_already in ("9:45", "14:00"):
        assert text(anna(), opened=f"{APPOINTMENT}{said_already}") == text(anna())


def test_a_dry_run_says_would() -> None:
    lines = text(anna(state="withheld", withheld=BUSY, acknowledged=replace(anna().acknowledged, presence=FREE)))
    assert lines[:2] == [
        " In the PBX  ○ available",
        " Would show  ● busy       Busy until 10:45am       dry run: nothing is written",
    ]


def test_a_problem_is_why_nothing_is_shown() -> None:
    trouble = Trouble(
        type="x", title="No mailbox found", detail="", remedy="Add it.", fault="settings", scope="one user"
    )
    lines = text(anna(state="problem", problems=(trouble,), decision=None, day=(), mailbox=None, last_read=None))
    assert lines[1:3] == [" Because  ✗ No mailbox found", "          Add it."]
    assert " Calendar  no mailbox found · live since 08:52 · never read" in lines
    assert "   not read yet" in lines


def test_what_is_about_to_be_written_stands_below_what_is_shown() -> None:
    lines = text(anna(state="pending", acknowledged=replace(anna().acknowledged, presence=FREE)))
    assert lines[0] == " Shows    ○ available"
    assert lines[1].startswith(" Will show ● busy       Busy until 10:45am")


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (60, 80, 120):
        assert max(map(len, text(anna(), width, None))) <= width


def test_of_a_user_of_another_node_what_is_stored_and_where_to_ask() -> None:
    elsewhere = anna(owner="b", decision=None, day=(), mailbox=None, candidates=(), last_read=None)
    lines = [line.text.rstrip() for line in user_document(elsewhere, at("10:26"), UTC, 80)]
    assert lines[:7] == [
        " Shows    ● busy       Busy until 10:45am                      confirmed 09:45",
        " Because  Node b works for this user, and keeps the calendar, its log and the",
        "          reasons. Ask there:",
        "          calendar-engine explain anna.mueller",
        "          calendar-engine log show user:anna.mueller",
        " Next     no change that is known",
        "",
    ]
    text = "\n".join(lines)
    assert "More about the user in the PBX" in text
    assert not any(word in text for word in ("calendar  ", "Appointments", "More about the calendar"))
    nobodys = [line.text.rstrip() for line in user_document(anna(owner=""), at("10:26"), UTC, 80)]
    assert nobodys[1] == " Because  No node works for this user at the moment; what the PBX shows is as"
