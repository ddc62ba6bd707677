"""A directive of Sphinx that shows a manual page of man/: mandoc makes the HTML."""

import re
import shutil
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

MAN = Path(__file__).resolve().parents[1] / "man"
OTHERS = "https://manpages.debian.org"
WITHOUT_MANDOC = "mandoc was not there when this was built. On a machine with the package: man {}"


class ManualPage(SphinxDirective):
    """Shows one manual page, or without mandoc how to read it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the page."""
        name: str = self.arguments[0]
        self.env.note_dependency(str(MAN / name))
        if mandoc := shutil.which("mandoc"):
            return [nodes.raw("", _html(mandoc, name), format="html")]
        return [nodes.paragraph("", WITHOUT_MANDOC.format(name.rpartition(".")[0]))]


def _html(mandoc: str, name: str) -> str:
    """Return a page as part of another one: its headings are below that one's, and links lead where pages are."""
    command = (mandoc, "-T", "html", "-O", "fragment,man=%N.%S.html", MAN / name)
    page = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - as written here
    page = re.sub(r'<table class="(?:head|foot)">.*?</table>', "", page, flags=re.DOTALL)
    page = re.sub(r"<(/?)h2", r"<\1h3", page)
    page = re.sub(r"<(/?)h1", r"<\1h2", page)
    page = re.sub(r'(?<=class="Xr" href=")[^"]+', _link, page)
    ids = set(re.findall(r'id="([^"]+)"', page))
    sections_elsewhere = re.compile(r'<a class="Sx" href="#([^"]+)">(.*?)</a>', re.DOTALL)
    return sections_elsewhere.sub(lambda found: found[0] if found[1] in ids else found[2], page)


def _link(found: re.Match[str]) -> str:
    """Return the address of a manual page: beside this one, or of another project."""
    name = found[0].removesuffix(".html")
    return found[0] if (MAN / name).exists() else f"{OTHERS}/{name}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive."""
    app.add_directive("manual-page", ManualPage)
    return {"parallel_read_safe": True}
