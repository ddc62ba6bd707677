"""The overview as designed: connections, problems by severity with the remedy under the cursor, and last changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from calendar_tui.documents.overview import first_start, in_sight, overview, states
from calendar_tui.model import Model
from engine.api.schema import ChangeEvent, Concern, LinkState, RecentChanges, Shown, Status, StatusEvent, Trouble
from engine.api.schema.common import Actor
from engine.api.schema.setup import Setup, SetupPerson, SetupSummary
from engine.documents.columns import columns
from engine.documents.lines import Role
from engine.documents.problems import PROBLEM
from engine.exchange.errors import MailboxNotFound
from tests.support.served_engine import InstantSource, people, served_engine
from tests.support.tui import terminal
from tests.tui.documents.setup.pages import a_page, a_rung

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)


def trouble(slug: str, title: str, remedy: str = "") -> Trouble:
    return Trouble(type=slug, title=title, detail="", remedy=remedy, fault="server", scope="one user")


def concern(slug: str, title: str, count: int, **more: object) -> Concern:
    remedy = "Often two engines use the same App object: stop the other one."
    usual = Concern(trouble=trouble(slug, title, remedy), link=None, count=count, users=(), since=NINE)
    return replace(usual, **more)


SIX = (
    concern("pbx-link-unstable", "The PBX link keeps dropping", 26, link="PBX"),
    concern("impersonation-denied", "No right to read the calendar", 8, severity="no calendar"),
    concern("mailbox-not-found", "No mailbox found", 2, severity="no calendar"),
    concern("exchange-slow", "Exchange answers slowly", 26, link="Exchange", severity="degraded"),
    concern("notifications-refused", "No live updates from Exchange", 9, link="Exchange", severity="degraded"),
    concern("exchange-certificate-expires", "The Exchange certificate ends in 2 days", 26, severity="coming"),
)


def status(**more: object) -> Status:
    usual = Status(
        version="1",
        now=TEN,
        started=NINE,
        timezone="UTC",
        links=(LinkState(name="PBX", works=True, since=NINE), LinkState(name="Exchange", works=True, since=NINE)),
        users=26,
        resolved=26,
        up_to_date=26,
        watched=26,
        unread=0,
        unresolved=0,
        refused=0,
        live=26,
        oldest_reading=None,
        staleness=None,
        concerns=(),
    )
    return replace(usual, **more)


def model(*, number_of_changes: int = 30, **more: object) -> Model:
    made = Model(lambda: TEN)
    made.take(StatusEvent(number=1, status=status(**more)))
    busy = Shown(activity="busy", note="Busy: Kod: przegląd 3 until 10:40am")
    changes = tuple(
        ChangeEvent(number=n, at=TEN, kind="confirmed", guid=f"{n}", label=f"User {n}", presence=busy)
        for n in range(number_of_changes, 0, -1)
    )
    made.recall(RecentChanges(changes=changes))
    return made


def text(this: Model, height: int = 19, opened: str = "", width: int = 80) -> list[str]:
    return [line.text.rstrip() for line in overview(this, width, height, opened)]


def test_all_is_well() -> None:
    assert [line.text.rstrip() for line in states(model(number_of_changes=2), 80)] == [
        " PBX       ✓ working   since 09:00        26 users   26 up to date   0 waiting",
        " Exchange  ✓ working   since 09:00        Last hour    2 changes            █",
    ]
    assert text(model(number_of_changes=1)) == [
        " ✓ No problems. The PBX shows what the calendars say.",
        "",
        " Last changes",
        " 10:00  ● busy       User 1                Busy: Kod: przegląd 3 until 10:40am",
    ]


def test_six_problems_by_severity_with_one_remedy() -> None:
    lost_often = LinkState(name="PBX", works=True, since=TEN, losses=5, first_lost=TEN - timedelta(minutes=10))
    slow = LinkState(name="Exchange", works=True, since=NINE, answer_seconds=12.0)
    this = model(concerns=SIX, up_to_date=9, pending=17, links=(lost_often, slow))
    first, second = states(this, 80)
    assert first.text.startswith(" PBX       ✗ keeps dropping  5 × in 10 min   26 users  9 up to date  17 waiting")
    assert second.text.startswith(" Exchange  ! slow            12 s an answer  Last hour  ")
    assert text(this)[:11] == [
        " Problems 6                                                      whom      since",
        " ✗ The PBX link keeps dropping                               26 users      09:00",
        "    Often two engines use the same App object: stop the other one.",
        "    Enter details  l PBX messages",
        " ✗ No right to read the calendar                              8 users      09:00",
        " ✗ No mailbox found                                           2 users      09:00",
        " ! Exchange answers slowly                                   26 users      09:00",
        " ! No live updates from Exchange                              9 users      09:00",
        " ! The Exchange certificate ends in 2 days                   26 users      09:00",
        "",
        " Last changes",
    ]
    third = text(this, opened=f"{PROBLEM}mailbox-not-found")
    assert third[4].startswith("    Often two engines")
    assert "F look again now" in third[5]


@pytest.mark.parametrize("height", [9, 12, 15])
def test_changes_keep_two_rows_and_what_has_no_room_is_counted(height: int) -> None:
    this = model(concerns=SIX)
    lines = text(this, height)
    assert len(lines) <= height
    assert len(lines) - lines.index(" Last changes") - 1 >= 2
    hidden = 6 - sum(line.startswith((" ✗", " !")) for line in lines)
    assert (f" … {hidden} more ↓" in lines) is bool(hidden)


def test_going_to_what_has_no_room_shows_it() -> None:
    this = model(concerns=SIX)
    more = next(line for line in overview(this, 80, 10, "") if "more ↓" in line.text)
    assert more.key.startswith(PROBLEM)
    assert any(line.key == more.key and "more" not in line.text for line in overview(this, 80, 10, more.key))


@pytest.mark.property
@given(st.integers(1, 200), st.data())
def test_what_is_chosen_is_in_sight(number: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, number - 1))
    below, rows = data.draw(st.integers(0, 3)), data.draw(st.integers(7, 40))
    seen = in_sight(number, place, below, rows)
    assert place in seen
    assert 0 <= seen.start < seen.stop <= number
    assert len(seen) + below + (seen.start > 0) + (seen.stop < number) <= rows


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    down = LinkState(name="PBX", works=False, since=NINE, waits_for="next try", retry_at=TEN, trouble=SIX[0].trouble)
    this = model(concerns=SIX, links=(down, *status().links[1:]), users=30_000, up_to_date=29_999)
    assert max(columns(line.text) for line in (*overview(this, width, 24, ""), *states(this, width))) <= width


def test_a_dry_run_says_would() -> None:
    this = model(dry_run=True, withheld=24)
    said = "\n".join(line.text for line in (*states(this, 80), *overview(this, 80, 19, "")))
    assert "26 would show" in said
    assert "30 would change" in said
    assert " Would have changed" in said


async def test_errors_of_the_last_hour_can_be_opened(tmp_path: Path) -> None:
    source = InstantSource()
    source.failures["user7@corp.example"] = MailboxNotFound("user7@corp.example is not in the directory")
    async with served_engine(tmp_path, people(8), source=source) as served:
        await served.settled()
        async with terminal(served.socket, real_time=served.clock.now) as shown:
            await shown.shows("1 error")
            await shown.press("E")
            await shown.shows("Overview › Errors of the last hour")
            await shown.shows("✗ problem    User Number 7")
            await shown.press("enter")
            await shown.shows("Because  ✗ No mailbox found")


def test_old_data_is_grey_and_says_its_age() -> None:
    this = model(concerns=SIX)
    this.attach(Path("engine.sock"))
    this.lose(ConnectionError("refused"), timedelta(seconds=3))
    first, second = states(this, 80)
    assert first.text.startswith(" PBX       ? unknown   was working 10:00 ")
    assert second.text.rstrip().endswith("Last hour   –")
    lines = [*states(this, 80), *overview(this, 80, 19, "")]
    assert lines[2].text.startswith(" Problems 6, as of 10:00 ")
    assert {span.role for line in lines for span in line.spans} == {Role.MUTED}


def a_draft(*, is_present: bool) -> Setup:
    actor = Actor(uid=1001, pid=7, user="anna")
    last = TEN - timedelta(minutes=20)
    person = SetupPerson(
        name="anna@10.1.4.7", actor=actor, where="10.1.4.7", last=last, is_present=is_present, is_you=False
    )
    step = SetupSummary(
        number=1, name="pbx", title="PBX", state="open", is_optional=False, problems=0, can_check=True, pages=()
    )
    return Setup(
        revision=1,
        flow="all",
        title="Set-up",
        person=person,
        steps=(step,),
        page=a_page(),
        machine=(),
        changes=(),
        new_secrets=(),
        problems=(),
        ready=False,
    )


def test_before_the_first_start_one_is_led_to_the_set_up() -> None:
    this = Model(lambda: TEN)
    this.take(StatusEvent(number=1, status=status(state="not set up", links=(), users=0)))
    lines = first_start(this, (), None, 80)
    others = ["  Load an answers file", "  Look around (demo data)"]
    assert [line.text for line in lines if line.key] == ["  Set up now", *others]
    assert max(columns(line.text) for line in lines) <= 80
    remedy = "As root: mkdir -p /etc/ce && chgrp ce /etc/ce && chmod g+rwx /etc/ce"
    machine = (
        a_rung("settings directory", "/etc/ce: Permission denied", outcome="failed", remedy=remedy),
        a_rung("state directory", "/var/lib/ce can be written"),
        replace(a_rung("clock"), outcome="skipped", evidence=(), skipped_because="no time service keeps it right"),
    )
    lines = first_start(this, machine, None, 80)
    told = "\n".join(line.text for line in lines)
    assert "   this machine  ✗ Trouble: /etc/ce: Permission denied. As root: mkdir" in told
    assert "                 ✓ /var/lib/ce can be written" in told
    assert "                 ! clock: no time service keeps it right" in told
    assert max(columns(line.text) for line in lines) <= 80


def test_a_set_up_that_somebody_began_is_gone_on_with() -> None:
    this = Model(lambda: TEN)
    this.take(StatusEvent(number=1, status=status(state="not set up", links=(), users=0)))
    for is_present, said in (
        (False, "  Go on with the set-up of anna@10.1.4.7 (step 1 of 1, last answer 09:40)"),
        (True, "  Watch or take over: anna@10.1.4.7 is at step 1 of 1, last key 20 min ago"),
    ):
        lines = first_start(this, (), a_draft(is_present=is_present), 80)
        assert next(line.text for line in lines if line.key) == said
