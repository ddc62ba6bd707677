"""The pages of the documentation, and what is in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = tuple(sorted(path.relative_to(ROOT).as_posix() for path in DOCS.glob("*.md")))
WITH_README = (*PAGES, "README.md", "packaging/README.md")


def text_of(page: str) -> str:
    """Return the text of a page, by its path in the repository."""
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> Iterator[str]:
    """Yield the blocks of code in a language, without their indentation."""
    for indent, block in re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text_of(page), re.M | re.S):
        yield re.sub(rf"^{indent}", "", block, flags=re.M)


def spans(page: str) -> Iterator[str]:
    """Yield what stands between backticks within a line."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.M | re.S)
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose):
        yield " ".join(span.split())
