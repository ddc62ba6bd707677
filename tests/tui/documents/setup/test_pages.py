"""The pages of the set-up, as they are drawn at 80 columns."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from calendar_tui.documents.form_page import FormState, fields
from calendar_tui.documents.setup_certificate import certificate_page
from calendar_tui.documents.setup_page import choice_body, fields_body, setup_page, task_body
from calendar_tui.documents.setup_start import start_page
from calendar_tui.documents.setup_task import FOLD, NARROWEST, folded, task_lines
from calendar_tui.terminal import CharacterSet, written
from engine.api.schema.setup import (
    SetupCertificate,
    SetupFix,
    SetupLogIns,
    SetupOption,
    SetupSecret,
    SetupTask,
    SetupTaskLine,
    SetupText,
    SetupWatch,
)
from engine.documents.columns import columns
from tests.tui.documents.setup.pages import NOW, a_check, a_field, a_page, a_problem, a_rung, a_state, shown

ADDRESS = (
    a_field("pbx.host", "Address", "pbx.corp.example", is_well=True),
    a_field("pbx.app", "App object", "calendar"),
    a_field("pbx.password", "Password", kind="secret", secret=SetupSecret(name="pbx.password", place="store")),
    a_field("pbx.master", "PBX name", "headquarters"),
    a_field("pbx.port", "port", "443", is_advanced=True),
    a_field("pbx.tls", "TLS", "true", kind="flag", is_advanced=True),
)
STEPS = ("name", "port 443", "certificate", "clock", "log-in", "rights", "PBX name")


def test_a_form_has_labels_fields_marks_and_keys() -> None:
    found = a_check((), a_rung("name", "pbx.corp.example is 10.1.4.20"), a_rung("clock", "clock 0.2 s off"))
    page = a_page(fields=ADDRESS, reach=found)
    state = a_state(cursor="pbx.host", height=12)
    assert shown(setup_page(page, fields_body(page, state), state)) == (
        """
Address       [pbx.corp.example            ]✓ pbx.host
App object    [calendar                    ]  pbx.app
Password      [•••••• stored               ]  pbx.password
PBX name      [headquarters                ]  pbx.master

✓ pbx.corp.example is 10.1.4.20
✓ clock 0.2 s off


Help for Address.
^O more fields: port, TLS
"""
    )


def test_fields_seldom_needed_come_with_a_key() -> None:
    page = a_page(fields=ADDRESS)
    state = a_state(cursor="pbx.port", with_advanced=True, height=9)
    assert shown(setup_page(page, fields_body(page, state), state)).splitlines()[5:] == [
        "port          [443                         ]  pbx.port",
        "TLS           [x]                             pbx.tls",
        "",
        "Help for port.",
    ]


def test_the_cursor_goes_through_fields_and_choices() -> None:
    page = fields(ADDRESS, a_state())
    assert page.stops == tuple(field.key for field in ADDRESS)
    assert [(place.row, place.column, place.width) for place in page.places] == [(row, 15, 28) for row in range(5)]


@pytest.mark.parametrize("width", [61, 100])
def test_keys_that_are_long_take_room_from_the_fields(width: int) -> None:
    long = (a_field("exchange.client_secret_expires", "Secret ends"), a_field("exchange.user", "Account"))
    page = fields(long, a_state(width=width))
    assert all(columns(line.text) <= width for line in page.lines)
    assert all(place.width >= 20 for place in page.places)


def test_with_room_each_field_has_its_help_below_it() -> None:
    assert shown(fields(ADDRESS[:2], a_state(width=100))).splitlines()[:3] == [
        "Address       [pbx.corp.example                            ]✓ pbx.host",
        "               Help for Address.",
        "",
    ]


def test_what_is_typed_is_newer_than_what_the_engine_says() -> None:
    wrong = a_field("pbx.master", "PBX name", "master", problem=a_problem("pbx.master", "is another"))
    assert "✗ PBX name is another." in shown(fields((wrong,), a_state()))
    typed = shown(fields((wrong,), a_state(texts={"pbx.master": "head"})))
    assert typed == "PBX name      [head                        ]  pbx.master\n"


def test_a_check_at_work_shows_what_is_done_and_what_comes() -> None:
    rungs = (a_rung("name", "pbx.corp.example is 10.1.4.20"), a_rung("port 443", "answers", ms=12))
    page = a_page(check=a_check(STEPS[:5], *rungs, running="certificate"))
    state = a_state(height=9)
    assert shown(setup_page(page, fields_body(page, state), state)) == (
        """
