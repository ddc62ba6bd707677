"""Tests of the writer: who may be written to, pace, writes in flight, newest values, retries."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.backoff import JITTER
from engine.core.claims import UNLIMITED, Claim
from engine.core.errors import EngineMistake
from engine.core.presence.model import Presence
from engine.pbx.errors import PresenceRefused, PresenceUnanswered
from engine.settings.model import EngineSettings, PbxSettings
from engine.sync.events import PresenceConfirmed, UserTrouble
from engine.sync.sender import REFUSED
from engine.sync.writer import UNANSWERED
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.quiescence import quiescence
from tests.sync.writing import RecordingLink, running_writer

BUSY, AWAY = Presence("busy", "until 10"), Presence("away", "until noon")


async def test_nobody_is_written_to_before_it_is_certain_that_this_is_the_master(tmp_path: Path) -> None:
    link = RecordingLink()
    async with running_writer(link, "abc", tmp_path, ManualClock()) as harness:
        for guid in "abc":
            harness.desire(guid, BUSY)
            harness.writer.user_is_certain(guid)
        await quiescence()
        assert link.writes == []
        harness.writer.link_is_up()
        await eventually(lambda: link.writes)


async def test_while_users_are_copied_those_already_seen_are_written_and_no_others(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    async with running_writer(link, "abc", tmp_path, clock) as harness:
        for guid in "abc":
            harness.desire(guid, BUSY)
        harness.writer.user_is_certain("a")
        harness.writer.master_is_certain()
        await eventually(lambda: link.writes == [("a", BUSY)])
        harness.writer.user_is_certain("b")
        await clock.advance(1)
        await eventually(lambda: link.writes == [("a", BUSY), ("b", BUSY)])
        await quiescence()
        assert not harness.writer.is_idle()
        harness.writer.link_is_down()
        harness.desire("b", AWAY)
        await quiescence()
        assert len(link.writes) == 2


async def test_the_pace_is_kept_to_the_millisecond(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    guids = [str(number) for number in range(60)]
    async with running_writer(link, guids, tmp_path, clock, per_second=10) as harness:
        for guid in guids:
            harness.desire(guid, BUSY)
        harness.writer.link_is_up()
        for due in (1, 11, 21, 31, 41, 51):
            await quiescence()
            assert len(link.writes) == due
            await clock.advance(1)
        await eventually(lambda: harness.writer.is_idle())
        assert len(link.writes) == 60


async def test_several_engines_share_the_pace(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    guids = [str(number) for number in range(20)]
    async with running_writer(link, guids, tmp_path, clock, per_second=4, in_flight=1) as harness:
        harness.writer.share_with(2)
        harness.writer.link_is_up()
        for guid in guids:
            harness.desire(guid, BUSY)
        for engines, due in ((2, 3), (100, 5), (1, 6), (1, 7)):
            harness.writer.share_with(engines)
            await quiescence()
            await clock.advance(1)
            await quiescence()
            assert len(link.writes) == due
            harness.writer.adjust(PbxSettings(master="m", writes_per_second=4, writes_in_flight=1), EngineSettings())
        for _ in range(4):
            await clock.advance(0.25)
            await quiescence()
        assert len(link.writes) == 11


async def test_no_more_than_set_wait_for_an_answer_and_for_their_turn(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    link.silent = True
    guids = [str(number) for number in range(500)]
    async with running_writer(link, guids, tmp_path, clock, per_second=1000, in_flight=7) as harness:
        harness.writer.link_is_up()
        for _ in range(3):
            for guid in guids:
                harness.desire(guid, BUSY)
        await quiescence()
        await clock.advance(1)
        await quiescence()
        assert link.most_at_once == len(link.writes) == 7
        assert len(asyncio.all_tasks()) < 7 + 10


async def test_only_the_newest_desire_is_sent(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    async with running_writer(link, "ab", tmp_path, clock, per_second=1) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        await eventually(lambda: link.writes)
        for presence in (BUSY, AWAY, Presence("dnd"), AWAY):
            harness.desire("b", presence)
            await quiescence()
        await clock.advance(1)
        await eventually(lambda: harness.writer.is_idle())
        assert link.writes == [("a", BUSY), ("b", AWAY)]


async def test_a_write_without_an_answer_is_tried_again_later_and_later(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    link.failures = [PresenceUnanswered("SetPresence was not answered") for _ in range(9)]
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        pauses = []
        while True:
            await quiescence()
            if harness.writer.is_idle():
                break
            assert clock.next_alarm is not None
            pauses.append((clock.next_alarm - clock.now()).total_seconds())
            await clock.advance_to(clock.next_alarm)
        steps = [step.total_seconds() for step in UNANSWERED.steps]
        full = [steps[min(n, len(steps) - 1)] for n in range(9)]
        assert all((1 - JITTER) * step <= pause <= step for pause, step in zip(pauses, full, strict=True))
        (told,) = [each for each in harness.events if isinstance(each, UserTrouble)]
        assert isinstance(told.failure, PresenceUnanswered)
        assert harness.participants["a"].refusal is None, "it was answered in the end"
        assert len(link.writes) == 10
        assert len(link.reads) == 10, "each time the PBX is asked first what it shows"


async def test_what_arrived_although_it_was_not_answered_is_not_sent_again(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    link.failures = [PresenceUnanswered("SetPresence was not answered") for _ in range(2)]
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        await quiescence()
        await clock.advance(10)
        await eventually(lambda: harness.participants["a"].refusal)
        link.shown["user a"] = BUSY
        await clock.advance(20)
        await eventually(lambda: harness.writer.is_idle())
        assert len(link.writes) == 2
        assert harness.participants["a"].refusal is None


async def test_a_refused_presence_is_tried_again_later_and_later_while_the_link_is_up(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    link.failures = [PresenceRefused("object locked") for _ in range(9)]
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        pauses = []
        while True:
            await eventually(harness.writer.is_idle)
            harness.desire("a", BUSY)  # said again, but not another one
            await eventually(harness.writer.is_idle)
            if harness.participants["a"].refusal is None:
                break
            assert clock.next_alarm is not None
            pauses.append(clock.next_alarm - clock.now())
            await clock.advance_to(clock.next_alarm)
        full = [REFUSED.steps[min(n, len(REFUSED.steps) - 1)] for n in range(9)]
        assert all((1 - JITTER) * step <= pause <= step for pause, step in zip(pauses, full, strict=True))
        assert len(link.writes) == 10
        assert [each.presence for each in harness.events if isinstance(each, PresenceConfirmed)] == [BUSY]


async def test_a_refused_presence_is_tried_again_at_once_when_it_can_help(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    link.failures = [PresenceRefused("object locked"), PresenceRefused("object locked")]
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        await eventually(lambda: harness.writer.is_idle() and link.writes)
        assert link.writes == [("a", BUSY)]
        (trouble,) = [each for each in harness.events if isinstance(each, UserTrouble)]
        assert "object locked" in str(trouble.failure)

        await clock.advance(1)
        harness.desire("a", AWAY)
        await eventually(lambda: len(link.writes) == 2)
        await clock.advance(1)
        harness.writer.link_is_down()
        harness.writer.link_is_up()
        await eventually(lambda: len(link.writes) == 3)
        await eventually(lambda: harness.writer.is_idle())
        assert harness.participants["a"].refusal is None
        assert [each.presence for each in harness.events if isinstance(each, PresenceConfirmed)] == [AWAY]


async def test_who_is_renamed_while_being_asked_about_is_asked_again_and_not_written(tmp_path: Path) -> None:
    class Renaming(RecordingLink):
        async def read_presence(self, user_name: str) -> Presence:
            await super().read_presence(user_name)
            if user_name == "user a":
                participant = harness.participants["a"]
                participant.user = replace(participant.user, name="new name")
                raise PresenceRefused("unknown user")
            return BUSY

    link, clock = Renaming(), ManualClock()
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        await eventually(lambda: len(link.reads) == 2)
        await eventually(lambda: harness.writer.is_idle())
        assert link.reads == ["user a", "new name"]
        assert link.writes == []
        assert harness.writer.withheld.shown("a").acknowledged == BUSY


async def test_who_is_deleted_while_being_written_to_is_in_doubt_and_asked_about_again(tmp_path: Path) -> None:
    class Deleting(RecordingLink):
        async def set_presence(
            self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED
        ) -> None:
            await super().set_presence(guid, presence, contact=contact, claim=claim)
            if len(self.writes) == 1:
                harness.writer.user_is_gone("a")

    link, clock = Deleting(), ManualClock()
    async with running_writer(link, "a", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        await eventually(lambda: link.writes)
        await clock.advance(1)
        await eventually(lambda: len(link.writes) == 2)
        await eventually(lambda: harness.writer.is_idle())
        assert link.writes == [("a", BUSY), ("a", BUSY)]


async def test_a_mistake_with_one_user_stops_nobody_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(RecordingLink):
        async def set_presence(
            self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED
        ) -> None:
            await super().set_presence(guid, presence, contact=contact, claim=claim)
            if guid == "a" and len(self.writes) < 8:
                raise ZeroDivisionError

    link, clock = Odd(), ManualClock()
    async with running_writer(link, "ab", tmp_path, clock) as harness:
        harness.writer.link_is_up()
        harness.desire("a", BUSY)
        harness.desire("b", BUSY)
        while harness.writer.withheld.shown("a").acknowledged != BUSY:
            await quiescence()
            if clock.next_alarm is not None:
                await clock.advance_to(clock.next_alarm)
        assert ("b", BUSY) in link.writes
        (told,) = [each for each in harness.events if isinstance(each, UserTrouble)]
        assert isinstance(told.failure, EngineMistake)
    assert caplog.text.count("ZeroDivisionError") < 4
    assert "Traceback" in caplog.text


async def test_whoever_changes_all_the_time_keeps_its_turn(tmp_path: Path) -> None:
    link, clock = RecordingLink(), ManualClock()
    guids = [str(number) for number in range(20)]
    async with running_writer(link, guids, tmp_path, clock, per_second=1, in_flight=1) as harness:
        for guid in guids:
            harness.desire(guid, BUSY)
        harness.writer.link_is_up()
        for _ in range(20):
            harness.desire("1", AWAY)
            await quiescence()
            await clock.advance(1)
        assert [guid for guid, _ in link.writes][:3] == ["0", "1", "2"]
