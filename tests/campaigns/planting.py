"""Secrets as servers and programs encode them, made by standard libraries and by hand, not by the product.

`FORMS` are ways in which a secret that is known may stand in a body; `SHAPES` are ways in which programs name one that
nobody knows. Each is a function of a random secret.
"""

import base64
import html
import html.entities
import json
import quopri
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_from_bytes, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

Form = Callable[[str, Random], bytes]

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
SIGNS = "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\""
WESTERN = "äöüÄÖÜßéèñçø£§"
WINDOWS = "€–„“"
FOREIGN = "ж漢🎉łő"
LIKE_ESCAPES = (
    "\\n",
    "\\r\\n",
    "\\\\t",
    '\\"',
    "\\u0041",
    "\\x41",
    "&amp;",
    "&#65;",
    "&lt",
    "%41",
    "%2541",
    "+",
    "=3D",
    "]]>",
)
"""What is part of a secret and could be read as an escape."""
LIKE_NAMES = ("token", "Pwd", "-password", "Secret1", "ApiKey")
"""How a secret may end that looks like the name of one."""


def password(random: Random, signs: str = SIGNS) -> str:
    """Return a password: letters and digits mixed with signs, sometimes with letters of other scripts."""
    more = random.choice(("", "", "", WESTERN, WESTERN + WINDOWS, FOREIGN))
    alphabet = LETTERS + signs + signs + more * 2
    middle = "".join(random.choice(alphabet) for _ in range(random.randint(6, 28)))
    if random.random() < 0.1:
        place = random.randint(0, len(middle))
        middle = middle[:place] + random.choice(LIKE_ESCAPES) + middle[place:]
    return random.choice(LETTERS) + middle + random.choice(LETTERS)


def _each(one: Callable[[str, Random], str], *, only: Callable[[str], bool] = lambda _: True) -> Form:
    return lambda secret, random: "".join(
        one(character, random) if only(character) else character for character in secret
    ).encode()


def _special(character: str) -> bool:
    return not (character.isascii() and character.isalnum())


def _zeros(random: Random) -> str:
    return "0" * random.randint(0, 4)


def _decimal(character: str, random: Random) -> str:
    return f"&#{_zeros(random)}{ord(character)};"


def _hexadecimal(character: str, random: Random) -> str:
    digits = f"{ord(character):x}"
    return f"&#{random.choice('xX')}{_zeros(random)}{random.choice((digits, digits.upper()))};"


_NAMED = {ord(sign): name for name, sign in html.entities.html5.items() if len(sign) == 1 and name.endswith(";")}


def _named(character: str, random: Random) -> str:
    return f"&{_NAMED[ord(character)]}" if ord(character) in _NAMED else _decimal(character, random)


def _unicode(character: str, random: Random, upper: bool) -> str:
    units = character.encode("utf-16-be").hex()
    units = units.upper() if upper else units
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _without_semicolons(secret: str, random: Random) -> bytes:
    pieces = []
    for at, character in enumerate(secret):
        following = secret[at + 1 : at + 2]
        if _special(character) and not (following.isascii() and (following.isalnum() or following == ";")):
            pieces.append(f"&#{ord(character)}")
        else:
            pieces.append(_decimal(character, random) if character in "&;" else character)
    return "".join(pieces).encode()


def _mixed_percent(secret: str, random: Random) -> bytes:
    return b"".join(
        random.choice((f"%{byte:02x}", f"%{byte:02X}")).encode()
        if byte >= 0x80 or chr(byte) in "%+&=# " or random.random() < 0.6
        else bytes((byte,))
        for byte in secret.encode()
    )


def _mixed(secret: str, random: Random) -> bytes:
    """Return a text with each special character escaped in a different way, as by a careless program."""
    ways = (_decimal, _hexadecimal, _named)
    return "".join(
        random.choice(ways)(character, random) if _special(character) else character for character in secret
    ).encode()


def _in(charset: str) -> Form:
    return lambda secret, _: secret.encode(charset)


