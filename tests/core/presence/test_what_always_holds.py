"""Invariants of the presence rules for any calendar, settings and instant."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import AppointmentKind, AppointmentOutcome, PresenceSettings, Target, decide
from engine.core.presence.candidates import candidate
from engine.core.presence.decide import decide_among
from engine.core.presence.text import clean, cut
from tests.core.presence.strategies import presence_settings, questions

pytestmark = pytest.mark.slow

Question = tuple[list[Appointment], PresenceSettings, datetime]
INSTANT = timedelta(microseconds=1)
FAR = timedelta(days=500)
AT_LENGTH = settings(deadline=None, max_examples=150)


@AT_LENGTH
@given(questions(), st.floats(0, 1))
def test_a_decision_holds_until_the_instant_it_names(question: Question, part: float) -> None:
    calendar, rules, now = question
    decision = decide(calendar, rules, now)
    until = decision.valid_until or now + FAR
    assert until > now
    for then in (now + (until - now) * part, until - INSTANT):
        if now <= then < until:
            again = decide(calendar, rules, then)
            assert again.presence == decision.presence
            assert again.reasons == decision.reasons
            assert again.valid_until == decision.valid_until


@AT_LENGTH
@given(questions(), st.randoms(use_true_random=False))
def test_the_order_of_the_appointments_does_not_matter(question: Question, chance: random.Random) -> None:
    calendar, rules, now = question
    shuffled = chance.sample(calendar, len(calendar))
    one, other = decide(calendar, rules, now), decide(shuffled, rules, now)
    assert one == other
    assert one.reasons == other.reasons


@AT_LENGTH
@given(questions(), st.sampled_from([Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL]))
def test_a_private_subject_never_gets_out(question: Question, sensitivity: Sensitivity) -> None:
    calendar, rules, now = question
    secret = "☃☄☂☘♞"
    private = [msgspec.structs.replace(one, subject=secret, sensitivity=sensitivity) for one in calendar]
    decision = decide(private, replace(rules, show_subject=True), now)
    said = "".join((decision.presence.note, repr(decision), *(repr(r) + r.words for r in decision.reasons)))
    assert not set(said) & set(secret)


@AT_LENGTH
@given(questions())
def test_what_is_free_cancelled_or_ignored_changes_nothing(question: Question) -> None:
    calendar, rules, now = question
    rules = replace(rules, mapping={**rules.mapping, AppointmentKind.NO_DATA: Target.IGNORE})
    shown, unshown = calendar[1:], calendar[:1]
    decision = decide(shown, rules, now)
    for fields in ({"show_as": ShowAs.FREE}, {"cancelled": True}, {"show_as": ShowAs.NO_DATA}):
        more = [*shown, *(msgspec.structs.replace(one, **fields) for one in unshown)]
        assert decide(more, rules, now) == decision


@AT_LENGTH
@given(questions())
def test_a_note_is_one_line_within_its_limit(question: Question) -> None:
    calendar, rules, now = question
    presence = decide(calendar, rules, now).presence
    assert len(presence.note) <= rules.note_max_length
    assert presence.note.splitlines() in ([], [presence.note])
    assert not regex.search(r"[\p{Cc}\p{Bidi_Control}\p{Cs}]", presence.note)
    assert presence.activity in ("", "busy", "away", "dnd")


@AT_LENGTH
@given(st.text(st.characters(categories=["Mn", "Cf", "Lo", "So", "Ll", "Zs"]), max_size=60), st.integers(-1, 60))
def test_a_text_is_cut_between_graphemes_and_as_late_as_possible(text: str, room: int) -> None:
    text = clean(text)
    ends = [grapheme.end() for grapheme in regex.finditer(r"\X", text)]
    if len(text) <= room:
        assert cut(text, room) == text
    else:
        kept = max((end for end in ends if end < room), default=0)
        assert cut(text, room) == (text[:kept].rstrip() + "…" if kept else "")


@AT_LENGTH
@given(questions())
def test_the_active_appointment_is_the_last_one_standing(question: Question) -> None:
    """An independent reading of the key but for the titles: one criterion after the other, keeping the best."""
    calendar, rules, now = question
    reasons = decide(calendar, replace(rules, priority_words=(), no_priority_words=()), now).reasons
    standing = [r for r in reasons if r.outcome in (AppointmentOutcome.ACTIVE, AppointmentOutcome.OUTRANKED)]
    assert all(r.start <= now < r.end for r in standing)
    if any(r.target is not Target.AVAILABLE for r in standing):
        standing = [r for r in standing if r.target is not Target.AVAILABLE]
    for kind in ("tentative_exception", "oof", "busy", "tentative", "working_elsewhere", "no_data"):
        if any(r.kind == kind for r in standing):
            standing = [r for r in standing if r.kind == kind]
    standing = [r for r in standing if r.start == max(r.start for r in standing)]
    standing = [r for r in standing if r.end == min(r.end for r in standing)]
    standing = [r for r in standing if r.id == min(r.id for r in standing)]
    assert [r.outcome for r in standing].count(AppointmentOutcome.ACTIVE) == bool(standing)
    assert [r.outcome for r in reasons].count(AppointmentOutcome.ACTIVE) == bool(standing)


@AT_LENGTH
@given(questions())
def test_what_is_left_out_makes_no_difference(question: Question) -> None:
    calendar, rules, now = question
    decision = decide(calendar, rules, now)
    everything = decide_among([candidate(each, rules) for each in calendar], rules, now)
    assert (decision.presence, decision.valid_until) == everything


@given(presence_settings)
def test_an_empty_calendar_never_changes(rules: PresenceSettings) -> None:
    decision = decide([], rules, datetime.fromisoformat("2026-03-04T10:00:00+00:00"))
    assert (decision.presence.note, decision.valid_until, decision.reasons) == ("", None, ())
