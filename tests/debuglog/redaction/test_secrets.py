"""No secret passes the redaction, in any place and any form."""

import base64
import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from engine.core.http_record import HttpRecord
from engine.core.secret import Secret
from engine.debuglog.entry import LARGEST_BODY, MARGIN, kept_of, redacted
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.redaction.spans import BLANKED
from tests.support.exchanges import traced

NOW = datetime(2026, 11, 22, tzinfo=UTC)

# What is within would be found in every text, and is no password that Active Directory would take.
passwords = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs")), min_size=8, max_size=40
).filter(lambda text: len(set(text)) > 5 and text not in BLANKED)
tokens = st.binary(min_size=20, max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))

FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda secret: secret.encode(),
    "in XML": lambda secret: escape(secret, {'"': "&quot;", "'": "&apos;"}).encode(),
    "in JSON": lambda secret: json.dumps(secret).encode(),
    "in JSON, unescaped": lambda secret: json.dumps(secret, ensure_ascii=False).encode(),
    "in a URL": lambda secret: quote(secret, safe="").encode(),
    "in a form": lambda secret: quote_plus(secret).encode(),
    "in UTF-16": lambda secret: secret.encode("utf-16-le"),
    "in base64": lambda secret: base64.b64encode(secret.encode()),
    "in base64 behind a name": lambda secret: base64.b64encode(f"corp\\svc:{secret}".encode()),
    "in base64 between others": lambda secret: base64.b64encode(f"x{secret}yz".encode()),
    "in base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"ab{secret}".encode()),
    "in base64 of UTF-16": lambda secret: base64.b64encode(secret.encode("utf-16-le")),
    "in hexadecimal": lambda secret: secret.encode().hex().encode(),
}

PLACES: dict[str, Callable[[bytes], HttpRecord]] = {
    "request": lambda planted: traced(request=b"<s:Envelope><s:Body><m:FindItem>%b</m:FindItem></s:Body>" % planted),
    "answer": lambda planted: traced(response=b"<s:Envelope>before %b behind</s:Envelope>" % planted),
    "fault": lambda planted: traced(status=500, response=b"<faultstring>%b</faultstring>" % planted),
    "error page": lambda planted: traced(status=403, response=b"<html>%b</html>" % planted),
    "one envelope of a stream": lambda planted: traced(part=True, response=b"<a>%b</a>" % planted),
    "any header of the answer": lambda planted: traced(response_headers={"X-Anything": planted.decode("latin-1")}),
    "known header": lambda planted: traced(response_headers={"X-DiagInfo": _text(planted)}),
    "header of the request": lambda planted: traced(request_headers={"X-AnchorMailbox": _text(planted)}),
    "cookie": lambda planted: traced(response_headers={"Set-Cookie": f"a={_text(planted)}; Secure"}),
    "redirect": lambda planted: traced(
        status=302, response_headers={"Location": f"https://u:{_text(planted)}@h/p?{_text(planted)}={_text(planted)}"}
    ),
    "URL": lambda planted: traced(url=f"https://svc:{_text(planted)}@h/{_text(planted)}?q={_text(planted)}#x"),
}


def knowing(secrets: Iterable[Secret]) -> SecretRedactor:
    redactor = SecretRedactor()
    redactor.know(secrets)
    return redactor


def _text(planted: bytes) -> str:
    return planted.decode(errors="replace")


def kept(exchange: HttpRecord, *known: str) -> bytes:
    """All that would be stored of an exchange, in one."""
    redactor = knowing([Secret(each) for each in known])
    stored = kept_of(redacted(exchange, redactor, NOW), subjects=True, whose=lambda mailbox: mailbox)
    # The names of our own fields, and of the lane, may look like a password and are none.
    row, particulars = astuple(replace(stored.row, lane="")), astuple(stored.particulars)
    return b"\n".join((repr((row, particulars)).encode(), stored.request, stored.response))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=30)
