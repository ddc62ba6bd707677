"""Hypothesis strategies for calendars, settings and instants; few instants, so that bounds coincide."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import AppointmentKind, PresenceSettings, Target, supported_languages

ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "UTC",
        "America/New_York",
        "America/St_Johns",  # set its clocks back across midnight until 2011
        "America/Havana",  # lives one midnight twice
        "America/Sao_Paulo",  # skipped midnights until 2018
        "Pacific/Apia",  # skipped 2011-12-30
        "Australia/Lord_Howe",  # changes by half an hour
        "Asia/Kolkata",
        "Pacific/Kiritimati",
    )
]

# Around clock changes, the turn of the year and the awkward days named above.
_ANCHORS = [
    datetime(2010, 11, 7, 3, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2018, 11, 4, 3, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(2026, 12, 31, 12, tzinfo=UTC),
]

_offsets = st.one_of(
    st.integers(-6, 6).map(lambda quarters: timedelta(minutes=15 * quarters)),
    st.integers(-72, 72).map(lambda hours: timedelta(hours=hours)),
    st.integers(-10, 40).map(lambda days: timedelta(days=days)),
    st.timedeltas(timedelta(days=-3), timedelta(days=12)),
)
_subjects = st.one_of(
    st.sampled_from(["", "Meeting", "Lunch", "Kunde: Straße", "a" * 300, "e\u0301" * 90, "👨‍👩‍👧‍👦🇩🇪" * 30]),
    st.text(max_size=40),
    st.text(st.characters(categories=["Mn", "Me", "Cc", "Cf", "Zs", "Lo", "So"]), max_size=200),
)
_words = st.sampled_from([(), ("meeting",), ("kunde", "e"), (" lunch ", "")])

presence_settings = st.builds(
    PresenceSettings,
    language=st.sampled_from(supported_languages()),
    timezone=st.sampled_from(ZONES),
    show_subject=st.booleans(),
    priority_words=_words,
    no_priority_words=_words,
    tentative_exception_organizer=st.sampled_from([None, "other@example.com"]),
    mapping=st.fixed_dictionaries({kind: st.sampled_from(Target) for kind in AppointmentKind}),
    horizon_hours=st.sampled_from([None, None, 0.0, 0.5, 8.0, 48.0, 1e9]),
    note_max_length=st.one_of(st.just(128), st.integers(0, 60)),
)
"""Settings, in every language."""


def _appointment(anchor: datetime, begins: timedelta, ends: timedelta, by_length: bool, **fields: Any) -> Appointment:
    start = anchor + begins
    return Appointment(start=start, end=(start if by_length else anchor) + ends, **fields)


def _appointments(anchor: datetime) -> st.SearchStrategy[Appointment]:
    """Return appointments, seldom sensible ones; ids repeat."""
    return st.builds(
        _appointment,
        st.just(anchor),
        _offsets,
        _offsets,
        st.booleans(),
        id=st.sampled_from("abcdef"),
        subject=_subjects,
        show_as=st.sampled_from(ShowAs),
        sensitivity=st.sampled_from(Sensitivity),
        all_day=st.booleans(),
        zone=st.sampled_from([None, "Mars/Olympus", *(zone.key for zone in ZONES)]),
        organizer=st.sampled_from([None, "boss@example.com", "Other@example.com"]),
        cancelled=st.integers(0, 9).map(lambda n: n == 0),
    )


# Built once, since hypothesis takes its time to look at a new strategy.
_calendars = {anchor: st.lists(_appointments(anchor), max_size=6) for anchor in _ANCHORS}


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Appointment], PresenceSettings, datetime]:
    """Draw the three arguments of `decide`, the instants close to each other."""
    anchor = draw(st.sampled_from(_ANCHORS))
    return draw(_calendars[anchor]), draw(presence_settings), anchor + draw(_offsets)
