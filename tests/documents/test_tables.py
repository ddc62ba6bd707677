"""Tables for spreadsheets hold texts, whatever they begin with."""

import pytest

from engine.documents.tables import as_csv


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1", "-2", "@sum", "\tx", "\r=x"])
def test_no_cell_is_a_formula(text: str) -> None:
    written = as_csv(("a",), [(text,)]).splitlines()[1].strip('"')
    assert written.startswith("'")
    assert written.isprintable()


def test_what_stands_between_commas_is_quoted() -> None:
    assert as_csv(("a", "b"), [("x, y", 'say "so"')]) == 'a,b\r\n"x, y","say ""so"""\r\n'
