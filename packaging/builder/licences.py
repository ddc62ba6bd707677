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
    "Mozilla Public License": ("Version 2.0", "MPL-2.0"),
}
"""Texts that every Debian has in /usr/share/common-licenses, by their title."""

OF_PAGES = {"sphinx": "*", "furo": "s*/*", "snowballstemmer": "*-stemmer.js"}
"""Distributions that have put files into the documentation, and those files in _static; the last that fits counts."""

NOTICE = re.compile(r"^\W*(?:copyright|©|\(c\))\W.*\d{4}.*$", re.IGNORECASE | re.MULTILINE)


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
    notices = dict.fromkeys(line.strip(" #*\t") for text in part.texts for line in NOTICE.findall(text))
    yield f"Files: {files}"
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
