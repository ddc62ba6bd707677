"""Tests of presence messages."""

import pytest
from hypothesis import given

from engine.core.presence.model import CLEARED, Presence
from engine.pbx.entries import PresenceEntry, presence_of
from engine.pbx.protocol import Message, entries_in, set_presence
from engine.settings.model import ClearWith
from tests.pbx.strategies import messages, unhurried

REQUEST: Message = {"api": "PbxApi", "mt": "SetPresence", "guid": "b01", "contact": "calendar:"}


@pytest.mark.parametrize("clear", ClearWith)
@pytest.mark.parametrize(
    "presence", [Presence("busy", "Review"), Presence("", "Review at 10:00"), Presence("away", "")]
)
def test_a_presence_is_written_as_it_is(presence: Presence, clear: ClearWith) -> None:
    message = set_presence("b01", presence, contact="calendar:", clear=clear)
    assert message == {**REQUEST, "activity": presence.activity, "note": presence.note}


@pytest.mark.parametrize(
    ("clear", "members"),
    [
        (ClearWith.EMPTY, {"activity": "", "note": ""}),
        (ClearWith.OMIT, {}),
        (ClearWith.ONLINE, {"activity": "online", "note": ""}),
    ],
)
def test_no_presence_is_written_as_the_settings_say(clear: ClearWith, members: Message) -> None:
    assert set_presence("b01", CLEARED, contact="calendar:", clear=clear) == {**REQUEST, **members}


@pytest.mark.parametrize(
    ("entries", "presence"),
    [
        ([], CLEARED),
        ([{"contact": "tel:", "activity": "dnd", "note": "no"}], CLEARED),
        ([{"contact": "tel:", "activity": "dnd"}, {"contact": "calendar:", "activity": "busy"}], Presence("busy")),
        ([{"contact": "calendar:", "activity": "online", "note": ""}], CLEARED),
        ([{"contact": "calendar:"}], CLEARED),
        ([7, {"contact": "calendar:", "activity": 7, "note": "Review"}], Presence("", "Review")),
    ],
)
def test_the_entry_of_our_contact_is_read(entries: list[object], presence: Presence) -> None:
    assert (presence_of(entries_in({"presence": entries}), "calendar:") or CLEARED) == presence


def test_all_entries_are_read_in_their_order() -> None:
    entries = [
        {"contact": "calendar:", "activity": "busy", "note": "Review"},
        {"contact": "tel:", "status": "open", "activity": "away", "note": "back at 3"},
        {"contact": "im:", "status": "open", "activity": ""},
    ]
    assert entries_in({"presence": entries}) == (
        PresenceEntry("calendar:", Presence("busy", "Review")),
        PresenceEntry("tel:", Presence("away", "back at 3")),
        PresenceEntry("im:", CLEARED),
    )


@pytest.mark.slow
@unhurried
@given(messages)
def test_any_update_can_be_read(update: Message) -> None:
    assert all(isinstance(each.presence, Presence) for each in entries_in(update))
