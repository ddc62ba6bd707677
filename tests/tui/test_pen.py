"""What is left out of what is written to the terminal changes nothing of the picture."""

import pyte
from hypothesis import given
from hypothesis import strategies as st

from calendar_tui.picture import Picture

CODES = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "4",
        "7",
        "22",
        "24",
        "27",
        "39",
        "49",
        "31",
        "96",
        "44",
        "38;5;75",
        "48;5;233",
        "38;2;1;2;3",
        "1;38;5;209",
    ]
)
STYLES = st.lists(CODES, min_size=1, max_size=3).map(lambda codes: f"\x1b[{';'.join(codes)}m")
WIDTH, HEIGHT = 46, 4
ROWS = st.integers(1, HEIGHT)
MOVES = st.tuples(ROWS, st.integers(1, 14)).map(lambda at: f"\x1b[{at[0]};{at[1]}H")
TEXTS = st.from_regex("[ab ä●漢][ab ä●漢e\u0301]{0,4}", fullmatch=True)
RUNS = st.tuples(MOVES, TEXTS, STYLES, TEXTS, TEXTS).map("".join)
ENDS = st.tuples(ROWS, st.text("ab ●", min_size=1, max_size=3)).map(lambda end: f"\x1b[{end[0]};{WIDTH - 2}H{end[1]}")
REST = st.tuples(MOVES, st.sampled_from(["\x1b[K", "\r\n", "\x1b[?2026h", "\x1b[2C", "\x07"])).map("".join)
PARTS = st.lists(st.one_of(STYLES, RUNS, RUNS, RUNS, ENDS, REST), max_size=20)


@given(PARTS, st.integers(1, 3))
def test_the_picture_is_the_same(parts: list[str], at_once: int) -> None:
    picture = Picture(WIDTH, HEIGHT)
    writes = ["".join(parts[start : start + at_once]) for start in range(0, len(parts), at_once)]
    shown, frugal = screen(writes), screen([picture.changes(each) for each in writes])
    assert cells(shown) == cells(frugal)
    assert shown.cursor.y == frugal.cursor.y
    assert min(shown.cursor.x, WIDTH - 1) == min(frugal.cursor.x, WIDTH - 1)  # behind the last column is on it


def screen(parts: list[str]) -> pyte.Screen:
    shown = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(shown)
    stream.feed("\x1b[?7l")
    for part in parts:
        stream.feed(part)
    return shown


def cells(shown: pyte.Screen) -> list[tuple[object, ...]]:
    """What can be seen of each cell: of a blank one neither the colour nor the weight of a letter."""
    found: list[tuple[object, ...]] = []
    for y in range(HEIGHT):
        for x in range(WIDTH):
            cell = shown.buffer[y][x]
            seen = cell.data.strip() or cell.reverse or cell.underscore
            found.append((cell.data, cell.bg, cell.reverse, cell.underscore, *((cell.fg, cell.bold) if seen else ())))
    return found


def test_what_is_shown_or_in_force_is_not_written_again() -> None:
    picture = Picture(80, 24)
    segment = "\x1b[38;5;252;48;5;233m{}\x1b[0m"
    start = "\x1b[1;1H"
    one_two = start + segment.format("one") + segment.format("two")
    assert picture.changes(one_two) == f"{start}\x1b[38;5;252;48;5;233monetwo"
    assert picture.changes(one_two + start) == start
    assert picture.changes(start + segment.format("one two") + start) == f"one two{start}"
    assert picture.changes(start + segment.format("one twx") + start) == f"\x1b[6Cx{start}"
    assert picture.changes("\x1b[1;38;5;75;48;5;233mkey\x1b[0m") == "\x1b[1;38;5;75mkey"
    assert picture.changes("\x1b[3;4H" + segment.format("three")) == "\x1b[3;4H\x1b[22;38;5;252mthree"
    picture.changes("\x1b[?1049h")
    assert "three" in picture.changes("\x1b[3;4H" + segment.format("three"))
