"""The commands that show the nodes of a cluster and steer them."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.api.errors import RequestRefused
from engine.cli import nodes, status
from engine.cli.commands import make_parser
from engine.cli.exit_codes import FAILED, WELL
from engine.cluster.requests import ReadingRequest, reading_request
from engine.sync.halts import AnotherWriter
from tests.support.seen_member import A, SeenMember, access, seen
from tests.support.served_engine import ServedEngine, people, served_engine

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    async def run(served: ServedEngine, *arguments: str) -> tuple[int, str, str]:
        options = make_parser().parse_args(["cluster", *arguments])
        code = await nodes._run(options, served.socket)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


async def test_nodes_are_shown_drained_and_resumed(tmp_path: Path, run: Run) -> None:
    other = replace(A, name="b", is_own=False, shards=3, halted=0)
    member = SeenMember(found=seen(0, None, other))
    async with served_engine(tmp_path, people(2)) as served:
        served.api_state.cluster = access(member)
        await served.settled()
        code, out, _ = await run(served, "status")
        row = " ✓ a (this)               working    share         8       2    0.4 s         3"
        assert (code, out.splitlines()[1].startswith(row)) == (WELL, True)
        code, out, _ = await run(served, "drain", "b", "--json")
        drained = {each["name"]: each["condition"] for each in json.loads(out)["state"]["nodes"]}
        assert (code, drained) == (WELL, {"a": "working", "b": "drained"})
        code, out, _ = await run(served, "undrain", "b")
        assert (code, "drained" in out) == (WELL, False)
        member.halted = AnotherWriter("1 shard")
        assert (await run(served, "resume"))[0] == WELL
        assert access(member).problems() == ()
        assert member.found is not None
        member.found = replace(member.found, ownerless=2, ownerless_for=timedelta(seconds=10))
        assert (await run(served, "status"))[0] == FAILED
        with pytest.raises(RequestRefused, match="no such node"):
            await run(served, "drain", "c")
        assert [(each.action, each.subject) for each in served.api_state.audit.entries()] == [
            ("resume", "node a"),
            ("undrain", "node b"),
            ("drain", "node b"),
        ]


async def test_an_engine_that_works_alone_shows_that_and_has_nothing_to_drain(tmp_path: Path, run: Run) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        assert await run(served, "status") == (
            WELL,
            "This engine works alone: it shares its users with no other.\n",
            "",
        )
        with pytest.raises(RequestRefused, match="works alone"):
            await run(served, "drain")


async def test_users_of_others_are_read_again_by_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = SeenMember()
    async with served_engine(tmp_path, ()) as served:
        served.api_state.cluster = access(member)
        assert await status._run(make_parser().parse_args(["resync"]), served.socket) == WELL
    assert capsys.readouterr().out == "Reading calendars again: the nodes that have these users were asked to.\n"
    assert list(map(reading_request, member.told)) == [ReadingRequest("a", "resync", None)]


async def test_a_node_that_nobody_can_relieve_is_told_to_keep_its_users(tmp_path: Path, run: Run) -> None:
    alone = SeenMember(found=seen())

    async def drain(node: str, *, is_draining: bool) -> bool:
        alone.found = replace(seen(), nodes=(replace(A, is_draining=is_draining),))
        return True

    alone.drain = drain  # type: ignore[method-assign]
    async with served_engine(tmp_path, people(1)) as served:
        served.api_state.cluster = access(alone)
        _, _, err = await run(served, "drain")
        assert err == "No other node can take its users at the moment.\n"
