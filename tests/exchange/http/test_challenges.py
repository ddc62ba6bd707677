"""WWW-Authenticate is parsed by RFC 9110: commas separate challenges and parameters, and occur in quoted strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.http.auth import offered

WORD = st.text("abcXYZ0129-_", min_size=1, max_size=8).filter(lambda word: not word[0].isdigit())
QUOTED = st.text('ab ,="\\NTLM', max_size=12).map(
    lambda text: '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
)
PARAMETERS = st.lists(st.tuples(WORD, WORD | QUOTED).map("=".join), min_size=1, max_size=3).map(", ".join)
CHALLENGE = st.tuples(WORD, st.just("") | st.just(" TlRMTVNTUAAC==") | PARAMETERS.map(lambda text: f" {text}"))


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        ('Basic realm="x", charset="utf-8"', {"basic"}),
        ('Basic realm="x",charset="utf-8"', {"basic"}),
        ("Basic realm = x , charset = UTF-8", {"basic"}),
        ('Basic realm="a, b", NTLM', {"basic", "ntlm"}),
        (r'Basic realm="say \"NTLM, Negotiate\"", Digest qop="auth,auth-int", nonce="1"', {"basic", "digest"}),
        ("Negotiate, NTLM", {"negotiate", "ntlm"}),
        ("Negotiate,NTLM,", {"negotiate", "ntlm"}),
        (', , Bearer client_id="0", trusted_issuers="0@*", Basic realm=""', {"bearer", "basic"}),
        ('realm="x", NTLM', {"ntlm"}),
        ('Basic realm="never closed', {"basic"}),
        ("", set()),
    ],
)
def test_the_schemes_of_a_header(header: str, schemes: set[str]) -> None:
    assert set(offered({"www-authenticate": header})) == schemes


def test_the_token_of_a_challenge_is_told_whatever_stands_around_it() -> None:
    header = 'Basic realm="a, b", charset="utf-8", NTLM TlRMTVNTUAACAAAA==, Negotiate'
    assert offered({"www-authenticate": header})["ntlm"] == "TlRMTVNTUAACAAAA=="


@pytest.mark.slow
@given(st.lists(CHALLENGE, max_size=4, unique_by=lambda each: each[0].lower()))
def test_whatever_is_written_by_the_rules_is_read_back(challenges: list[tuple[str, str]]) -> None:
    header = ", ".join(scheme + follows for scheme, follows in challenges)
    assert list(offered({"www-authenticate": header})) == [scheme.lower() for scheme, _ in challenges]


@given(st.text(max_size=200))
def test_of_anything_else_only_what_stands_in_it_is_read(header: str) -> None:
    for scheme in offered({"www-authenticate": header}):
        assert scheme in header.lower()