✓ Name         pbx.corp.example is 10.1.4.20        4.0 ms
✓ Port 443     answers                               12 ms
… Certificate  at work, at most 10 s
· Clock
· Log-in
Esc stops the check. It changes nothing over there.
"""
    )


def test_after_a_failure_there_are_the_wrong_field_and_the_key_that_mends_it() -> None:
    problem = replace(a_problem("pbx.master", 'The PBX is "headquarters".'), remedy="Correct the name.")
    wrong = a_field("pbx.master", "PBX name", "master", problem=problem)
    said = 'it is "headquarters", not "master"'
    failure = a_rung("PBX name", said, outcome="failed", field="pbx.master", remedy="Correct the name.")
    fix = SetupFix(id="1", label='use "headquarters"', keys=("pbx.master",))
    well = [a_rung(name, ms=33) for name in STEPS[:-1]]
    page = a_page(fields=(*ADDRESS[:3], wrong), check=a_check(STEPS, *well, failure, fixes=(fix,)))
    state = a_state(height=10, following="Do this over there")
    assert shown(setup_page(page, fields_body(page, state), state)) == (
        """
✓ Name, port 443, certificate, clock, log-in, righ… 198 ms
✗ PBX name     Trouble

PBX name      [master                      ]✗ pbx.master
              ✗ The PBX is "headquarters".
              → Correct the name.
^F use "headquarters"         ^R check again
"""
    )


@pytest.mark.parametrize(
    ("paused", "said"),
    [
        (None, "✗ log-in 1 of 3. After 3 I wait 15 min, so as not to lock\n  the account. ^R uses the next one."),
        (timedelta(minutes=9), "✗ No log-in until 10:40, so as not to lock svc.\n  Another password is tried at once."),
    ],
)
def test_log_ins_are_counted_and_a_pause_has_a_way_out(paused: timedelta | None, said: str) -> None:
    until = NOW + paused if paused is not None else None
    log_ins = SetupLogIns(account="svc", used=1, left=2, then_pause=900, paused_until=until, way_out="Ask for it.")
    failure = a_rung("log-in", "refused", outcome="failed", field="exchange.password")
    page = a_page(check=a_check(STEPS, failure), log_ins=log_ins)
    assert said in shown(setup_page(page, fields_body(page, a_state()), a_state()))


def test_a_choice_says_what_each_option_means() -> None:
    dial = SetupOption(
        value="dial", label="The engine connects to the PBX", lines=("here ──▶ PBX",), remark="recommended"
    )
    listen = SetupOption(value="listen", label="The PBX connects to the engine", lines=("For hidden networks.",))
    page = a_page(
        kind="choice", fields=(a_field("pbx.link", "Who", kind="choice", options=(dial, listen), suggestion="dial"),)
    )
    body = choice_body(page, a_state())
    assert shown(body) == (
        """\
  (•) The engine connects to the PBX            recommended
        here ──▶ PBX
  ( ) The PBX connects to the engine
        For hidden networks.
"""
    )
    assert body.stops == ("pbx.link=dial", "pbx.link=listen")


TASK = SetupTask(
    lines=(
        SetupTaskLine(number=1, text="PBX › Objects › new › App"),
        SetupTaskLine(number=2, text="Name", value="calendar"),
        SetupTaskLine(text="Password", secret="pbx.password"),
        SetupTaskLine(number=3, text="PBX", tick=True),
        SetupTaskLine(text="TableUsers", tick=True),
        SetupTaskLine(text="Websocket", tick=False),
        SetupTaskLine(number=4, text="OK. Give the App to no user."),
    ),
    texts=(SetupText(name="colleague", label="text for a colleague", text="…", file="task.txt"),),
)


def test_a_task_is_told_step_by_step_while_the_engine_watches() -> None:
    watch = SetupWatch(
        looked=4, last=NOW, next=NOW + timedelta(seconds=3), finding="the PBX knows no such App object yet"
    )
    page = a_page(kind="task", task=TASK, watch=watch)
    assert shown(task_body(page, a_state(own_password="k7Rm-2tVq-9bHx"))) == (
        """\
