"""Indents XML for reading; prefixes, attributes, texts and order stay unchanged."""

import re

INDENT = b"  "
DEEPEST = 60
"""Maximum depth of indentation."""

_TOKEN = re.compile(
    rb"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|<[^\s<>=](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|[^<]+|<",
    re.DOTALL,
)

_PRESERVE = re.compile(rb"""\sxml:space\s*=\s*["']preserve""")


def pretty(body: bytes) -> bytes:
    """Return `body` with line breaks and indentation between elements; anything but XML stays unchanged.

    White space is inserted only where there is nothing, or white space, between two elements. An element that contains
    text, or requests its white space to be preserved, stays unchanged as a whole. Truncated XML is indented too.
    """
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return body
    tokens = _TOKEN.findall(body)
    ends = _ends_of_plain_elements(tokens)
    if ends is None:
        return body
    lines: list[bytes] = []
    depth = place = 0
    while place < len(tokens):
        token = tokens[place]
        if place in ends:
            lines.append(_indented(depth, b"".join(tokens[place : ends[place] + 1])))
            place = ends[place]
        elif token.startswith(b"</"):
            depth -= 1
            lines.append(_indented(depth, token))
        elif token.strip():
            lines.append(_indented(depth, token))
            depth += _opens(token)
        place += 1
    return b"\n".join(lines) + b"\n"


def _ends_of_plain_elements(tokens: list[bytes]) -> dict[int, int] | None:
    """Return first and last token of each element that stays unchanged; None if the tags do not match."""
    ends: dict[int, int] = {}
    open_elements: list[tuple[int, bytes]] = []
    has_children, has_text = {-1}, set[int]()
    for place, token in enumerate(tokens):
        parent = open_elements[-1][0] if open_elements else -1
        if token.startswith(b"</"):
            if not open_elements or open_elements[-1][1] != _name(token):
                return None
            open_elements.pop()
            if parent in has_text or parent not in has_children:
                ends[parent] = place
        elif _is_element(token):
            has_children.add(parent)
            if _opens(token):
                open_elements.append((place, _name(token)))
                if _PRESERVE.search(token):
                    has_text.add(place)
        elif token.startswith(b"<![CDATA[") or (not token.startswith(b"<") and token.strip()) or token == b"<":
            has_text.add(parent)
    ends.update((place, len(tokens) - 1) for place, _ in open_elements if place in has_text)
    return ends


def _is_element(token: bytes) -> bool:
    return token.startswith(b"<") and len(token) > 1 and not token.startswith((b"<!", b"<?"))


def _opens(token: bytes) -> bool:
    return _is_element(token) and not token.endswith(b"/>")


def _name(token: bytes) -> bytes:
    return re.split(rb"[\s/>]", token.lstrip(b"</"), maxsplit=1)[0]


def _indented(depth: int, token: bytes) -> bytes:
    return INDENT * min(depth, DEEPEST) + token
