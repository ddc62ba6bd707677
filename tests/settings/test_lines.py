"""Line numbers are right, whatever is written around a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings.lines import KeyPath, line_of

TEXT = '''\
# a comment
[pbx]   # another
master = "a"
users = { hidden = true, include = { names = ["x", "y",
   "z"] } }
words = [
  "a", # c
  3,

  """b
c""", 4
]

[presence.mapping]
busy = true
[exchange]
a.b.c = 1
a.b.d = """
"""
e = 5
[presence]
language = 'a'
[[twice]]
y = 1
[[twice]]
y = 2
[q.r]
t = 1
["a.b"."c]d"]
e = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("pbx",), 2),
        (("pbx", "master"), 3),
        (("pbx", "users"), 4),
        (("pbx", "users", "hidden"), 4),
        (("pbx", "users", "include", "names", 2), 5),
        (("pbx", "words", 0), 7),
        (("pbx", "words", 1), 8),
        (("pbx", "words", 2), 10),
        (("pbx", "words", 3), 11),
        (("presence", "mapping"), 14),
        (("presence", "mapping", "busy"), 15),
        (("exchange", "a"), 17),
        (("exchange", "a", "b", "c"), 17),
        (("exchange", "a", "b", "d"), 18),
        (("exchange", "e"), 20),
        (("presence", "language"), 22),
        (("twice",), 23),
        (("twice", 1), 25),
        (("twice", 1, "y"), 26),
        (("q",), 27),
        (("q", "r", "t"), 28),
        (("a.b", "c]d"), 29),
        (("a.b", "c]d", "e"), 30),
    ],
)
def test_each_way_of_writing_a_value_has_its_line(path: KeyPath, line: int) -> None:
    assert line_of(TEXT, path) == line
    assert line_of(TEXT.replace("\n", "\r\n"), path) == line


def test_what_is_not_there_is_on_the_line_of_the_table_that_it_would_be_in() -> None:
    assert line_of(TEXT, ("pbx", "nothing")) == 2
    assert line_of(TEXT, ("presence", "mapping", "nothing")) == 14


def test_what_has_no_table_either_has_no_line() -> None:
    assert line_of(TEXT, ("nothing", "at all")) is None
    assert line_of("", ("nothing",)) is None


NAMES = st.sampled_from(["a", "b", "c-d", '"e f"', "'g.h'", '"#"', '"[i]"'])
ENTRIES = st.sampled_from(["1", "true", '"x # y"', "'=]'", "1979-05-27", "2.5", '"""p\nq"""', "'''\nr\n'''"])
GAPS = st.sampled_from(["", " ", "\n", "\n\n  ", " # ] } , [x]\n"])
PREFACES = st.sampled_from(["", "\n", "# [a]\n", "  \n\t# a = 1\n", "  "])
ENDS = st.sampled_from(["", "  ", " # b = [", "\t#"])


class Writer:
    """Writes a document piece by piece and notes the line that each value begins on."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[KeyPath, int] = {}

    def begin(self, path: KeyPath) -> None:
        self.lines[path] = self.text.count("\n") + 1


def unquoted(name: str) -> str:
    return name.strip("\"'")


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    writer = Writer()
    for number, table in enumerate(["", *draw(st.lists(NAMES, unique=True, max_size=3))]):
        above: KeyPath = ()
        if number:
            above = (f"t{number}", unquoted(table))
            writer.text += draw(PREFACES)
            writer.begin(above)
            writer.text += f"[t{number}.{table}]{draw(ENDS)}\n"
        for name in draw(st.lists(NAMES, unique=True, max_size=4)):
            writer.text += draw(PREFACES)
            writer.begin((*above, unquoted(name)))
            writer.text += f"{name}{draw(st.sampled_from(['=', ' = ']))}"
            _write_value(draw, writer, (*above, unquoted(name)))
            writer.text += f"{draw(ENDS)}\n"
    return writer


def _write_value(draw: st.DrawFn, writer: Writer, path: KeyPath) -> None:
    shape = draw(st.sampled_from(["plain", "list", "table"]))
    if shape == "plain":
        writer.text += draw(ENTRIES)
    elif shape == "list":
        writer.text += "["
        for index in range(draw(st.integers(0, 3))):
            writer.text += draw(GAPS)
            writer.begin((*path, index))
            writer.text += f"{draw(ENTRIES)}{draw(GAPS)},"
        writer.text += f"{draw(GAPS)}]"
    else:
        writer.text += "{"
        for index in range(draw(st.integers(0, 2))):
            writer.text += ", " if index else " "
            writer.begin((*path, f"k{index}"))
            writer.text += f"k{index} = {draw(ENTRIES)}"
        writer.text += " }"


@pytest.mark.slow
@given(documents())
def test_every_value_of_any_document_has_the_line_that_it_was_written_on(writer: Writer) -> None:
    assert {path: line_of(writer.text, path) for path in writer.lines} == writer.lines