def _json(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def _folded(content: bytes, width: int, end: bytes = b"\r\n") -> bytes:
    digits = base64.b64encode(content)
    return end.join(digits[at : at + width] for at in range(0, len(digits), width))


FORMS: dict[str, Form] = {
    "as it is": _in("utf-8"),
    "Latin-1": _in("latin-1"),
    "Windows-1252": _in("cp1252"),
    "Latin-9": _in("iso8859-15"),
    "UTF-16, little end first": _in("utf-16-le"),
    "UTF-16, big end first": _in("utf-16-be"),
    "UTF-16 with its mark": _in("utf-16"),
    "XML": lambda secret, _: escape(secret, {'"': "&quot;", "'": "&apos;"}).encode(),
    "HTML": lambda secret, _: html.escape(secret).encode(),
    "HTML by named references": _each(_named, only=_special),
    "decimal references": _each(_decimal),
    "hexadecimal references": _each(_hexadecimal),
    "references without semicolons": _without_semicolons,
    "references of all kinds": _mixed,
    "references for what ASCII has not": lambda secret, _: escape(secret).encode("ascii", "xmlcharrefreplace"),
    "references in Latin-1": lambda secret, _: escape(secret).encode("latin-1", "xmlcharrefreplace"),
    "references twice": lambda secret, _: html.escape(html.escape(secret)).encode(),
    "JSON": lambda secret, _: _json(secret).encode(),
    "JSON, not only ASCII": lambda secret, _: json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
    "JSON with slashes escaped": lambda secret, _: _json(secret).replace("/", "\\/").encode(),
    "JSON of .NET": _each(lambda character, random: _unicode(character, random, upper=True), only=_special),
    "JSON in lower case": _each(lambda character, random: _unicode(character, random, upper=False), only=_special),
    "JSON, everything escaped": _each(lambda character, random: _unicode(character, random, random.random() < 0.5)),
    "JSON in JSON": lambda secret, _: _json(_json(secret)).encode(),
    "JSON in XML": lambda secret, _: html.escape(_json(secret)).encode(),
    "XML in JSON": lambda secret, _: _json(escape(secret)).encode(),
    "a URL": lambda secret, _: quote(secret, safe="").encode(),
    "a URL in lower case": lambda secret, random: (
        _mixed_percent(secret, random).lower() if secret.lower() == secret else quote(secret, safe="").encode()
    ),
    "a URL as JavaScript writes it": lambda secret, _: quote(secret, safe="!*'()").encode(),
    "a URL, everything escaped in mixed case": _mixed_percent,
    "a URL in Latin-1": lambda secret, _: quote_from_bytes(secret.encode("cp1252"), safe="").encode(),
    "a form": lambda secret, _: quote_plus(secret).encode(),
    "a form as browsers write it": lambda secret, _: quote_plus(secret, safe="*").encode(),
    "a form with !*()": lambda secret, _: quote_plus(secret, safe="!*()'~").encode(),
    "a URL in a URL": lambda secret, _: quote(quote(secret, safe=""), safe="").encode(),
    "a form in HTML": lambda secret, _: html.escape(quote_plus(secret, safe="&'")).encode(),
    "a URL in JSON": lambda secret, _: _json(quote(secret, safe="/'\"")).replace("/", "\\/").encode(),
    "escape() of JavaScript": _each(
        lambda character, _: f"%u{ord(character):04x}" if ord(character) > 0xFF else f"%{ord(character):02X}",
        only=lambda character: _special(character) and ord(character) < 0x10000,
    ),
    "a string of JavaScript": _each(lambda character, _: f"\\x{ord(character):02x}", only=lambda c: ord(c) < 0x80),
    "quoted-printable": lambda secret, _: quopri.encodestring(b"x=" + secret.encode())[4:],
    "base64": lambda secret, _: base64.b64encode(secret.encode()),
    "base64 with a user": lambda secret, _: base64.b64encode(f"corp\\svc-calendar:{secret}".encode()),
    "base64 with a user in Latin-1": lambda secret, _: base64.b64encode(f"svc:{secret}".encode("cp1252")),
    "base64 for URLs": lambda secret, _: base64.urlsafe_b64encode(f"ab{secret}".encode()).rstrip(b"="),
    "base64 in a URL": lambda secret, _: quote(base64.b64encode(secret.encode()), safe="").encode(),
    "base64 of UTF-16": lambda secret, _: base64.b64encode(secret.encode("utf-16-le")),
    "base64 in lines": lambda secret, random: _folded(
        b"a user whose name is long: " + secret.encode(), random.choice((64, 76)), random.choice((b"\n", b"\r\n"))
    ),
    "hexadecimal": lambda secret, random: random.choice((str.lower, str.upper))(secret.encode().hex()).encode(),
    "hexadecimal as .NET writes it": lambda secret, _: secret.encode().hex("-").upper().encode(),
}

PARTLY = frozenset(name for name in FORMS if name.startswith(("base64", "hexadecimal", "quoted")))
"""Forms in which something may stay that is not of the secret."""


def unknown(random: Random) -> "Unknown":
    """Return a secret that nobody knows: words of letters and digits with signs between them."""
    words = tuple("".join(random.choice(LETTERS) for _ in range(random.randint(8, 12))) for _ in range(3))
    signs = [random.choice(SIGNS if random.random() < 0.9 else LIKE_ESCAPES) for _ in range(2)]
    if random.random() < 0.05:
        words = (*words[:2], words[2] + random.choice(LIKE_NAMES))
    return Unknown(words[0] + signs[0] + words[1] + signs[1] + words[2], words)


@dataclass(frozen=True)
class Unknown:
    """A secret, and its parts that must not occur anywhere."""

    text: str
    words: tuple[str, ...]

    @property
    def plain(self) -> str:
        """Return it without special characters, like a token."""
        return "".join(self.words)


NAMES = ("password", "Password", "client_secret", "clientSecret", "access_token", "apiKey", "Pwd", "refresh_token")
KEYS = (("name", "value"), ("key", "value"), ("Name", "Value"), ("id", "content"), ("k", "v"), ("field", "data"))

Shape = Callable[[Unknown, Random], bytes]


def _object(secret: Unknown, random: Random) -> str:
    name, value = random.choice(KEYS)
    pairs: list[tuple[str, object]] = [(name, random.choice(NAMES)), (value, secret.text)]
    if random.random() < 0.3:
        pairs.insert(random.randint(0, 2), ("more", {"type": "text"}))
    random.shuffle(pairs)
    return json.dumps({"user": "svc", "settings": [dict(pairs)]})


def _element(secret: Unknown, random: Random) -> str:
    name, value = random.choice(KEYS)
    attributes = [f"{name}={quoteattr(random.choice(NAMES))}", f"{value}={quoteattr(secret.text)}"]
    random.shuffle(attributes)
    return f"<configuration><add {' '.join(attributes)}/></configuration>"


def _elements(secret: Unknown, random: Random) -> str:
    name, value = random.choice(KEYS)
    inner = [f"<{name}>{random.choice(NAMES)}</{name}>", f"<{value}>{escape(secret.text)}</{value}>"]
    random.shuffle(inner)
    return f"<list><entry>{''.join(inner)}</entry><entry>other</entry></list>"


def _member(secret: Unknown, random: Random) -> str:
    return json.dumps({"a": 1, random.choice(NAMES): secret.text, "b": "c"}, indent=random.choice((None, 2)))


def _nested(inner: Callable[[Unknown, Random], str], times: int) -> Shape:
    def nest(secret: Unknown, random: Random) -> bytes:
        text = inner(secret, random)
        for _ in range(times):
            text = json.dumps({"log": text, "n": 1})
        return text.encode()

    return nest


SHAPES: dict[str, Shape] = {
    "JSON": _nested(_member, 0),
    "JSON in JSON": _nested(_member, 1),
    "JSON in JSON in JSON": _nested(_member, 2),
    "a pair in JSON": _nested(_object, 0),
    "a pair in JSON in JSON": _nested(_object, 1),
    "a pair in JSON in JSON in JSON": _nested(_object, 2),
    "a pair in JSON in XML": lambda secret, random: f"<log>{escape(_object(secret, random))}</log>".encode(),
    "a pair in JSON in HTML": lambda secret, random: f"<pre>{html.escape(_object(secret, random))}</pre>".encode(),
    "JSON in an attribute": lambda secret, random: f"<a data={quoteattr(_member(secret, random))}>x</a>".encode(),
    "attributes": lambda secret, random: _element(secret, random).encode(),
    "attributes in JSON": _nested(_element, 1),
    "attributes in HTML": lambda secret, random: f"<pre>{html.escape(_element(secret, random))}</pre>".encode(),
    "elements": lambda secret, random: _elements(secret, random).encode(),
    "elements in JSON": _nested(_elements, 1),
    "elements in HTML": lambda secret, random: f"<pre>{html.escape(_elements(secret, random))}</pre>".encode(),
    "an element with a name": lambda secret, random: (
        f'<string name="{random.choice(NAMES)}">{escape(secret.text)}</string><b>c</b>'.encode()
    ),
    "an element with a name around its value": lambda secret, random: (
        f'<setting name="{random.choice(NAMES)}" serializeAs="String"><value>{escape(secret.text)}</value></setting>'
    ).encode(),
    "a property list": lambda secret, random: (
        f"<dict><key>User</key><string>svc</string><key>{random.choice(NAMES)}</key>"
        f"<string>{escape(secret.text)}</string></dict>"
    ).encode(),
    "an input": lambda secret, _: f'<input type="password" value={quoteattr(secret.text)} size="9">'.encode(),
    "a hidden input": lambda secret, _: f'<input type="hidden" name="token" value={quoteattr(secret.text)}>'.encode(),
    "an attribute of its own": lambda secret, _: f"<server user='svc' password={quoteattr(secret.text)} />".encode(),
    "an element of its own": lambda secret, _: f"<t:Password>{escape(secret.text)}</t:Password>".encode(),
    "an element of its own in JSON": lambda secret, _: json.dumps(
        {"body": f"<Password>{escape(secret.text)}</Password>"}
    ).encode(),
    "CDATA": lambda secret, _: f"<ClientSecret><![CDATA[{secret.text}]]></ClientSecret>".encode(),
    "a form": lambda secret, random: urlencode({"a": "b", random.choice(NAMES): secret.text, "c": "d"}).encode(),
    "a form in a URL": lambda secret, random: quote(urlencode({random.choice(NAMES): secret.text, "c": "d"})).encode(),
    "a form in HTML": lambda secret, random: html.escape(urlencode({random.choice(NAMES): secret.text})).encode(),
    "a form in base64": lambda secret, _: base64.b64encode(f"grant_type=x&password={quote(secret.text)}&x=1".encode()),
    "JSON in base64": lambda secret, _: base64.b64encode(json.dumps({"password": secret.text}).encode()),
    "JSON in UTF-16": lambda secret, random: _member(secret, random).encode(random.choice(("utf-16", "utf-16-be"))),
    "a file of settings": lambda secret, _: f"user = svc\npassword = {secret.plain}\n".encode(),
    "YAML": lambda secret, _: f"client_secret: {secret.plain}\nuser: svc\n".encode(),
    "a string of a connection": lambda secret, _: f"Server=db;User Id=svc;Password={secret.plain};X=1".encode(),
    "a parameter of a multipart form": lambda secret, _: (
        f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{secret.text}\r\n--x--'.encode()
    ),
    "PHP": lambda secret, _: f"array('password' => '{secret.plain}', 'x' => 1)".encode(),
    "a URL with a user": lambda secret, _: f"cannot open https://svc:{secret.plain}@host.example/x".encode(),
    "a bearer": lambda secret, _: f"Authorization: Bearer {secret.plain}\r\nX: y".encode(),
    "basic": lambda secret, _: b"Authorization: Basic " + base64.b64encode(secret.plain.encode()) + b"\r\nX: y",
    "a signed token": lambda secret, _: f"see eyJhbGciOiJSUzI1NiJ9.{secret.plain}.{secret.words[0]} there".encode(),
    "a secret of Entra": lambda secret, _: f"the key abc8Q~{(secret.plain * 2)[:34]} was refused".encode(),
    "a private key": lambda secret, _: (
        f"-----BEGIN PRIVATE KEY-----\n{secret.plain}\n-----END PRIVATE KEY-----".encode()
    ),
    "a cookie": lambda secret, _: f"Cookie: cadata={secret.plain}; x=1\r\nX: y".encode(),
}


def is_left(form: str, planted: bytes, body: bytes) -> bool:
    """Tell whether anything is left of a known secret, planted as `<a>…</a>`, where all of it had to be blanked."""
    if form in PARTLY:
        return planted[2:-2] in body or b"[blanked]" not in body
    if form.startswith("UTF-16"):
        return bool(body.replace(b"\0", b"").replace(b"\xff\xfe", b"") != b"<a>[blanked]</a>")
    return body != b"<a>[blanked]</a>"


def survives(secret: Unknown, body: bytes) -> bool:
    """Tell whether any part of a secret that nobody knows is in a body, be it encoded."""
    inside = (base64.b64encode(word.encode())[:-4] for word in secret.words)
    readable = body.replace(b"\0", b"")
    return any(part in readable for part in (*(word.encode() for word in secret.words), *inside))
