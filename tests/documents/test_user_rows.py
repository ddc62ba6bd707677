"""Users as lines of a table, also those whom other nodes work for."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from engine.api.schema import UserRow
from engine.api.user_index import UserIndex
from engine.documents.columns import columns
from engine.documents.user_rows import heads, table, user_line, users_document, widths_of

NOW = datetime(2026, 11, 30, 10, 26, tzinfo=UTC)
OWN = UserRow(
    guid="a",
    name="anna.mueller",
    display_name="Anna Müller",
    mailbox="anna.mueller@corp.example",
    activity="busy",
    note="Busy: Angebot für den Kunden in Wien until 10:45am",
    until=NOW.replace(minute=45),
    state="current",
    last_read=NOW.replace(hour=9, minute=20),
)
ELSEWHERE = replace(OWN, owner="b", mailbox=None, last_read=None)


def text(row: UserRow, width: int) -> str:
    return user_line(row, UTC, NOW, widths_of(width)).text.rstrip()


def test_a_user_of_another_node_is_listed_with_its_name() -> None:
    assert text(OWN, 80) == "  ● busy       Anna Müller           Busy: Angebot für den Kund…  10:45  09:20"
    assert text(ELSEWHERE, 80) == "  ● busy       Anna Müller           Busy: Angebot für …  node b  10:45"
    unknown = replace(ELSEWHERE, activity=None, note="", until=None, owner="")
    assert text(unknown, 80) == "  ? unknown    Anna Müller                               no node"
    assert text(ELSEWHERE, 54) == "  ● busy      Anna Müller          10:45  An…  node b"


@pytest.mark.parametrize("width", [40, 54, 80, 120])
@pytest.mark.parametrize("owner", ["b", "calendar-engine-frankfurt-2"])
def test_columns_stay_where_they_are(width: int, owner: str) -> None:
    row = replace(ELSEWHERE, owner=owner)
    assert columns(text(row, width)) <= width
    assert columns(heads(widths_of(width)).text) <= width


def test_nothing_is_cut_where_there_is_no_edge() -> None:
    _, line = users_document([ELSEWHERE], UTC, NOW, 10_000)
    assert f"  {ELSEWHERE.note}  node b  " in line.text


def test_the_table_for_spreadsheets_names_the_node_where_there_are_others() -> None:
    assert table([OWN]).splitlines()[0].endswith("would show,read")
    heads_, own, other = table([OWN, ELSEWHERE]).splitlines()
    assert (heads_.split(",")[-1], own.split(",")[-1], other.split(",")[-1]) == ("node", "", "b")


def test_users_of_a_node_are_found_by_its_name() -> None:
    index = UserIndex()
    index.put(OWN)
    index.put(replace(ELSEWHERE, guid="b"))
    assert index.find("node b", "name", descending=False) == ["b"]
