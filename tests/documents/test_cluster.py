"""The cluster for people, as `calendar-engine cluster status` prints it and the terminal program shows it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from engine.api.schema import Trouble
from engine.api.schema.cluster import Cluster, ClusterDatabase, ClusterNode, ClusterState, EndedTerm
from engine.documents.cluster import cluster_document, node_lines
from engine.documents.columns import columns
from tests.support.cluster_state import NINE, SILENT, UP, A, B, cluster_state, node

BERLIN = ZoneInfo("Europe/Berlin")
AWAY = ClusterDatabase(
    place="db.corp.example/calendar",
    state="away",
    trouble=Trouble(
        type="database-away",
        title="The shared database cannot be used at the moment",
        detail="connection refused",
        remedy="Check that PostgreSQL is running.",
        fault="server",
        scope="the whole service",
    ),
    since=NINE - timedelta(minutes=7),
)


def text(state: ClusterState | None, width: int = 80, *ended: EndedTerm) -> list[str]:
    document = cluster_document(Cluster(is_member=state is not None, state=state, ended=ended), BERLIN, NINE, width)
    return [line.text.rstrip() for line in document]


def overview(state: ClusterState, width: int = 80, most: int = 4) -> list[str]:
    return [line.text.rstrip() for line in node_lines(state, BERLIN, NINE, width, most)]


def test_nodes_shards_and_database_in_columns() -> None:
    gone = EndedTerm(
        node="c", began=NINE - timedelta(hours=3), ended=NINE - timedelta(minutes=5), by="a", by_itself=False
    )
    left = replace(gone, node="d", ended=NINE - timedelta(days=1, minutes=1), by="d", by_itself=True)
    assert text(cluster_state(), 80, gone, left) == [
        "   node                   state      role     shards   users     beat  settings",
        " ✓ a (this)               working    share        32      13    0.4 s        42",
        " ✓ b                      working    share        31      12    1.2 s        42",
        "",
        " Shards    ✓ all 64 have an owner · lease 10 s, confirmed 0.4 s ago",
        " Database  ✓ up  db.corp.example/calendar",
        "           its clock is 0.0 s ahead of this machine's; nothing depends on that",
        "",
        " Ended within the last day",
        "   09:55        c was gone without a word, noted by a, after 2 h",
        "   01 Mar 09:59 d has left, after 0 s",
    ]


def test_what_is_amiss_is_told_with_what_to_do() -> None:
    database = replace(AWAY, changed=NINE - timedelta(minutes=30))
    amiss = cluster_state(A, B, SILENT, database=database, ownerless=1, ownerless_seconds=12.4, takeovers=31)
    assert text(amiss)[3:] == [
        " ✗ c                      silent     share         1       1   14.0 s      ! 41",
        "     It was not heard of for the time of a lease: others take its users. Look",
        "     at its machine.",
        "     Settings 41 are in force on it; 42 is the newest version.",
        "",
        " Shards    ! 1 of 64 have no owner for 12 s · lease 10 s, confirmed 0.4 s ago",
        "           a has taken 31 shards of nodes that were gone.",
        " Database  ✗ away  db.corp.example/calendar",
        "           The shared database cannot be used at the moment: connection refused",
        "           Check that PostgreSQL is running.",
        "           changed at 09:30: another run of its server, or another server",
    ]


def test_a_node_that_has_stopped_writing_says_so_with_the_command_that_ends_it() -> None:
    halted = replace(B, halted=2)
    assert text(cluster_state(A, halted))[3:6] == [
        "     It does not write 2 shards, which another program wrote as well. Stop that",
        "     one, then: calendar-engine cluster resume b",
        "",
    ]
    assert overview(cluster_state(A, halted))[1].endswith("31 shards  ! writing halted")


def test_shards_that_change_hands_are_nothing_to_worry_about() -> None:
    moving = cluster_state(ownerless=1, ownerless_seconds=0.4)
    assert text(moving)[4] == " Shards    … 1 of 64 about to be taken · lease 10 s, confirmed 0.4 s ago"
    assert len(overview(moving)) == 2


def test_an_engine_that_works_alone_says_so() -> None:
    assert text(None) == ["This engine works alone: it shares its users with no other."]


def test_versions_that_differ_and_a_process_that_waits_are_told() -> None:
    state = cluster_state(A, replace(B, version="1.3.0"), node="c", member=False)
    assert text(state)[3:5] == [
        "   c, which answers, waits to become a member.",
        "   The versions differ: a 1.2.0, b 1.3.0.",
    ]
    assert text(state, 120)[1].endswith("42  1.2.0")


def test_below_the_links_of_an_overview_a_line_for_each_node() -> None:
    late = replace(B, quiet_seconds=6.2, settings=41, behind=True)
    assert overview(cluster_state(A, late, SILENT)) == [
        " a         ✓ working   this node          13 users  32 shards",
        " b         ✓ working   no beat for 6 s    12 users  31 shards  ! settings 41",
        " c         ✗ silent    no beat for 14 s   1 user  1 shard  ! settings 41",
    ]
    standby = node("d", role="standby", condition="standby", users=0, shards=0)
    waiting = cluster_state(A, standby, member=False, node="e", ownerless=3, ownerless_seconds=14, database=AWAY)
    assert overview(waiting) == [
        " a         ✓ working   this node          13 users  32 shards",
        " d         · standby   standby            0 users  0 shards",
        " e         · waiting to be a member",
        " Shards    ! 3 of 64 without an owner for 14 s",
        " Database  ✗ away      since 09:53",
    ]


def test_a_long_name_keeps_both_ends() -> None:
    names = [node(f"calendar-engine-frankfurt-{number}") for number in (1, 2)]
    assert [each.split()[0] for each in overview(cluster_state(*names))] == ["calendar…kfurt-1", "calendar…kfurt-2"]
    assert [each[3:25].rstrip() for each in text(cluster_state(*names))[1:3]] == [
        "calendar-en…rankfurt-1",
        "calendar-en…rankfurt-2",
    ]


def test_another_run_of_the_server_is_told_for_an_hour() -> None:
    for minutes, is_told in ((59, True), (61, False)):
        state = cluster_state(database=replace(UP, changed=NINE - timedelta(minutes=minutes)))
        lines = overview(state)[2:]
        assert lines == (
            [" Database  ! changed   at 09:01: another run of the server, or another one"] if is_told else []
        )


def test_many_nodes_are_not_cut_without_a_word() -> None:
    many = [node(f"node-{number}") for number in range(7)]
    assert overview(cluster_state(*many))[3:] == [" … 4 more nodes; N shows all"]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", ["b", "calendar-engine-frankfurt-2"])
def test_nothing_is_wider_than_there_is_room(width: int, name: str) -> None:
    each: ClusterNode = node(name, users=123_456, settings=123_456, behind=True, version="1.2.0.dev42+g0123456789ab")
    state = cluster_state(
        each, replace(A, condition="not able"), database=replace(UP, place="x" * 300), settings=123_457
    )
    for lines in (overview(state, width), text(state, width) if width >= 80 else []):
        assert all(columns(line) <= width for line in lines), lines
