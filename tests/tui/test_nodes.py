"""The engines that share the users, in the overview and in a view of their own."""

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

from calendar_tui.documents.overview import nodes
from calendar_tui.documents.users import summary
from calendar_tui.model import Query
from engine.api.schema import UserRow
from engine.api.schema.log import CaptureState
from engine.documents.lines import Role
from engine.documents.log_status import capture_line, kept_by
from engine.store.errors import DatabaseAway
from engine.sync.halts import AnotherWriter
from tests.support.cluster_state import SILENT, A, B, cluster_state
from tests.support.seen_member import A as NODE_A
from tests.support.seen_member import SeenMember, access, seen
from tests.support.served_engine import people, served_engine
from tests.support.tui import terminal
from tests.tui.test_overview import model


def test_the_overview_has_a_line_for_each_node_and_none_for_an_engine_alone() -> None:
    assert nodes(model(), 80, 4) == []
    this = model(cluster=cluster_state(A, B, SILENT))
    assert [line.text.rstrip() for line in nodes(this, 80, 4)] == [
        " a         ✓ working   this node          13 users  32 shards",
        " b         ✓ working   share              12 users  31 shards",
        " c         ✗ silent    no beat for 14 s   1 user  1 shard  ! settings 41",
    ]
    this.attach(Path("/run/engine.sock"))
    this.lose(ConnectionRefusedError(), timedelta(seconds=3))
    stale = nodes(this, 80, 4)
    assert stale[0].text.startswith(" a         ? unknown   was working        13 users")
    assert {span.role for line in stale for span in line.spans if span.text.strip()} == {Role.MUTED}


async def test_a_node_is_drained_and_undrained_once_that_is_confirmed(tmp_path: Path) -> None:
    other = replace(NODE_A, name="b", is_own=False, shards=3)
    member = SeenMember(found=seen(0, None, other))
    async with served_engine(tmp_path, people(2)) as served:
        served.api_state.cluster = access(member)
        async with terminal(served.socket) as shown:
            await shown.shows(" b         ✓ working   share")
            await shown.press("N")
            await shown.shows("✓ a (this)")
            await shown.press("down", "d")
            await shown.shows("Drain b? The other nodes take all its users.")
            await shown.press("n")
            assert member.found is not None
            assert not any(each.is_draining for each in member.found.nodes)
            await shown.press("d", "y")
            await shown.shows("! b                      drained")
            await shown.press("u", "y")
            await shown.shows("✓ b                      working")
            await shown.press("r")
            await shown.shows("b has not stopped writing.")
            await shown.press("home")
            member.found = replace(member.found, nodes=(replace(NODE_A, halted=1), other))
            await shown.shows("calendar-engine cluster resume a")
            member.halted = AnotherWriter("1 shard")
            await shown.press("r", "y")
            await shown.eventually(lambda: member.halted is None)
            member.away, member.away_for = DatabaseAway("connection refused"), timedelta(seconds=30)
            await shown.shows("✗ away  db.corp.example/calendar")
            await shown.press("escape")
            await shown.shows("✗ The shared database cannot be used at the moment")
            await shown.shows(" Database  ✗ away      since")
        assert [(each.action, each.subject) for each in served.api_state.audit.entries()] == [
            ("resume", "node a"),
            ("undrain", "node b"),
            ("drain", "node b"),
        ]


def test_the_list_says_how_many_users_are_of_this_node() -> None:
    this = model(cluster=cluster_state(A, B), users=13, up_to_date=13)
    this.users.replace(
        [UserRow(guid="a", name="a", display_name="A", mailbox=None, activity=None, note="", state="current")]
    )
    assert "".join(span.text for span in summary(this, Query(), 1)) == "1 user   13 here · 13 up to date"


def test_the_log_says_whose_it_is() -> None:
    state = CaptureState(
        on=True,
        peers=("exchange", "pbx"),
        mailboxes=(),
        until=None,
        actor="",
        subjects=True,
        captured=131,
        dropped=0,
        trouble="",
        stored=131,
        bytes=344_000,
        max_bytes=256_000_000,
        max_days=7,
        oldest=None,
        newest=131,
    )
    assert capture_line(state, UTC, 80, "a").text == " ● capturing everybody · 131 kept by node a · 344 kB of 256 MB"
    assert kept_by(cluster_state(A, B)) == (
        "This log is kept by node a. Those of b are kept there: give the same command on their machines."
    )
    assert kept_by(cluster_state(A)) == "This log is kept by node a."
