"""Tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

from engine.display import visible

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with commas between the columns (RFC 4180), without what a spreadsheet would take for a formula,
    nor anything that cannot be seen."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([[_cell(each) for each in row] for row in rows])
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{visible(text)}" if text.startswith(_FORMULAS) else visible(text)
