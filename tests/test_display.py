"""Text from outside affects neither a terminal nor a log, and is unchanged for programs."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import Failure, Fault, Scope
from engine.display import ascii_letter, counted, displayed, is_ascii_locale, visible, visible_lines
from tests.support.hostile import HOSTILE, harm_in

ANY = st.text(st.characters(codec=None, categories=None), max_size=60) | st.text(st.sampled_from(HOSTILE), max_size=20)


class Inner(msgspec.Struct, frozen=True):
    name: str
    number: int = 1


class Outer(msgspec.Struct, frozen=True):
    inner: Inner
    many: tuple[Inner, ...] = ()
    words: dict[str, str] = {}


class Broken(Failure):
    """It is broken."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "It is broken"
    remedy = "Mend it."


@given(ANY)
def test_what_is_visible_does_nothing_else(text: str) -> None:
    shown = visible(text)
    assert not harm_in(shown)
    assert len(shown) == len(text)
    assert visible(shown) == shown
    changed = {old for old, new in zip(text, shown, strict=True) if old != new}
    assert changed <= {
        letter for letter in text if harm_in(letter) or letter in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    }


@pytest.mark.parametrize("text", ["Anna Müller", "漢字 Ελληνικά עברית", "naïve\u0301 ☕", "", "a\u00a0b"])
def test_names_of_people_stay(text: str) -> None:
    assert visible(text) == text


def test_what_harms_is_seen_as_a_sign() -> None:
    assert visible("a\x1b[31m\n\x9b\u202e\u200b\u2028\ud800") == "a␛[31m␊\N{REPLACEMENT CHARACTER}" + "\ufffd" * 4


@given(ANY)
def test_a_text_of_lines_keeps_lines_and_tabs_alone(text: str) -> None:
    assert not harm_in(visible_lines(text).replace("\n", "").replace("\t", ""))
    assert visible_lines(text).count("\n") == text.count("\n")


@given(ANY)
def test_data_is_cleaned_however_deep(text: str) -> None:
    data = Outer(Inner(text), (Inner("a"), Inner(text)), {"key": text, text: "b"})
    shown = displayed(data)
    assert (shown.inner.name, shown.many[1].name, shown.words["key"]) == (visible(text),) * 3
    assert visible(text) in shown.words
    assert shown.inner.number == 1


def test_clean_data_is_not_copied() -> None:
    data = Outer(Inner("Müller"), (Inner("a"),), {"b": "c"})
    assert displayed(data) is data


@pytest.mark.slow
@given(ANY)
def test_a_failure_is_one_clean_line(text: str) -> None:
    assert not harm_in(str(Broken(text)))
    assert not harm_in(Broken(text).detail)


@given(st.text())
def test_every_letter_has_one_of_ascii(text: str) -> None:
    assert all(len(sign) == 1 and sign.isascii() and sign.isprintable() for sign in map(ascii_letter, visible(text)))


def test_numbers_go_with_what_they_count() -> None:
    assert [counted(number, "user") for number in (0, 1, 2)] == ["0 users", "1 user", "2 users"]
    assert counted(3, "match", "matches") == "3 matches"


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # what Python makes of it (PEP 538)
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "de_DE.UTF-8", "LANG": "C"}, False),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C", "PYTHONUTF8": "1"}, False),
        ({}, False),
    ],
)
def test_the_locale_of_ascii(environment: dict[str, str], plain: bool) -> None:
    assert is_ascii_locale(environment, utf8_mode=True) is plain


def test_a_locale_that_somebody_chose_is_not_taken_for_what_python_chose() -> None:
    assert not is_ascii_locale({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, utf8_mode=False)


@pytest.mark.slow
def test_every_format_character_is_known() -> None:
    harmful = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cf", "Cc", "Zl", "Zp")]
    assert not harm_in(visible("".join(harmful)))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("pbx:443: [Errno 111] Connection refused", "pbx:443: Connection refused"),
        (
            "no TLS ([SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006))",
            "no TLS (wrong version number)",
        ),
        ("[X509: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:4090)", "key values mismatch"),
        ("[Errno -2] Name or service not known", "Name or service not known"),
        ("presence.priority_words = [A] is no list", "presence.priority_words = [A] is no list"),
        ("https://[2001:DB8::1] and [::1]", "https://[2001:DB8::1] and [::1]"),
    ],
)
def test_words_of_the_system_come_without_its_numbers(said: str, told: str) -> None:
    assert Broken(said).detail == told