1 PBX › Objects › new › App
2 Name       calendar
  Password   k7Rm-2tVq-9bHx        p shows or hides it
3 Tick       [x] PBX   [x] TableUsers
  Not        [ ] Websocket
4 OK. Give the App to no user.

c copy password   w file   t as text

… 10:31:20  the PBX knows no such App object yet
  looked 4 times, again in 3 s; I go on as soon as it works
"""
    )
    assert "k7Rm" not in shown(task_body(page, a_state()))


@given(st.integers(1, 70), st.sampled_from((45, 61, 100)))
def test_a_value_to_type_in_is_whole(length: int, width: int) -> None:
    url = ("https://pbx.corp.example:8443/calendar/sync/engine/calendar" * 2)[:length]
    lines = task_lines(SetupTask(lines=(SetupTaskLine(text="URL", value=url),), texts=()), "", width).lines
    assert all(columns(each.text.rstrip()) <= width for each in lines)
    assert "".join(each.text for each in lines).replace("URL", "").replace(" ", "").replace(FOLD, "") == url


def test_letters_that_a_field_would_take_are_no_keys_there() -> None:
    page = a_page(fields=ADDRESS, kind="task", task=TASK)
    assert "c copy password   w" not in shown(task_body(page, a_state(cursor=ADDRESS[0].key)))
    assert "outside fields: c copy  w file  t as text" in shown(task_body(page, a_state(cursor=ADDRESS[0].key)))


def test_a_task_that_is_too_long_says_what_is_left_out() -> None:
    long = replace(TASK, lines=(*TASK.lines, *(SetupTaskLine(text=f"line {number}") for number in range(20))))
    watch = SetupWatch(looked=1, last=NOW, next=None, finding="not yet", remedy="Do it.")
    page = a_page(kind="task", task=long, watch=watch)
    picture = shown(setup_page(page, task_body(page, a_state(height=14)), a_state(height=14)))
    assert len(picture.splitlines()) == 14
    assert "  … 17 more lines; t copies everything as text\n  line 18\n  line 19\n" in picture
    assert picture.endswith("→ Do it.\n  looked 1 time, looking now; I go on as soon as it works\n")


def test_a_script_is_folded_on_the_screen_alone() -> None:
    script = "New-ManagementScope calendar-engine -RecipientRestrictionFilter \"MemberOfGroup -eq '$g'\""
    page = a_page(kind="task", task=SetupTask(lines=(SetupTaskLine(text="", value=script),), texts=()))
    assert shown(task_body(page, a_state())).splitlines()[:2] == [
        " New-ManagementScope calendar-engine -RecipientRestriction⏎",
        " Filter \"MemberOfGroup -eq '$g'\"",
    ]


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=200), st.integers(-9, 80))
def test_a_folded_line_loses_nothing(line: str, width: int) -> None:
    parts = list(folded(line, width))
    assert all(columns(part) <= max(width, NARROWEST) for part in parts)
    assert all(part.endswith(FOLD) for part in parts[:-1])


def test_a_certificate_can_be_compared_and_trusted() -> None:
    certificate = SetupCertificate(
        key="pbx.fingerprint",
        host="pbx.corp.example",
        port=443,
        issued_to="pbx.corp.example",
        issued_by="pbx.corp.example",
        names=("pbx.corp.example",),
        fits=True,
        begins=datetime(2024, 3, 1, tzinfo=UTC),
        ends=datetime(2034, 3, 1, tzinfo=UTC),
        is_valid_now=True,
        fingerprint="3f9a11c2075e88d4610b2f90ac73e14d" * 2,
        fixes=(
            SetupFix(id="1", label="trust exactly this certificate", keys=("pbx.fingerprint",)),
            SetupFix(id="2", label="trust its issuer (file, or as sent)", keys=("pbx.ca_file",)),
        ),
    )
    page = a_page(kind="certificate", certificate=certificate)
    body = certificate_page(page, UTC, 61)
    assert shown(body) == (
        """\
