"""Secrets planted in many forms are removed from everything stored, and nothing else is."""

from random import Random

import pytest

from engine.core.secret import Secret
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.redaction.spans import BLANKED
from tests.campaigns.planting import FORMS, PARTLY, SHAPES, is_left, password, survives, unknown

ROUNDS = 25


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_found_in_every_form(form: str) -> None:
    random = Random(form)
    for _ in range(ROUNDS):
        secret = password(random)
        try:
            planted = FORMS[form](secret, random)
        except UnicodeEncodeError:
            continue
        redactor = SecretRedactor()
        redactor.know([Secret(secret)])
        body = redactor.body(b"<a>%b</a>" % planted)
        assert not is_left(form, planted, body), (secret, planted, body)


@pytest.mark.parametrize("secret", ["Yy{N!r%5c", "Yy{N!r%5C%5c", "Abcd&bsol;&#92;", "abcd\\u005c", "x%255cYy"])
@pytest.mark.parametrize("form", [form for form in FORMS if form not in PARTLY])
def test_a_secret_that_ends_like_an_escape_is_blanked_whole(form: str, secret: str) -> None:
    redactor = SecretRedactor()
    redactor.know([Secret(secret)])
    planted = FORMS[form](secret, Random(form))
    body = redactor.body(b"<a>%b</a>" % planted)
    assert not is_left(form, planted, body), (planted, body)


def test_a_backslash_that_is_a_reference_may_stand_before_another_one() -> None:
    """Found by a campaign: which escapes are undone first decides what is read."""
    redactor = SecretRedactor()
    redactor.know([Secret("wxF@>>R?T!?{}shM\\\\t")])
    assert redactor.body(b"<a>wxF&#64&#62&#62R?T&#33&#63&#123&#125shM&#92\\t</a>") == b"<a>[blanked]</a>"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_that_nobody_knows_is_found_by_its_name_or_shape(shape: str) -> None:
    random = Random(shape)
    redactor = SecretRedactor()
    for _ in range(ROUNDS):
        secret = unknown(random)
        body = SHAPES[shape](secret, random)
        assert not survives(secret, redactor.body(body)), (secret, body, redactor.body(body))


@pytest.mark.parametrize(
    ("body", "blanked"),
    [
        (b'{"name":"pwd","value":"a\\"b","x":1}', b'{"name":"pwd","value":"[blanked]","x":[blanked]}'),
        (b'{"value":"abc","name":"pwd"},{"value":"z"}', b'{"value":"[blanked]","name":"pwd"},{"value":"z"}'),
        (b'{"m":"{\\"password\\":\\"a\\\\\\"b\\",\\"x\\":1}"}', b'{"m":"{\\"password\\":\\"[blanked]\\",\\"x\\":1}"}'),
        (
            b'<a key="pwd" value="a&quot;b"/><a key="x" value="y"/>',
            b'<a key="pwd" value="[blanked]"/><a key="x" value="y"/>',
        ),
        (b"<add value='abc' key='password'/>", b"<add value='[blanked]' key='password'/>"),
        (
            b"&lt;Password&gt;a&amp;lt;b&lt;/Password&gt;&lt;x&gt;",
            b"&lt;Password&gt;[blanked]&lt;/Password&gt;&lt;x&gt;",
        ),
        (
            b"<e><name>pwd</name><value>a</value></e><e>b</e>",
            b"<e><name>pwd</name><value>[blanked]</value></e><e>b</e>",
        ),
        (
            b"<e><name>pwd</name><value>x-Ab2@c9-token4</value></e><e>b</e>",
            b"<e><name>pwd</name><value>[blanked]</value></e><e>b</e>",
        ),
        (
            b"<e><first>pwd</first><second>x-Ab2-c9-token4</second></e><e>b</e>",
            b"<e><first>[blanked]</first><second>[blanked]</second></e><e>b</e>",
        ),
        (b'{"value":"x-Ab2-token4","name":"pwd"}', b'{"value":"[blanked]","name":"pwd"}'),
        (b'{"first":"x-Ab2-token4","second":"pwd"}', b'{"first":"[blanked]","second":"[blanked]"}'),
        (b"<add value='x-Ab2-token4' key='pwd'/>", b"<add value='[blanked]' key='pwd'/>"),
        (b'name="password"\r\n\r\na\\nb<c\r\n--x', b'name="password"\r\n\r\n[blanked]\r\n--x'),
        (b'{"m":"name=\\"pwd\\"\\r\\n\\r\\nab\\r\\nc"}', b'{"m":"name=\\"pwd\\"\\r\\n\\r\\n[blanked]\\r\\nc"}'),
        (b"client_secret=a%26b&scope=x", b"client_secret=[blanked]&scope=x"),
        (b"x%3D1%26client_secret%3Da%2526b%26scope%3Dx", b"x%3D1%26client_secret%3D[blanked]%26scope%3Dx"),
        (b'{"tokens":["a","b"],"c":"d"}', b'{"tokens":[[blanked]],"c":"d"}'),
        (b"https://svc:abc@host/x", b"https://svc:[blanked]@host/x"),
    ],
)
def test_all_of_the_value_is_blanked_and_nothing_else(body: bytes, blanked: bytes) -> None:
    assert SecretRedactor().body(body) == blanked


