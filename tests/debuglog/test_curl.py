"""The curl command reproduces a request exactly, and contains nothing harmful to a terminal."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.debuglog.export import curl
from tests.support.hostile import HOSTILE, harm_in
from tests.support.logged import kept

pytestmark = pytest.mark.process


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.just(f"it's {HOSTILE} 1\\x 9"))
def test_it_can_be_pasted(text: str) -> None:
    command = curl(kept(1, request=text))
    assert not harm_in(command.replace("\n", "").replace("\t", ""))
    said = subprocess.run(
        ["bash", "-c", f'curl() {{ printf "%s\\0" "$@"; }}\n{command}'], capture_output=True, check=True
    )
    words = said.stdout.split(b"\0")
    assert words[words.index(b"--data-binary") + 1] == text.encode()
