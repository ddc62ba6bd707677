"""The TOML and JSON parsers stay within limits of size, depth and time for any input, with one exception type."""

import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.client import decoded
from engine.api.errors import ClientFailure
from engine.cli.check import changes_typed
from engine.cli.setup import read_answers
from engine.core import bounded
from engine.core.errors import Failure
from engine.pbx.errors import PbxNotUnderstood
from engine.pbx.protocol import decode
from engine.settings.editor import SettingsNotEditable, edited
from engine.settings.forms import differences, setting_forms
from engine.settings.lines import lines_of
from engine.settings.problems import SettingsInvalid
from engine.settings.reader import MOST_PROBLEMS, read_engine_settings, read_settings
from engine.store.secrets import secrets_in_file

ZONE = ZoneInfo("UTC")
BRACKETS = {
    "lists": "a = " + "[" * 3000 + "]" * 3000,
    "lists that nobody ends": "a = " + "[" * 3000,
    "lists just below what Python takes": "a = " + "[" * 300 + "]" * 300,
    "tables": "a = " + "{b=" * 3000 + "1" + "}" * 3000,
    "dotted": ".".join("a" * 3000) + " = 1",
    "dotted with blanks": " . ".join(["a", '"b"', "'c'"] * 1000) + " = 1",
    "header": "[" + ".".join("a" * 3000) + "]",
    "a number": "a = 0x" + "f" * 20000,
    "a long number": "a = " + "9" * 20000,
    "in a setting": "[pbx]\nport = 0x" + "f" * 20000,
    "length": "#" * (bounded.LARGEST + 1),
}
WIDE = {
    "tables": "\n".join(f"[t{number}]\nx = 1" for number in range(2000)),
    "keys": "[pbx]\n" + "\n".join(f"k{number} = 1" for number in range(4000)),
    "dotted": "\n".join(f"a.b.c.d{number} = 1" for number in range(2000)),
    "out of order": "\n".join(f"[a.b{number}]\nx = 1\n[c{number}]\ny = 1" for number in range(1000)),
    "entries": "[pbx.users.include]\nnames = [" + "1," * 15000 + "]",
    "a long key": "k" * 200_000 + " = 1",
}


def read(text: str) -> object:
    return read_settings(text, default_zone=ZONE, today=date(2026, 3, 2))


@pytest.mark.parametrize("text", BRACKETS.values(), ids=BRACKETS.keys())
def test_what_is_out_of_bounds_is_refused_by_every_reader(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid):
        read(text)
    with pytest.raises(SettingsNotEditable):
        edited(text, {"pbx.port": 1})
    read_engine_settings(text)
    assert all(each.origin != "file" for each in setting_forms(text, ZONE))
    assert differences("", text) == ()
    file = tmp_path / "file.toml"
    file.write_text(text)
    file.chmod(0o600)
    assert read_answers(file).problems
    with pytest.raises(Failure):
        secrets_in_file(file)


@pytest.mark.slow
@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE.keys())
def test_what_is_very_wrong_is_told_in_time(text: str) -> None:
    before = time.process_time()
    with pytest.raises(SettingsInvalid) as refusal:
        read(text)
    assert time.process_time() - before < 3
    assert len(refusal.value.problems) <= MOST_PROBLEMS + 1
    assert len(str(refusal.value)) < 1_000_000
    assert any(problem.line for problem in refusal.value.problems)


TOML = st.text(st.sampled_from("[]{}=.,\"'\\\n#ab1-_x0 \t\r\x00é\u2028pbxusers"), max_size=80)


@pytest.mark.slow
@given(TOML)
def test_no_text_is_anything_but_read_or_refused(text: str) -> None:
    with suppress(SettingsNotEditable):
        edited(text, {"pbx.port": 1})
    with pytest.raises(SettingsInvalid) as refusal:  # something is always missing
        read(text)
    assert refusal.value.problems
    assert "\n" not in str(refusal.value)
    lines_of(text)
    setting_forms(text, ZONE)
    differences(text, "")


@given(st.one_of(TOML, st.just("[" * 3000), st.just("0x" + "f" * 5000), st.just("")))
def test_whatever_is_typed_behind_a_key_is_a_value(text: str) -> None:
    [value] = changes_typed([f"pbx.port={text}"]).values()
    assert (value is None) is (text == "")


JSON = st.one_of(
    st.binary(max_size=60),
    st.text(st.sampled_from('[]{}:,"\\u0dDb8fF1e.- \n'), max_size=60).map(str.encode),
    st.sampled_from([b"[" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'"\\ud800"', b"1" * 9000, b'"\xff"']),
)


class Answer(msgspec.Struct):
    name: str
    number: int = 0


@given(JSON)
def test_no_json_is_anything_but_understood_or_refused(data: bytes) -> None:
    for reads, failure in (
        (lambda: bounded.json(data, Answer), bounded.NotReadable),
        (lambda: decoded(data, Answer, "it"), ClientFailure),
        (lambda: decode(data.decode(errors="replace")), PbxNotUnderstood),
    ):
        with suppress(failure):
            reads()


def test_half_a_surrogate_pair_is_a_sign() -> None:
    assert decode(r'{"cn":"a\ud83cz","dn":"\ud83c\udf82","h":"\\ud83c","i":"\udf82"}') == {
        "cn": "a\N{REPLACEMENT CHARACTER}z",
        "dn": "🎂",
        "h": r"\ud83c",
        "i": "\N{REPLACEMENT CHARACTER}",
    }