HARMLESS = (
    b'<t:CalendarItem><t:ItemId Id="AAMkADeyJhbGNhbGVuZGFyQUFBQUFTAAA=" ChangeKey="DwAAABYAAABzZWNy"/>'
    b"<t:Subject>Passwort</t:Subject><t:Start>2026-03-02T08:00:00Z</t:Start><t:End>2026-03-02T09:00:00Z</t:End>"
    b"<t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus></t:CalendarItem>",
    b"<t:Subject>R&amp;D: 100% &lt;neu&gt; &#x1F389; C:\\new\\table \\u0041</t:Subject><t:Start>2026</t:Start>",
    b"<t:Categories><t:String>Secret</t:String><t:String>Rot</t:String></t:Categories>",
    b"<t:Mailbox><t:Name>Token</t:Name><t:EmailAddress>token@corp.example</t:EmailAddress></t:Mailbox>",
    b"<faultcode>a:InvalidSecurityToken</faultcode><faultstring>The token is not valid.</faultstring>",
    b"<m:ResponseCode>ErrorInvalidToken</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
    b'{"error":{"code":"InvalidAuthenticationToken","message":"Access token expired.","innerError":{"date":"2026"}}}',
    b'{"error":"invalid_token","error_description":"The token is expired","timestamp":"2026-03-02"}',
    b'{"token_endpoint":"https://login.example/t/oauth2/v2.0/token","token_endpoint_auth_methods_supported":'
    b'["client_secret_post","private_key_jwt","client_secret_basic"],"authorization_endpoint":"https://login.example/a"}',
    b'{"subject":"Password","start":{"dateTime":"2026-03-02T08:00:00"},"location":{"displayName":"Token"}}',
    b'{"emailAddress":{"name":"Secret","address":"secret@corp.example"},"type":"required"}',
    b"<a:ErrorCode>NoError</a:ErrorCode><a:UserSetting><a:Name>ExternalEwsUrl</a:Name><a:Value>https://h/EWS</a:Value>",
    b"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
    b"value, not the client secret ID, for a secret added to app '00000000-0000-4000-8000-000000000000'.",
    b"<html><style>a{color:#fff;width:100%}</style><body>&nbsp;&copy; M&uuml;ller &amp; S\xc3\xb6hne</body>",
    "<t:Subject>Füße</t:Subject><t:Location>Büro&#160;3</t:Location>".encode("latin-1"),
)


@pytest.mark.parametrize("body", HARMLESS)
def test_what_has_no_secret_in_it_stays_as_it_is(body: bytes) -> None:
    redactor = SecretRedactor()
    redactor.know([Secret("Ganz-Geheim.2026"), Secret('s3cr&t<"%41\\u0041')])
    assert redactor.body(body) == body


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/owa/auth/logon.aspx?url=x&reason=0", f"/owa/auth/logon.aspx?url={BLANKED}&reason={BLANKED}"),
        ("https://adfs.corp.example/adfs/ls/?wa=wsignin1.0", f"https://adfs.corp.example/adfs/ls/?wa={BLANKED}"),
        ("https://h/EWS/Exchange.asmx", "https://h/EWS/Exchange.asmx"),
        ("https://h/autodiscover/autodiscover.xml", "https://h/autodiscover/autodiscover.xml"),
        (
            "https://login.example/3f2a7c1e-0000-4000-8000-000000000001/oauth2/v2.0/authorize",
            "https://login.example/3f2a7c1e-0000-4000-8000-000000000001/oauth2/v2.0/authorize",
        ),
        ("https://h/reset/8kfh37shf73hs82kshf", f"https://h/reset/{BLANKED}"),
        ("https://h/password/hunter", f"https://h/password/{BLANKED}"),
        ("https://h/x;jsessionid=8A7F/y", f"https://h/{BLANKED}/y"),
        ("https://h/token=abc/y", f"https://h/{BLANKED}/y"),
        ("https://h/a?8kfh37shf73hs", f"https://h/a?{BLANKED}"),
        ("https://h/a?8kfh37shf73hs=1#access_token=x", f"https://h/a?{BLANKED}"),
        ("https://h/%68unter%32%33/x", f"https://h/{BLANKED}/x"),
        ("https://[h", BLANKED),
    ],
)
def test_of_where_a_redirect_leads_only_plain_words_are_kept(location: str, kept: str) -> None:
    assert SecretRedactor().headers({"Location": location}) == (("Location", kept),)


PLAIN = (
    b"<t:Subject>R&amp;D, Tom &amp;amp; J\xc3\xbcrg: 50% off \\o/ &#x1F389;</t:Subject>",
    b'{"subject":"Caf\\u00e9 \\"Gr\\u00fcn\\"","share":"100 %","path":"C:\\\\srv"}',
    "Besprechung für alle".encode("cp1252"),
    b"a=3D1&b=%20x",
    b"TWFueSBwZW9wbGUgYW5kIHRoaW5ncw\r\nYW5kIG5vdGhpbmcgZWxzZSBoZXJl",
)


@pytest.mark.parametrize("body", PLAIN)
def test_escapes_alone_are_no_reason_to_search(body: bytes) -> None:
    redactor = SecretRedactor()
    redactor.know([Secret("a-known-Passw0rd")])
    assert redactor.finds_nothing_in(body)
    assert redactor.body(body) is body


@pytest.mark.slow
@pytest.mark.parametrize("way", [*FORMS, *SHAPES])
def test_one_secret_is_found_among_much_that_is_plain(way: str) -> None:
    random, secret = Random(way), unknown(Random(way))
    planted = FORMS[way](secret.text, random) if way in FORMS else SHAPES[way](secret, random)
    redactor = SecretRedactor()
    redactor.know([Secret(secret.text)] if way in FORMS else [])
    if b"\0" not in planted:
        planted = b"%b\n%b\n%b" % (b"".join(PLAIN[:2]) * 20, planted, PLAIN[0] * 20)
    assert not redactor.finds_nothing_in(planted)
    assert redactor.body(planted) != planted
