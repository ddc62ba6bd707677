"""Tests of the presence test: whatever the PBX does with a cleared presence, everything is as before in the end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import pytest

from engine.checks.check import CheckStep, StepOutcome
from engine.checks.learning import (
    LONGEST_NOTE,
    Lent,
    OrderCannotBePutBack,
    PresenceTest,
)
from engine.checks.put_back import (
    TEST_PRESENCE,
    ClearEffect,
    PresencesNotPutBack,
    PresenceTestNotSaved,
    UnfinishedTest,
    put_back,
)
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.pbx.entries import PresenceEntry
from engine.pbx.errors import PbxUnreachable, PresenceRefused
from engine.settings.model import ClearWith
from engine.simulator.pbx.state import Behaviour, ClearForm, ClearSemantics, Entry, PresenceBoard, clear_form
from tests.support.clock import ManualClock
from tests.support.idle_time import pauses_pass_quickly

ANNA = User(guid="b01", name="anna", display_name="Anna Müller")
OURS, BY_HAND = "calendar:", "tel:"

FORMS = {ClearWith.EMPTY: ClearForm.EMPTY, ClearWith.OMIT: ClearForm.OMITTED, ClearWith.ONLINE: ClearForm.ONLINE}
EFFECTS = {
    ClearSemantics.REMOVES_ENTRY: ClearEffect.GOES,
    ClearSemantics.LEAVES_EMPTY_ENTRY: ClearEffect.STAYS_EMPTY,
    ClearSemantics.EMPTIES_IN_PLACE: ClearEffect.STAYS_EMPTY,
    ClearSemantics.IS_IGNORED: ClearEffect.STAYS,
}
ALL_PBXS = [dict(zip(ClearForm, each, strict=True)) for each in product(ClearSemantics, repeat=len(ClearForm))]

BUSY_ENTRY = Entry(OURS, "busy", "until 10")
LUNCH = Entry(BY_HAND, "away", "lunch", "open")
ONLINE = Entry("im:", status="open")
SITUATIONS = {
    "nothing": (),
    "online": (ONLINE,),
    "ours first": (BUSY_ENTRY, LUNCH, ONLINE),
    "own choice first": (LUNCH, BUSY_ENTRY, ONLINE),
    "own choice, none of ours": (LUNCH, ONLINE),
    "empty first": (Entry(OURS), LUNCH, ONLINE),
    "empty behind": (LUNCH, Entry(OURS), ONLINE),
    "own choice last": (ONLINE, LUNCH),
}


class BoardLink:
    """A link to the presences of the simulated PBX, without a connection; it `breaks` before the request of that
    number, and `then` does something else."""

    def __init__(self, behaviour: Behaviour, entries: tuple[Entry, ...]) -> None:
        self.behaviour = behaviour
        self.board = PresenceBoard()
        for entry in reversed(entries):
            self.board.put(ANNA.guid, entry)
        self.requests = 0
        self.written = 0
        self.breaks: int | None = None
        self.then: Callable[[], object] = lambda: None

    def entries(self) -> tuple[Entry, ...]:
        return self.board.entries(ANNA.guid)

    async def set_presence(
        self, guid: str, presence: Presence, *, contact: str = "", clear: ClearWith | None = None
    ) -> None:
        self._count()
        self.written += 1
        assert contact in (OURS, BY_HAND), "what the PBX itself writes is left alone"
        behaviour = self.behaviour
        length = behaviour.length_of(presence.note)
        if behaviour.notes_end_connection_from is not None and length >= behaviour.notes_end_connection_from:
            raise PbxUnreachable("the connection was lost")
        if behaviour.notes_refused_from is not None and length >= behaviour.notes_refused_from:
            raise PresenceRefused("the note is too long")
        texts = (
            {
                ClearWith.OMIT: (None, None),
                ClearWith.ONLINE: ("online", ""),
            }.get(clear, ("", ""))
            if presence == Presence() and clear
            else (presence.activity, presence.note)
        )
        form = clear_form(*texts)
        if form is None:
            self.board.put(guid, Entry(contact, presence.activity, behaviour.cut(presence.note)))
        else:
            self.board.clear(guid, contact, behaviour.clears_by.get(form, behaviour.clears))

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        self._count()
        return tuple(PresenceEntry(each.contact, Presence(each.activity, each.note)) for each in self.entries())

    def _count(self) -> None:
        self.requests += 1
        if self.requests == self.breaks:
            self.then()


class SlowLink(BoardLink):
    """One whose answers take a turn of the loop, in which a test may be cancelled."""

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        entries = await super().read_entries(user_name)
        await asyncio.sleep(0)
        return entries


def presence_test_of(link: BoardLink, directory: Path) -> tuple[PresenceTest, UnfinishedTest]:
    @asynccontextmanager
    async def lend() -> AsyncIterator[Lent]:
        yield Lent(ANNA, link)

    unfinished = UnfinishedTest(directory / "presence-test.json")
    made = PresenceTest(
        lend,
        contact=OURS,
        pbx="master",
        unfinished=unfinished,
        clock=pauses_pass_quickly(),
        calendar_clock=ManualClock(),
    )
    return made, unfinished


async def learned(link: BoardLink, directory: Path) -> tuple[PresenceTest, dict[str, CheckStep]]:
    made, unfinished = presence_test_of(link, directory)
    steps = await made.run(lambda _: None)
    assert tuple(each.name for each in steps) == made.names
    if steps[-1].outcome is StepOutcome.OK:
        assert unfinished.before is None
        assert not any(os.scandir(directory))
    return made, {each.name: each for each in steps}


def visible(entries: tuple[Entry, ...]) -> list[Entry]:
    return [each for each in entries if each.contact != OURS or each.activity or each.note]


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_whatever_clearing_does_it_is_learned_and_all_is_as_before(situation: str, tmp_path: Path) -> None:
    before = SITUATIONS[situation]
    for semantics in ALL_PBXS:
        link = BoardLink(Behaviour(clears_by=semantics), before)
        made, steps = await learned(link, tmp_path)
        expected = {way: EFFECTS[semantics[form]] for way, form in FORMS.items()}
        assert {each.clear: each.effect for each in made.findings.ways} == expected
        can_clear = set(semantics.values()) != {ClearSemantics.IS_IGNORED}
        had_content = any(each.contact == OURS and each.activity for each in before)
        if not can_clear and not had_content:
            assert isinstance(steps["put back"].failure, PresencesNotPutBack), "nothing can be cleared in this PBX"
            assert "pbx.clear" not in made.findings.proposed()
            (tmp_path / "presence-test.json").unlink()
            continue
        assert steps["put back"].outcome is StepOutcome.OK, (semantics, steps["put back"])
        after = link.entries()
        assert visible(after) == visible(before), semantics
        exact = (
            had_content or ClearEffect.GOES in expected.values()
            if not _is_empty(before)
            else (ClearEffect.STAYS_EMPTY in expected.values())
        )
        if exact:
            assert after == before, semantics
        if can_clear:
            _assert_best(made, semantics, expected)


def _is_empty(entries: tuple[Entry, ...]) -> bool:
    return Entry(OURS) in entries


def _assert_best(
    made: PresenceTest, semantics: dict[ClearForm, ClearSemantics], expected: dict[ClearWith, ClearEffect]
) -> None:
    proposed = ClearWith(str(made.findings.proposed()["pbx.clear"]))
    assert expected[proposed] is not ClearEffect.STAYS
    if ClearEffect.GOES in expected.values():
        assert expected[proposed] is ClearEffect.GOES


@pytest.mark.parametrize("limit", [17, 63, 64, 65, 127, 128, 129, 254, 255, 256, 400, 512, 999, 1000])
@pytest.mark.parametrize("in_bytes", [False, True])
@pytest.mark.parametrize("how", ["cut", "refused"])
async def test_the_limit_of_a_note_is_found_exactly(how: str, limit: int, in_bytes: bool, tmp_path: Path) -> None:
    behaviour = Behaviour(notes_in_bytes=in_bytes)
    if how == "cut":
        behaviour.notes_cut_at = limit
    else:
        behaviour.notes_refused_from = limit + 1
    made, steps = await learned(BoardLink(behaviour, SITUATIONS["ours first"]), tmp_path)
    expected = limit // 2 if in_bytes else limit
    assert made.findings.note_length == expected
    assert made.findings.proposed().get("presence.note_max_length") == (
        expected if 16 <= expected < LONGEST_NOTE else None
    )
    assert ("counts bytes" in " ".join(steps["longest note"].evidence)) == in_bytes


async def test_a_connection_that_ends_at_a_long_note_is_not_tried_again_and_again(tmp_path: Path) -> None:
    link = BoardLink(Behaviour(notes_end_connection_from=200), SITUATIONS["own choice first"])
    made, steps = await learned(link, tmp_path)
    assert made.findings.note_length == 128, "what is sure"
    assert link.entries() == SITUATIONS["own choice first"]
    assert "ended the connection at a note of 256" in " ".join(steps["longest note"].evidence)


@pytest.mark.parametrize("entries", [(ONLINE, BUSY_ENTRY), (Entry(BY_HAND), BUSY_ENTRY), (ONLINE, LUNCH, Entry(OURS))])
async def test_nothing_is_written_where_the_order_could_not_be_put_back(
    entries: tuple[Entry, ...], tmp_path: Path
) -> None:
    link = BoardLink(Behaviour(), entries)
    _, steps = await learned(link, tmp_path)
    assert isinstance(steps["user"].failure, OrderCannotBePutBack)
    assert {each.outcome for name, each in steps.items() if name != "user"} == {StepOutcome.SKIPPED}
    assert link.written == 0
    assert link.entries() == entries


async def test_what_the_user_chooses_meanwhile_stays_first(tmp_path: Path) -> None:
    link = BoardLink(Behaviour(), SITUATIONS["ours first"])
    link.breaks, link.then = 6, lambda: link.board.put(ANNA.guid, Entry(BY_HAND, "dnd", "now"))
    await learned(link, tmp_path)
    assert link.entries() == (Entry(BY_HAND, "dnd", "now", "open"), BUSY_ENTRY, ONLINE)


async def test_a_test_whose_end_could_not_be_put_back_is_not_begun(tmp_path: Path) -> None:
    link = BoardLink(Behaviour(), SITUATIONS["ours first"])
    _, steps = await learned(link, tmp_path / "missing")
    assert isinstance(steps["user"].failure, PresenceTestNotSaved)
    assert link.written == 0


class Killed(BaseException):
    """The end of the process, at any place."""


@pytest.mark.slow
@pytest.mark.parametrize("situation", ["nothing", "ours first", "own choice first", "empty behind"])
async def test_killed_at_any_moment_the_next_start_puts_everything_back(situation: str, tmp_path: Path) -> None:
    before = SITUATIONS[situation]
    behaviour = Behaviour(clears_by={ClearForm.ONLINE: ClearSemantics.LEAVES_EMPTY_ENTRY})
    whole = BoardLink(behaviour, before)
    await learned(whole, tmp_path)
    for number in range(1, whole.requests + 1):
        link = BoardLink(behaviour, before)

        def killed() -> None:
            raise Killed

        link.breaks, link.then = number, killed
        with pytest.raises(Killed):
            await presence_test_of(link, tmp_path)[0].run(lambda _: None)
        unfinished = UnfinishedTest(tmp_path / "presence-test.json")
        if unfinished.before is not None:
            assert unfinished.concern() is not None
            assert await put_back(link, unfinished.before, {}) == ()
            await unfinished.end()
        assert link.entries() == before, number


@pytest.mark.slow
async def test_a_cancelled_test_puts_everything_back(tmp_path: Path) -> None:
    before = SITUATIONS["own choice first"]
    whole = BoardLink(Behaviour(), before)
    await learned(whole, tmp_path)
    for number in range(3, whole.requests - 5):
        link = SlowLink(Behaviour(), before)
        made, unfinished = presence_test_of(link, tmp_path)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(made.run(lambda _: None))
            link.breaks, link.then = number, running.cancel
        assert running.cancelled()
        assert unfinished.before is None
        assert link.entries() == before, number


async def test_what_an_earlier_test_left_is_put_back_first(tmp_path: Path) -> None:
    link = BoardLink(Behaviour(), SITUATIONS["own choice first"])
    _, unfinished = presence_test_of(link, tmp_path)
    await learned(link, tmp_path)
    made, unfinished = presence_test_of(link, tmp_path)

    def killed() -> None:
        raise Killed

    link.breaks, link.then = link.requests + 5, killed
    with pytest.raises(Killed):
        await made.run(lambda _: None)
    assert unfinished.before is not None
    assert link.entries()[0].note == TEST_PRESENCE.note
    _, steps = await learned(link, tmp_path)
    assert "an earlier test" in steps["user"].evidence[0]
    assert link.entries() == SITUATIONS["own choice first"]
