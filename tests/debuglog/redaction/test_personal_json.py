"""Personal data in answers of Microsoft Graph is not stored unless configured, and that of private items never."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.debuglog.redaction.pseudonyms import blank_personal

PERSONAL = "Frauenarzt Dr. Müller"
EVENT: dict[str, Any] = {
    "id": "AAMk",
    "subject": PERSONAL,
    "bodyPreview": PERSONAL,
    "body": {"contentType": "html", "content": PERSONAL},
    "location": {"displayName": PERSONAL, "coordinates": {"latitude": 48.137}},
    "attendees": [{"type": "required", "emailAddress": {"name": PERSONAL, "address": "eva@corp.example"}}],
    "organizer": {"emailAddress": {"name": PERSONAL, "address": "eva@corp.example"}},
    "categories": [PERSONAL],
    "start": {"dateTime": "2026-12-01T08:00:00.0000000", "timeZone": "UTC"},
    "showAs": "busy",
}
USER = {"id": "6f0a", "displayName": PERSONAL, "mail": "anna@corp.example", "proxyAddresses": ["smtp:a@corp.example"]}


def blanked(value: object, *, subjects: bool = False, ascii_only: bool = False) -> Any:
    return json.loads(blank_personal(json.dumps(value, ensure_ascii=ascii_only).encode(), subjects=subjects))


@pytest.mark.parametrize("ascii_only", [True, False])
def test_all_that_is_personal_is_blanked_and_the_rest_stays(ascii_only: bool) -> None:
    text = blank_personal(json.dumps({"value": [EVENT]}, ensure_ascii=ascii_only).encode(), subjects=False).decode()
    assert not [each for each in ("Frauenarzt", "eva@", "48.137") if each in text]
    assert [each for each in ("2026-12-01", "busy", "UTC", "AAMk") if each not in text] == []


def test_addresses_of_mailboxes_stay_and_names_do_not() -> None:
    assert blanked({"value": [USER]}) == {"value": [USER | {"displayName": "[blanked]"}]}


@pytest.mark.parametrize(
    ("marks", "stays"),
    [
        ({"sensitivity": "normal"}, True),
        ({"sensitivity": "private"}, False),
        ({"sensitivity": "confidential"}, False),
        ({"sensitivity": "personal"}, False),
        ({"sensitivity": None}, False),
        ({"isPrivate": False}, True),
        ({"isPrivate": True}, False),
        ({}, False),
    ],
)
def test_with_subjects_those_of_private_items_are_blanked_all_the_same(marks: dict[str, object], stays: bool) -> None:
    event = {"subject": PERSONAL, "organizer": EVENT["organizer"]}
    for item in (event | marks, marks | event):
        text = json.dumps(blanked({"value": [{"subject": "x", "sensitivity": "normal"}, item]}, subjects=True))
        assert ("Frauenarzt" in text, "eva@" in text) == (stays, stays)


@given(st.integers(1, 1200), st.booleans())
def test_what_was_cut_off_is_blanked_as_well(length: int, subjects: bool) -> None:
    body = json.dumps({"value": [EVENT, EVENT | {"sensitivity": "private"}]}).encode()[:length]
    assert b"Frauenar" not in blank_personal(body, subjects=subjects)


LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = ["id", "start", "subject", "organizer", "location", "name", "sensitivity", "Attendees"]
KEYS = st.sampled_from(NAMES) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES) | st.lists(VALUES), st.booleans())
def test_nothing_else_changes_in_any_json(value: object, subjects: bool) -> None:
    assert not differing(value, blanked_loosely(value, subjects=subjects))


def blanked_loosely(value: object, *, subjects: bool) -> Any:
    """As `blanked`, where numbers that are blanked leave no JSON."""
    text = blank_personal(json.dumps(value).encode(), subjects=subjects).decode()
    return json.loads(text.replace("[blanked]", '"[blanked]"').replace('""[blanked]""', '"[blanked]"'))


def differing(before: object, after: object) -> list[object]:
    """Return what is another value after than before, unless it was blanked."""
    if after == "[blanked]" and isinstance(before, str | int | float):
        return []
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        return [each for key in before for each in differing(before[key], after[key])]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [each for pair in zip(before, after, strict=True) for each in differing(*pair)]
    return [] if before == after else [before]


@given(st.text(), VALUES, st.integers(0, 3))
def test_a_planted_subject_is_never_left(text: str, around: object, depth: int) -> None:
    secret = f"Frauenarzt{text}"
    value: object = {"subject": secret, "x": around, "sensitivity": "private"}
    for _ in range(depth):
        value = {"value": [around, value], "more": around}
    assert b"Frauenarzt" not in blank_personal(json.dumps(value).encode(), subjects=True)
