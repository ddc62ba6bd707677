"""Whoever is not written at a time gets no write, whatever is decided and however the settings change."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.settings.model import EngineSettings, PbxSettings
from tests.support.clock import ManualClock
from tests.support.quiescence import QuiescentLoop, quiescence
from tests.sync.writing import RecordingLink, running_writer

GUIDS = "abcd"
PRESENCES = [CLEARED, Presence("busy", "until 10"), Presence("away", "until noon")]
PBX = PbxSettings(master="m", writes_per_second=1000)

modes = st.builds(
    EngineSettings,
    dry_run=st.booleans(),
    pilots=st.lists(st.sampled_from([*(f"user {guid}" for guid in GUIDS), "USER ?", "nobody"]), max_size=3).map(tuple),
)
decided = st.tuples(st.sampled_from(GUIDS), st.sampled_from(PRESENCES))
steps = st.lists(st.one_of(modes, decided, st.just("take out")), max_size=12)


async def live(history: Sequence[EngineSettings | tuple[str, Presence] | str], directory: Path) -> None:
    link, clock, mode = RecordingLink(), ManualClock(), EngineSettings()
    async with running_writer(link, GUIDS, directory, clock, per_second=1000) as harness:
        writer, participants = harness.writer, harness.participants
        writer.link_is_up()
        for step in history:
            written = len(link.writes)
            match step:
                case EngineSettings():
                    mode = step
                    writer.adjust(PBX, mode)
                case (str(guid), Presence() as presence):
                    harness.desire(guid, presence)
                case _:
                    for guid in writer.withheld.left():
                        link.shown[f"user {guid}"] = writer.withheld.shown(guid).acknowledged or CLEARED
                        async with asyncio.TaskGroup() as group:
                            group.create_task(writer.take_out(participants[guid].user))
                            await quiescence()
                            await clock.advance(1)
                    assert writer.withheld.left() == ()
            for _ in range(3):
                await clock.advance(1)
                await quiescence()
            for guid, presence in link.writes[written:]:
                assert mode.writes(participants[guid].user) or (presence == CLEARED and step == "take out")
        for guid in GUIDS:
            wanted = participants[guid].desired
            if mode.writes(participants[guid].user) and wanted is not None:
                assert writer.withheld.shown(guid).acknowledged == wanted
                assert writer.withheld.why(guid) is None
                assert writer.withheld.presence(guid) is None


@pytest.mark.property
@pytest.mark.slow
@settings(max_examples=40)
@given(steps)
def test_nothing_is_written_for_who_is_not_written(
    history: list[EngineSettings | tuple[str, Presence] | str],
) -> None:
    with TemporaryDirectory() as directory, asyncio.Runner(loop_factory=QuiescentLoop) as runner:
        runner.run(live(history, Path(directory)))


@pytest.mark.parametrize(
    ("pilots", "live"),
    [((), True), (("anna.*",), True), (("ANNA.Mueller",), True), (("anna",), False), (("b*", "anna.m?eller"), True)],
)
def test_pilots_are_matched_as_the_names_of_a_selection(pilots: tuple[str, ...], live: bool) -> None:
    user = User(guid="1", name="anna.mueller", display_name="Anna Müller")
    assert EngineSettings(pilots=pilots).writes(user) is live
    assert not EngineSettings(dry_run=True, pilots=pilots).writes(user)
