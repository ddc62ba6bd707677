"""The presence test: finds out with one user how this PBX clears presences, and which length of a note it keeps."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.checks.check import CheckRun, CheckStep, StepFunction, StepLog
from engine.checks.put_back import (
    TEST_PRESENCE,
    ClearEffect,
    PresencesBefore,
    PresencesNotPutBack,
    UnfinishedTest,
    put_back,
)
from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.pbx.entries import EntryLink, PresenceEntry, presence_of
from engine.pbx.errors import PbxUnreachable, PresenceRefused, PresenceUnanswered
from engine.settings.editor import SettingValue
from engine.settings.model import ClearWith

LONGEST_NOTE = 1000
"""The highest presence.note_max_length; a PBX that keeps as much limits nothing."""

SHORTEST_NOTE = 16
"""The lowest presence.note_max_length."""

LENGTHS = (64, 128, 256, 512, LONGEST_NOTE)
"""Lengths tried in this order: a PBX that cannot cope with a long note gets one that is hardly too long."""

LETTERS = ("a", "ä")
"""A letter of one byte and one of two (UTF-8): the PBX may count either characters or bytes."""

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 4, 8, 15, 30))
"""Pauses before the presences are put back, again after each failure of the connection."""


CALLED_OFF_WITHIN = 3.0
"""Seconds within which a cancelled test puts back; what fails then is done at the next connection."""


class OrderCannotBePutBack(Failure):
    """What the PBX shows of this user could not be made the same again after a test; nothing was written."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The presences of this user could not be put back in their order, so nothing was written"
    remedy = "Take another user for the test, best one whose presence nobody has set."


class PresenceTestUnderWay(Failure):
    """Two tests at once would take each other's writes for an effect of the PBX."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "A presence test is under way"
    remedy = "Wait until it is over, which takes less than a minute, or cancel it."


class PresenceNotShown(Failure):
    """The PBX confirmed a presence and does not show it."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The PBX does not show the presence that it confirmed"
    remedy = "Check pbx.presence_contact: the PBX keeps calendar presences under calendar:"


@dataclass(frozen=True, slots=True)
class Lent:
    """A user for a test and a link to the PBX; nothing else writes that user's presence meanwhile."""

    user: User
    link: EntryLink


Lend = Callable[[], AbstractAsyncContextManager[Lent]]
"""Lends a user and a link; raises a `PbxFailure` or `UserNotInPbx`."""


@dataclass(frozen=True, slots=True)
class WayOfClearing:
    """One way of clearing and its effect; `first`: what stays is the newest presence, and covers the others."""

    clear: ClearWith
    effect: ClearEffect
    first: bool


@dataclass(slots=True)
class Findings:
    """What the test found so far: `note_length` characters of a note are kept whole. `put_back` is calendar time."""

    user: User | None = None
    ways: list[WayOfClearing] = field(default_factory=list)
    note_length: int | None = None
    put_back: datetime | None = None

    def proposed(self) -> dict[str, SettingValue]:
        """Return the settings that suit this PBX, by key; nothing about what is open or makes no difference."""
        settings: dict[str, SettingValue] = {}
        if len(self.ways) == len(ClearWith) and (best := _best(self.ways)) is not None:
            settings["pbx.clear"] = best.clear.value
        if self.note_length is not None and SHORTEST_NOTE <= self.note_length < LONGEST_NOTE:
            settings["presence.note_max_length"] = self.note_length
        return settings


def _best(ways: list[WayOfClearing]) -> WayOfClearing | None:
    """Return the way after which least is left: nothing, or something empty that covers no other presence."""
    clearing = [each for each in ways if each.effect is not ClearEffect.STAYS]
    return min(clearing, key=lambda each: (each.effect is ClearEffect.STAYS_EMPTY, each.first), default=None)


WORDS = {
    ClearEffect.GOES: "the presence goes",
    ClearEffect.STAYS: "the presence stays as it was",
    ClearEffect.STAYS_EMPTY: "the presence stays, empty",
}