@given(secret=passwords, form=st.sampled_from(sorted(FORMS)))
@example(secret="Ganz&<geheim>%20\"'", form="in XML")
@example(secret="Content-", form="as it is")
def test_a_known_secret_is_found_in_every_place_and_form(place: str, secret: str, form: str) -> None:
    planted = FORMS[form](secret)
    everything = kept(PLACES[place](planted), secret)
    without = kept(PLACES[place](b"nothing"), "another secret")
    for needle in (planted, secret.encode(), FORMS["in a URL"](secret)):
        # A password may be the name of a header, which stands in every record; where it was planted, it is gone.
        assert everything.count(needle) <= without.count(needle)


LOOKS: dict[str, Callable[[str], bytes]] = {
    "bearer": lambda token: b"Authorization: Bearer " + token.encode(),
    "bearer in a fault": lambda token: b"<faultstring>the token Bearer %b is not valid</faultstring>" % token.encode(),
    "basic": lambda token: b"Basic " + base64.b64encode(token.encode()),
    "NTLM": lambda token: b"NTLM TlRMTVNTUAAD" + token.encode(),
    "NTLM alone": lambda token: b"x TlRMTVNTUAAD" + token.encode(),
    "negotiate": lambda token: b"negotiate YIIK" + token.encode(),
    "signed token": lambda token: b"got eyJ0eXAiOiJKV1Qi." + token.encode() + b".c2lnbmF0dXJl",
    "form": lambda token: b"grant_type=client_credentials&client_secret=" + token.encode() + b"&scope=x",
    "assertion": lambda token: b"client_assertion=" + token.encode() + b"&client_assertion_type=jwt",
    "JSON": lambda token: b'{"token_type": "Bearer", "access_token": "' + token.encode() + b'"}',
    "JSON without blanks": lambda token: b'{"refresh_token":"' + token.encode() + b'"}',
    "element": lambda token: b"<t:Password>" + token.encode() + b"</t:Password>",
    "element with CDATA": lambda token: b"<ClientSecret a='b'><![CDATA[" + token.encode() + b"]]></ClientSecret>",
    "attribute": lambda token: b'<a password="' + token.encode() + b'"/>',
    "cookie": lambda token: b"Cookie: cadata=" + token.encode() + b"; x=y",
    "cookie that is set": lambda token: b"set-cookie: cadata=" + token.encode(),
}


@pytest.mark.parametrize("place", ["request", "answer", "fault", "error page", "any header of the answer"])
@settings(max_examples=30)
@given(token=tokens, look=st.sampled_from(sorted(LOOKS)))
def test_what_looks_like_a_secret_is_blanked_though_nobody_knows_it(place: str, token: str, look: str) -> None:
    assert token.encode() not in kept(PLACES[place](LOOKS[look](token)))


@pytest.mark.slow
@given(token=tokens)
def test_a_token_that_was_given_out_is_known_from_then_on(token: str) -> None:
    redactor = knowing([])
    redactor.body(b'{"access_token":"%b"}' % token.encode())
    assert token.encode() not in redactor.body(b"the server says: " + token.encode())


