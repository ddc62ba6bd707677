"""In messages of the PBX, proofs of the password, notes and names are blanked, and nothing else."""

import hashlib
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.debuglog.redaction.pbx_messages import blank_personal_in_message, blank_persons_in_message, blank_proofs

DIGEST = hashlib.sha256(b"anything").hexdigest()
MARK = "Gehe1m"
PROOFS = ("digest", "challenge", "nonce", "sessionKey", "pwd", "password")
PERSONAL = ("note", "cn", "dn")
PLAIN = ("mt", "api", "src", "guid", "activity", "contact", "loc", "email", "name", "columns", "presence")

plain_values = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="G"), max_size=8)


def values(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PLAIN), inner, max_size=4)


plain = st.recursive(plain_values, values, max_leaves=8)
marked = st.recursive(st.just(MARK), lambda inner: st.lists(inner, max_size=2) | st.fixed_dictionaries({"x": inner}))


def spelled(key: str, variant: int) -> str:
    """Return a key in another spelling that means the same."""
    return (key, key.upper(), key.capitalize())[variant % 3]


@st.composite
def messages(draw: st.DrawFn, keys: tuple[str, ...]) -> Mapping[str, object]:
    """Return a message with marked values under some keys, at any depth."""
    inner: object = draw(plain)
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4)):
        around = draw(st.dictionaries(st.sampled_from(PLAIN), plain, max_size=3))
        around[spelled(key, draw(st.integers(0, 2)))] = draw(marked)
        inner = {**around, draw(st.sampled_from(PLAIN)): inner}
    return {"mt": "Something", "body": inner}


def written(message: Mapping[str, object], *, ascii_only: bool, spaced: bool) -> bytes:
    separators = (", ", " : ") if spaced else (",", ":")
    return json.dumps(message, ensure_ascii=ascii_only, separators=separators).encode(errors="replace")


@pytest.mark.property
@given(messages(PROOFS), st.booleans(), st.booleans())
def test_no_proof_survives_wherever_it_stands(message: Mapping[str, object], ascii_only: bool, spaced: bool) -> None:
    assert MARK.encode() not in blank_proofs(written(message, ascii_only=ascii_only, spaced=spaced))


@pytest.mark.property
@given(messages(PERSONAL), st.booleans(), st.integers(0, 400))
def test_no_note_survives_wherever_the_message_is_cut_off(
    message: Mapping[str, object], spaced: bool, end: int
) -> None:
    whole = written(message, ascii_only=True, spaced=spaced)
    assert MARK.encode() not in blank_personal_in_message(whole[: len(whole) - end])


@pytest.mark.property
@given(plain)
def test_what_is_neither_stays_as_it_was_sent(value: object) -> None:
    body = written({"mt": "Something", "body": value}, ascii_only=False, spaced=False)
    assert blank_persons_in_message(blank_proofs(body)) == body


@pytest.mark.property
@given(st.binary(max_size=200))
def test_what_is_blanked_stays_as_it_is_whatever_comes(body: bytes) -> None:
    blanked = blank_persons_in_message(blank_proofs(body))
    assert blank_persons_in_message(blank_proofs(blanked)) == blanked


@pytest.mark.parametrize(
    ("message", "blanked"),
    [
        ('{"mt":"AppLogin","info":{},"digest":"ab"}', '{"mt":"AppLogin","info":{},"digest":"[blanked]"}'),
        ('{"challenge":1234,"x":1}', '{"challenge":[blanked],"x":1}'),
        (f'{{"errorText":"digest {DIGEST} is wrong"}}', '{"errorText":"digest [blanked] is wrong"}'),
        (f'{{"errorText":"{DIGEST.upper()}"}}', '{"errorText":"[blanked]"}'),
        (r'{"di\u0067est":"ab","guid":"0f"}', r'{"di\u0067est":"[blanked]","guid":"0f"}'),
        ('{"digest":"a\\"b","x":"y"}', '{"digest":"[blanked]","x":"y"}'),
        (f'{{"guid":"{DIGEST[:32]}"}}', f'{{"guid":"{DIGEST[:32]}"}}'),
    ],
)
def test_all_of_a_proof_is_blanked_and_nothing_else(message: str, blanked: str) -> None:
    assert blank_proofs(message.encode()).decode() == blanked


def test_in_an_export_without_persons_the_names_of_users_go_too() -> None:
    row = b'{"mt":"ReplicateAdd","columns":{"guid":"0f","h323":"anna","cn":"Anna","grps":[{"name":"sales"}]}}'
    assert blank_persons_in_message(row) == (
        b'{"mt":"ReplicateAdd","columns":{"guid":"0f","h323":"[blanked]","cn":"[blanked]","grps":[{"name":"sales"}]}}'
    )
    assert b"anna" in blank_personal_in_message(row)
