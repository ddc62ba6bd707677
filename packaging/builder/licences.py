"""debian/copyright: the licence of every part, with its text."""

import re
from collections.abc import Iterator, Sequence

from parts import Part, part_here

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: calendar-tui
Comment: The package contains the Python distributions that the product needs. The files of each, its licence among
 them, are below /usr/lib/calendar-tui/lib/python3/site-packages; versions are in calendar-tui.cdx.json.
"""
PAGES = "usr/share/doc/calendar-tui/html/_static"
COMMON = {
    "Apache License": ("Version 2.0, January 2004", "Apache-2.0"),
    "GNU LESSER GENERAL PUBLIC LICENSE": ("Version 3, 29 June 2007", "LGPL-3"),
    "Mozilla Public License": ("Version 2.0", "MPL-2.0"),
}
"""Texts that every Debian has in /usr/share/common-licenses, by their title."""

BUNDLED = {
    "psycopg-binary": (
        "psycopg_binary.libs has libraries of others as the wheel brings them: libpq of PostgreSQL (PostgreSQL),",
        "libssl and libcrypto of OpenSSL (Apache-2.0), libldap and liblber of OpenLDAP (OLDAP-2.8), libsasl2 of Cyrus",
        "(BSD-4-Clause), Kerberos and libcom_err of MIT (MIT), libkeyutils and libcrypt (LGPL-2.1-or-later). They are",
        "loaded at run time and may be replaced. https://github.com/psycopg/psycopg has the sources of the wheel.",
    )
}
"""Distributions with compiled libraries of others that their licence does not name."""

OF_PAGES = {"sphinx": "*", "furo": "s*/*", "snowballstemmer": "*-stemmer.js"}
"""Distributions that have put files into the documentation, and those files in _static; the last that fits counts."""

NOTICE = re.compile(r"^\W*(?:copyright|©|\(c\))\W.*\d{4}.*$", re.IGNORECASE | re.MULTILINE)

OF_LICENCE = "Free Software Foundation, Inc. <https://fsf.org/>"
"""Whose the text of a licence is, not what it is about."""


def copyright_file(parts: Sequence[Part]) -> str:
    """Return the file in Debian's machine-readable format, the product first."""
    product = "calendar-tui"
    ordered = sorted(parts, key=lambda part: (part.name != product, part.name))
    paragraphs = ("\n".join(_paragraph(part, "*" if part.name == product else _files(part))) for part in ordered)
    of_pages = ("\n".join(_paragraph(part_here(name), f"{PAGES}/{files}")) for name, files in OF_PAGES.items())
    return "\n\n".join((HEAD.rstrip(), *paragraphs, *of_pages)) + "\n"


def _files(part: Part) -> str:
    return f"usr/lib/calendar-tui/lib/python3/site-packages/{part.name.replace('-', '_')}*"


def _paragraph(part: Part, files: str) -> Iterator[str]:
    found = (line.strip(" #*\t\n") for text in part.texts for line in NOTICE.findall(text))
    notices = dict.fromkeys(line for line in found if OF_LICENCE not in line)
    yield f"Files: {files}"
    if part.name in BUNDLED:
        yield "Comment: " + "\n ".join(BUNDLED[part.name])
    yield "Copyright: " + "\n ".join(notices or (f"the authors of {part.name}",))
    yield f"License: {part.licence}"
    for text in part.texts:
        for line in _shortened(text).splitlines():
            yield f" {line.rstrip()}" if line.strip() else " ."


def _shortened(text: str) -> str:
    """Return a reference to a common licence, or the whole text."""
    start = " ".join(text[:400].split())
    for title, (version, name) in COMMON.items():
        if title in start and version in start:
            return f"The complete text is in /usr/share/common-licenses/{name}."
    return text