def test_what_is_no_secret_stays_as_it_is() -> None:
    redactor = knowing([Secret("Ganz-Geheim.2026"), Secret(""), Secret("ab")])
    answer = b"<m:ResponseCode>NoError</m:ResponseCode><t:Subject>ab</t:Subject>"
    assert redactor.body(answer) == answer
    error = b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","x":1}'
    assert redactor.body(error) == error
    headers = {"X-FEServer": "EX1", "WWW-Authenticate": 'NTLM TlRMTVNTUAAC, Basic realm="x"', "Via": "1.1 proxy"}
    assert redactor.headers(headers) == (
        ("X-FEServer", "EX1"),
        ("WWW-Authenticate", "NTLM, Basic"),
        ("Via", "1.1 proxy"),
    )
    assert redactor.url("https://h:1/EWS?a=1&b=2#c") == f"https://h:1/EWS?a={BLANKED}&b={BLANKED}"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/v1.0/$batch", "/v1.0/$batch"),
        ("/v1.0/users/anna%40x/calendarView?$top=9&$skip=1", "/v1.0/users/anna%40x/calendarView?$top=9&$skip=1"),
        ("/v1.0/users?$select=id,mail&x=y", f"/v1.0/users?$select=id,mail&x={BLANKED}"),
        ("/v1.0/users?$filter=mail%20in%20('a@x','b@x')", "/v1.0/users?$filter=mail%20in%20('a@x','b@x')"),
        ("/v1.0/users?$filter=mail%20eq%20'secret'", f"/v1.0/users?$filter={BLANKED}"),
        ("/v1.0/users/x?$top=Ganz-Geheim&$skiptoken=7", f"/v1.0/users/x?$top={BLANKED}&$skiptoken={BLANKED}"),
        ("/other/users/anna@x/$batch", f"/other/users/{BLANKED}/{BLANKED}"),
    ],
)
def test_what_graph_is_asked_for_stays_in_a_url(url: str, kept: str) -> None:
    assert SecretRedactor().url(f"https://graph.microsoft.com{url}") == f"https://graph.microsoft.com{kept}"


@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 3, 40, MARGIN, MARGIN + 7, 3 * MARGIN])
@settings(max_examples=10)
@given(token=tokens, before=st.integers(1, 120))
def test_what_is_cut_off_in_the_middle_of_a_secret_shows_no_half_of_it(more: int, token: str, before: int) -> None:
    start = b"x" * (LARGEST_BODY - before)
    for planted in (b"<a>%b</a>", b'{"client_secret": "%b"}', b"<Password>%b</Password>"):
        body = start + planted % token.encode() + b" " * more
        stored = kept(traced(response=body), *([token] if planted.startswith(b"<a>") else []))
        assert token[:8].encode() not in stored


def test_what_only_looks_like_the_beginning_of_a_token_stays() -> None:
    redactor = knowing([])
    identifier = b'<t:ItemId Id="AAMkADeyJhbGNhbGVuZGFyQUFBQUFTAAA=" ChangeKey="DwAAAeyJabcdefgh"/><t:End>2026</t:End>'
    assert redactor.body(identifier) == identifier


@pytest.mark.parametrize(
    ("body", "blanked"),
    [
        (b"digestoken=abc", b"digestoken=[blanked]"),
        (b'<a token="abc">def</a>', b'<a token="[blanked]">[blanked]</a>'),
        (b"password='a b', c", b"password='[blanked]', c"),
        (b'{"pwd": "a\\"b", "x": 1}', b'{"pwd": "[blanked]", "x": 1}'),
        (b'{"pwd": "cut o', b'{"pwd": "[blanked]'),
        (b"<Password><![CDATA[cut o", b"<Password>[blanked]"),
        (b"secret%3Dabc&x=1", b"secret%3D[blanked]&x=1"),
        (b"Authorization: Negotiate YII= and more", b"Authorization: [blanked] and more"),
        (b"token_type=Bearer&scope=x", b"token_type=Bearer&scope=x"),
    ],
)
def test_all_of_it_is_blanked_and_nothing_else(body: bytes, blanked: bytes) -> None:
    assert knowing([]).body(body) == blanked


@pytest.mark.slow
@pytest.mark.parametrize(
    "repeated", [b"token", b"token=", b"<token>", b"<a password", b"<Password><![CDATA[", b"eyJaaa"]
)
def test_no_body_is_so_malicious_that_it_keeps_us_busy(repeated: bytes) -> None:
    redactor = knowing([])

    def took(times: int) -> float:
        begun = time.process_time()
        redactor.body(repeated * times)
        return time.process_time() - begun

    took(500)
    assert took(40_000) < 100 * (took(4000) + 0.001)