class PresenceTest:
    """Writes, clears and lengthens a test presence of the user that `lend` gives, and puts back what was there.

    `contact` is the one of the settings, `pbx` the PBX in words. `unfinished` remembers what to put back until that is
    done, even if the engine is killed. `clock` is the network clock, `calendar_clock` dates the test.
    """

    names = ("user", "write", *(f"clear with {way}" for way in ClearWith), "longest note", "put back")

    def __init__(
        self,
        lend: Lend,
        *,
        contact: str,
        pbx: str,
        unfinished: UnfinishedTest,
        clock: Clock,
        calendar_clock: Clock,
    ) -> None:
        self.findings = Findings()
        self._lend = lend
        self._contact = contact
        self._pbx = pbx
        self._unfinished = unfinished
        self._clock = clock
        self._calendar_clock = calendar_clock
        self._lent: Lent
        self._is_under_way = False

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the test and return all steps. A cancelled test puts everything back as well."""
        self._unfinished.is_under_way = True
        try:
            return await self._run(report)
        finally:
            self._unfinished.is_under_way = False

    async def _run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        check_run = CheckRun(self.names, report, self._clock)
        async with AsyncExitStack() as stack:
            await check_run.run("user", lambda step_log: self._begin(stack, step_log))
            if not self._is_under_way:
                for name in self.names[1:]:
                    check_run.skip(name, "nothing was written")
                return tuple(check_run.steps)
            try:
                await check_run.run("write", self._write)
                for way in ClearWith:
                    await check_run.run(f"clear with {way}", self._clearing(way))
                await check_run.run("longest note", self._measure)
            except asyncio.CancelledError:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CALLED_OFF_WITHIN):
                        await self._put_back(StepLog())
                raise
            await check_run.run("put back", self._put_back, always=True)
        return tuple(check_run.steps)

    async def _begin(self, stack: AsyncExitStack, step_log: StepLog) -> None:
        self._lent = await stack.enter_async_context(self._lend())
        self.findings.user = self._lent.user
        await self._finish_earlier_test(step_log)
        before = PresencesBefore(
            user=self._lent.user,
            pbx=self._pbx,
            contact=self._contact,
            begun=self._calendar_clock.now(),
            entries=await self._entries(),
        )
        if not before.can_be_put_back:
            raise OrderCannotBePutBack(", ".join(each.contact for each in before.entries))
        listed = ", ".join(f"{each.contact} {each.presence.activity or 'available'}" for each in before.entries)
        step_log.evidence.append(f"{self._lent.user.label} shows {listed or 'nothing'}")
        await self._unfinished.begin(before)
        self._is_under_way = True

    async def _finish_earlier_test(self, step_log: StepLog) -> None:
        before = self._unfinished.before
        if before is None:
            return
        if before.pbx == self._pbx:
            await put_back(self._lent.link, before, {})
            step_log.evidence.append(f"put back what an earlier test left at {before.user.label}")
        await self._unfinished.end()

    async def _entries(self) -> tuple[PresenceEntry, ...]:
        return await self._lent.link.read_entries(self._lent.user.name)

    async def _set(self, presence: Presence, clear: ClearWith | None = None) -> None:
        await self._lent.link.set_presence(self._lent.user.guid, presence, contact=self._contact, clear=clear)

    async def _write(self, step_log: StepLog) -> None:
        await self._set(TEST_PRESENCE)
        entries = await self._entries()
        if presence_of(entries, self._contact) != TEST_PRESENCE:
            raise PresenceNotShown(f'"{TEST_PRESENCE.note}" is not among the presences of {self._lent.user.label}')
        step_log.evidence.append(f'"{TEST_PRESENCE.note}" is {_place(entries, self._contact)}')

    def _clearing(self, way: ClearWith) -> StepFunction:
        async def clear(step_log: StepLog) -> None:
            await self._set(TEST_PRESENCE)
            try:
                await self._set(CLEARED, way)
            except PresenceRefused as refusal:
                step_log.evidence.append(f"refused: {refusal.detail}")
            entries = await self._entries()
            found = presence_of(entries, self._contact)
            effect = ClearEffect.GOES if found is None else ClearEffect.STAYS
            effect = ClearEffect.STAYS_EMPTY if found == CLEARED else effect
            is_first = bool(entries) and entries[0].contact == self._contact
            self.findings.ways.append(WayOfClearing(way, effect, is_first))
            place = "" if found is None else f" and is {_place(entries, self._contact)}"
            step_log.evidence.append(f"{WORDS[effect]}{place}")

        return clear

    async def _measure(self, step_log: StepLog) -> None:
        lengths = [await self._longest(letter, step_log) for letter in LETTERS]
        self.findings.note_length = min(lengths)
        if min(lengths) == LONGEST_NOTE:
            step_log.evidence.append(f"notes of {LONGEST_NOTE} characters are kept whole")
            return
        step_log.evidence.append(f"notes of up to {min(lengths)} characters are kept whole")
        if lengths[0] != lengths[1]:
            step_log.evidence.append(f"{lengths[0]} without letters such as {LETTERS[1]}: the PBX counts bytes")

    async def _longest(self, letter: str, step_log: StepLog) -> int:
        """Return the greatest length of a note of this letter that is kept whole, at most `LONGEST_NOTE`."""
        kept, lost = 0, LONGEST_NOTE + 1
        lengths = iter(LENGTHS)
        while lost - kept > 1:
            length = next(lengths, LONGEST_NOTE) if lost > LONGEST_NOTE else (kept + lost) // 2
            try:
                found = await self._kept(letter * length)
            except PbxUnreachable:
                step_log.evidence.append(f"the PBX ended the connection at a note of {length} characters")
                return kept
            if found == length:
                kept = length
            elif found:
                return found
            else:
                lost = length
            if kept == LONGEST_NOTE:
                break
        return kept

    async def _kept(self, note: str) -> int:
        """Return how many characters of a note are kept, 0 if it is refused."""
        try:
            await self._set(Presence(TEST_PRESENCE.activity, note))
        except PresenceRefused:
            return 0
        found = presence_of(await self._entries(), self._contact) or CLEARED
        return len(found.note) if found.note and note.startswith(found.note) else 0

    async def _put_back(self, step_log: StepLog) -> None:
        before = self._unfinished.before
        if before is None:
            return
        known = {each.clear: each.effect for each in self.findings.ways}
        for number, pause in enumerate(PAUSES, start=1):
            await self._clock.sleep_until(self._clock.now() + pause)
            try:
                step_log.evidence += await put_back(self._lent.link, before, known)
            except (PbxUnreachable, PresenceUnanswered) as failure:
                if number == len(PAUSES):
                    raise PresencesNotPutBack(f"{before.user.label}: {failure}") from failure
            else:
                break
        await self._unfinished.end()
        self.findings.put_back = self._calendar_clock.now()
        step_log.evidence.append(f"{before.user.label} shows what was shown before")


def _place(entries: tuple[PresenceEntry, ...], contact: str) -> str:
    number = [each.contact for each in entries].index(contact) + 1
    return "shown first" if number == 1 else f"number {number} of {len(entries)}"