Issued to  pbx.corp.example, by itself    ✓ fits the address
Valid      1 Mar 2024 – 1 Mar 2034        ✓
SHA-256    3F:9A:11:C2:07:5E:88:D4:61:0B:2F:90:AC:73:E1:4D
           3F:9A:11:C2:07:5E:88:D4:61:0B:2F:90:AC:73:E1:4D

  Trust exactly this certificate         pbx.fingerprint
  Trust its issuer (file, or as sent)    pbx.ca_file
"""
    )
    assert body.stops == ("fix 1", "fix 2")


def test_what_a_search_offers_is_below_its_field() -> None:
    zone = a_field("presence.timezone", "Time zone", kind="search")
    offered = (
        SetupOption(value="Europe/Berlin", label="Europe/Berlin", remark="now 10:31"),
        SetupOption(value="Atlantic/Bermuda", label="Atlantic/Bermuda", remark="now 05:31"),
    )
    state = a_state(texts={"presence.timezone": "ber"}, cursor="presence.timezone", offered=offered)
    assert shown(fields((zone,), state)) == (
        """\
Time zone   [ber                         ]  presence.timezone
              ▸ Europe/Berlin      now 10:31
                Atlantic/Bermuda   now 05:31
"""
    )


def every_page(state: FormState) -> str:
    watch = SetupWatch(looked=1, last=NOW, next=None, finding="nothing yet")
    page = a_page(fields=ADDRESS, kind="task", task=TASK, watch=watch)
    return shown(task_body(page, state)) + shown(fields_body(page, state))


def test_everything_can_be_written_in_ascii_in_the_same_columns() -> None:
    for line in every_page(a_state()).splitlines():
        plain = written(line, CharacterSet.ASCII)
        assert plain.isascii()
        assert columns(plain) == columns(line)
        assert "?" not in plain


@pytest.mark.parametrize("width", [-20, 0, 1, 9])
def test_every_page_can_be_drawn_before_the_screen_has_a_size(width: int) -> None:
    assert every_page(a_state(width=width, height=0))


def test_a_directory_that_cannot_be_written_is_told_before_it_begins() -> None:
    way = SetupOption(value="nobody", label="Only look (dry run)")
    page = a_page(kind="start", fields=(a_field("setup.start", "Begin with", kind="choice", options=(way,)),))
    remedy = "As root: chgrp ce /etc/ce"
    rung = a_rung("settings directory", "/etc/ce: Permission denied", outcome="failed", remedy=remedy)
    told = " ".join(row.text.strip() for row in start_page(page, (), (rung,), a_state()).lines)
    assert f"✗ Trouble: /etc/ce: Permission denied. {remedy}" in told


def test_a_task_tells_of_a_wrong_answer_that_nothing_over_there_mends() -> None:
    rung = a_rung("PBX name", 'it is "headquarters"', outcome="failed", field="pbx.master")
    fix = SetupFix(id="1", label='use "headquarters"', keys=("pbx.master",))
    watch = SetupWatch(looked=1, last=NOW, next=NOW, finding='it is "headquarters"')
    task = SetupTask(lines=(SetupTaskLine(text="Name", value="calendar"),), texts=())
    page = a_page(kind="task", task=task, watch=watch, check=a_check(STEPS, rung, wrong="pbx.master", fixes=(fix,)))
    assert '^F use "headquarters"' in shown(task_body(page, a_state()))
    page = replace(page, check=a_check(STEPS, rung, wrong="pbx.master"))
    assert "Esc leads back to the fields." in shown(task_body(page, a_state()))
    page = replace(page, check=a_check(STEPS, rung, wrong="pbx.password"))
    assert "Esc" not in shown(task_body(page, a_state()))


def test_a_search_that_offers_something_says_nothing_of_what_is_half_typed() -> None:
    zone = a_field("presence.timezone", "Time zone", "ber", kind="search", problem=a_problem("", "is not an IANA zone"))
    berlin = SetupOption(value="Europe/Berlin", label="Europe/Berlin")
    assert "✗ Time zone is not an IANA zone." in shown(fields((zone,), a_state()))
    told = shown(fields((zone,), a_state(cursor="presence.timezone", offered=(berlin,))))
    assert "IANA" not in told
    assert "▸ Europe/Berlin" in told
