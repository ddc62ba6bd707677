"""`make docs` builds pages whose links lead somewhere, and which load nothing from elsewhere."""

import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from tests.docs.pages import DOCS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.process]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as HTML, with all warnings as errors; built once for all processes of this run."""
    own = tmp_path_factory.getbasetemp()
    directory = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (directory / "docs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "docs").exists():
            asyncio.run(build(directory / "html", directory / "doctrees"))
            (directory / "html").rename(directory / "docs")
    return directory / "docs"


async def build(output: Path, doctrees: Path) -> None:
    command = (sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", doctrees, DOCS, output)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, messages = await process.communicate()
    assert (process.returncode, messages.decode()) == (0, "")


def tree_of(path: Path) -> Element:
    return etree.parse(path, etree.HTMLParser()).getroot()


def trees(built: Path) -> dict[Path, Element]:
    return {path: tree_of(path) for path in built.rglob("*.html")}


def references(tree: Element) -> Iterator[tuple[str, str]]:
    """Yield tag and address of everything that a page leads to or loads."""
    for element in tree.iter("a", "link", "script", "img", "object", "source", "iframe"):
        for name in ("href", "src", "data"):
            if (address := element.get(name)) is not None:
                yield element.tag, address


def test_links_and_anchors_lead_somewhere(built: Path) -> None:
    pages = trees(built)
    ids = {path: {each.get("id") for each in tree.iter()} for path, tree in pages.items()}
    dead = []
    for path, tree in pages.items():
        for _, address in references(tree):
            if urlsplit(address).scheme:
                continue
            place, anchor = urldefrag(address)
            target = (path.parent / unquote(urlsplit(place).path)).resolve() if place else path
            if not target.exists() or (anchor and target in ids and unquote(anchor) not in ids[target]):
                dead.append((path.name, address))
    assert dead == []


def test_a_page_loads_nothing_from_elsewhere(built: Path) -> None:
    loaded = {
        address
        for tree in trees(built).values()
        for tag, address in references(tree)
        if tag != "a" and urlsplit(address).netloc
    }
    assert loaded == set()


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_pages_are_there(built: Path) -> None:
    for page in (ROOT / "man").iterdir():
        tree = tree_of(built / "manual" / f"{page.name}.html")
        assert tree.xpath("count(//h2[@id='SEE_ALSO'])") == 1
        assert tree.xpath("count(//h1)") == 1


def test_every_manual_page_has_its_page() -> None:
    assert {path.stem for path in (DOCS / "manual").glob("*.md")} == {path.name for path in (ROOT / "man").iterdir()}
