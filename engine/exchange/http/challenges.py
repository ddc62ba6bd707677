"""Reads WWW-Authenticate: which log-in schemes a server offers, and what follows the name of each. No I/O."""

import re
from collections.abc import Mapping

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf"""\s*(?:
        (?P<parameter>{_WORD})\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|{_WORD})\s*(?=,|$)
        | (?P<scheme>{_WORD})(?![^,\s]|\s*=)(?:[ ]+(?P<token68>[A-Za-z0-9._~+/-]+=*)\s*(?=,|$))?
    )""",
    re.VERBOSE,
)


def offered(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the schemes offered, in lower case, each with its token68 or its parameters, "" where it has none.

    A list of challenges and the parameters of each are both separated by commas (RFC 9110, sections 11.3 and 11.6.1):
    `Basic realm="a, b", charset="utf-8", NTLM` are two. What fits into neither is passed over up to the next comma.
    """
    text = headers.get("www-authenticate", "")
    found: dict[str, list[str]] = {}
    follows: list[str] = []
    place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            comma = text.find(",", place)
            place = len(text) if comma < 0 else comma + 1
            continue
        if (scheme := part["scheme"]) is not None:
            follows = found.setdefault(scheme.lower(), [])
            follows += [part["token68"]] if part["token68"] else []
        else:
            follows.append(f"{part['parameter']}={part['value']}")
        place = part.end()
        while place < len(text) and text[place] in ", \t":
            place += 1
    return {scheme: ", ".join(each) for scheme, each in found.items()}
