"""The writer under claims to its users: what it sends, stores and forgets as they come and end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.core.claims import UNLIMITED, Claim, LeaseEnded, WrittenTooLate
from engine.core.presence.model import CLEARED, Presence
from engine.store.errors import StoreDamaged
from engine.store.presence import PresenceRecord
from engine.sync.events import UserTrouble
from engine.sync.share import Share
from tests.support.claims import SharedMemory, SharedShards, TestedClaim, TestedOwnership
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence
from tests.sync.writing import RecordingLink, WriterHarness, running_writer

BUSY, AWAY, DND = Presence("busy", "until 10"), Presence("away", "until noon"), Presence("dnd")


@dataclass
class Shared:
    """A writer that shares its users, each in a shard of its own: `a` in 0, `b` in 1 and so on."""

    harness: WriterHarness
    link: RecordingLink
    store: SharedMemory
    ownership: TestedOwnership
    clock: ManualClock

    async def settle(self) -> None:
        """Let everything happen for which the time has come."""
        await quiescence()
        await self.clock.advance(1)
        await quiescence()

    async def take(self, *shards: int) -> None:
        """Become the owner of shards, and use the claims."""
        self.ownership.take(*shards)
        self.harness.share.begin(shards)
        for claim in self.harness.share.unprepared():
            await self.harness.writer.take_over(claim)
        self.harness.writer.want_all(self.harness.participants)
        await self.settle()

    async def desire(self, guid: str, presence: Presence) -> None:
        self.harness.desire(guid, presence)
        await self.settle()

    def claim(self, guid: str) -> TestedClaim:
        claim = self.ownership.claim_of(guid)
        assert claim is not None
        return claim


@asynccontextmanager
async def shared(
    directory: Path, link: RecordingLink | None = None, rows: dict[str, PresenceRecord] | None = None
) -> AsyncIterator[Shared]:
    shards = SharedShards(3, lambda guid: "abc".index(guid))
    ownership, store, link = TestedOwnership(shards), SharedMemory(shards), link or RecordingLink()
    store.rows.update(rows or {})
    clock = ManualClock()
    async with running_writer(
        link, "abc", directory, clock, per_second=1e6, sharing=store.sharing(ownership)
    ) as harness:
        harness.writer.link_is_up()
        yield Shared(harness, link, store, ownership, clock)


async def test_nobody_is_written_without_a_claim_and_before_what_is_stored_is_known(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(BUSY)}) as site:
        site.link.shown["user a"] = BUSY
        site.ownership.take(0, 1)
        site.harness.share.begin([0, 1])
        for guid in "abc":
            await site.desire(guid, BUSY)
        site.harness.writer.claim_again()
        await site.settle()
        assert site.link.writes == []
        assert site.link.reads == []
        await site.take(0, 1)
        assert site.link.writes == [("b", BUSY)]
        assert site.link.reads == ["user b"], "nothing is stored for b, and of a what is desired"


async def test_who_was_another_engines_is_asked_about_before_anything_is_sent(tmp_path: Path) -> None:
    rows = {"a": PresenceRecord(BUSY), "b": PresenceRecord(BUSY), "c": PresenceRecord(AWAY, None, BUSY)}
    async with shared(tmp_path, rows=rows) as site:
        site.link.shown |= {"user a": AWAY, "user b": DND, "user c": BUSY}
        await site.take(0, 1, 2)
        for guid, presence in (("a", AWAY), ("b", AWAY), ("c", BUSY)):
            await site.desire(guid, presence)
        assert site.link.reads == ["user a", "user b", "user c"]
        assert site.link.writes == [("b", AWAY)], "the others show it already"
        assert site.store.rows == {"a": PresenceRecord(AWAY), "b": PresenceRecord(AWAY), "c": PresenceRecord(BUSY)}
        await site.desire("a", BUSY)
        assert site.link.writes[1:] == [("a", BUSY)]
        assert len(site.link.reads) == 3, "what was verified is certain"


async def test_what_is_read_back_of_another_engine_is_corrected(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(BUSY), "b": PresenceRecord(BUSY)}) as site:
        site.link.shown |= {"user a": DND, "user b": BUSY}
        await site.take(0, 1)
        for guid in "ab":
            await site.desire(guid, BUSY)
            known = site.harness.writer.known(guid)
            assert known is not None
            site.harness.writer.found(guid, known, site.link.shown[f"user {guid}"])
        await site.settle()
        assert site.link.writes == [("a", BUSY)]
        known = site.harness.writer.known("b")
        assert known is not None
        site.harness.writer.found("b", known, DND)
        await site.settle()
        assert site.link.writes == [("a", BUSY)], "b was verified, so that was another program"
        assert [each.user.guid for each in site.harness.events if isinstance(each, UserTrouble)] == ["b"]


class Ending(RecordingLink):
    """A link over which the claim ends while a presence is sent: before that (`late` is None), or after it."""

    def __init__(self, late: LeaseEnded | None = None) -> None:
        super().__init__()
        self.late = late
        self.is_ending = True

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED) -> None:
        assert isinstance(claim, TestedClaim)
        if not self.is_ending:
            await super().set_presence(guid, presence, contact=contact, claim=claim)
        elif self.late is None:
            claim.end()
            await super().set_presence(guid, presence, contact=contact, claim=claim)
        else:
            await super().set_presence(guid, presence, contact=contact, claim=claim)
            claim.end()
            if isinstance(self.late, WrittenTooLate):
                raise self.late


async def test_a_claim_that_ends_before_the_message_is_sent(tmp_path: Path) -> None:
    link = Ending()
    async with shared(tmp_path, link, rows={"a": PresenceRecord(AWAY)}) as site:
        link.shown["user a"] = AWAY
        await site.take(0)
        await site.desire("a", BUSY)
        in_doubt = PresenceRecord(AWAY, None, BUSY)
        assert site.store.rows["a"] == in_doubt, "nothing is stored, and nothing forgotten"
        assert link.writes == []
        assert [each for each in site.harness.events if isinstance(each, UserTrouble)] == []
        link.is_ending = False
        site.harness.writer.claim_again()
        await site.settle()
        assert link.writes == []
        reads = len(link.reads)
        await site.take(0)
        assert link.writes == [("a", BUSY)]
        assert len(link.reads) == reads + 1, "the PBX is asked first"
        await site.settle()
        assert site.store.rows["a"] == PresenceRecord(BUSY)


async def test_an_answer_after_the_end_of_the_claim_is_not_stored(tmp_path: Path) -> None:
    link = Ending(LeaseEnded())
    async with shared(tmp_path, link) as site:
        await site.take(0)
        await site.desire("a", BUSY)
        assert link.writes == [("a", BUSY)]
        assert site.store.rows == {"a": PresenceRecord(None, None, BUSY)}
        assert site.store.refusals == 0, "not even tried"
        link.shown["user a"], link.is_ending = BUSY, False
        await site.take(0)
        await site.settle()
        assert site.store.rows["a"] == PresenceRecord(BUSY)
        assert link.writes == [("a", BUSY)]


async def test_what_may_have_been_sent_too_late_is_suspect_for_the_next_owner(tmp_path: Path) -> None:
    link = Ending(WrittenTooLate())
    async with shared(tmp_path, link, rows={"a": PresenceRecord(AWAY)}) as site:
        await site.take(0)
        await site.desire("a", BUSY)
        assert not site.store.rows["a"].suspect
        site.store.failure = StoreDamaged("away")
        for _ in range(2):
            try:
                await site.harness.writer.tell_suspects()
            except StoreDamaged:
                site.store.failure = None
        assert site.store.rows["a"].suspect


async def test_nothing_is_sent_that_could_not_be_stored(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(AWAY)}) as site:
        site.link.shown["user a"] = AWAY
        await site.take(0)
        site.store.failure = StoreDamaged("away")
        await site.desire("a", BUSY)
        site.harness.writer.claim_again()
        await site.settle()
        assert site.link.writes == []
        site.store.failure = None
        site.harness.writer.claim_again()
        await site.settle()
        assert site.store.rows["a"] == PresenceRecord(BUSY)
        assert site.link.writes == [("a", BUSY)]
        assert site.link.reads == ["user a"], "nothing was sent, so nothing is in doubt"


def test_the_number_of_shards_is_known_only_once_one_is_taken() -> None:
    shards = SharedShards(1, lambda _: 0)
    share = Share(SharedMemory(shards).sharing(TestedOwnership(shards)))
    assert not share.includes("b")
    shards.shard_of = lambda guid: "abc".index(guid)
    share.begin([1])
    assert [guid for guid in "abc" if share.includes(guid)] == share.of_shards("abc", {1}) == ["b"]
    share.end([1])
    shards.shard_of = lambda _: 2
    share.begin([2])
    assert share.of_shards("abc", {2}) == ["a", "b", "c"]


async def test_somebody_else_writes_under_a_claim_and_the_next_owner_asks(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(BUSY), "b": PresenceRecord(BUSY)}) as site:
        site.link.shown["user a"] = DND
        await site.take(0)
        writer = site.harness.writer
        writer.hold_back("a")
        assert await writer.lend("a") == site.claim("a")
        assert site.store.rows["a"].suspect
        with pytest.raises(LeaseEnded):
            await writer.lend("b")
        await site.desire("a", BUSY)
        assert site.link.writes == []
        writer.release("a")
        await site.settle()
        assert site.link.writes == [("a", BUSY)]
        assert site.store.rows["a"] == PresenceRecord(BUSY)


async def test_what_a_failing_database_has_lost_is_stored_again(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(AWAY), "b": PresenceRecord(BUSY)}) as site:
        site.link.shown |= {"user a": AWAY, "user b": BUSY}
        await site.take(0, 1, 2)
        before = dict(site.store.rows)
        await site.desire("a", BUSY)
        await site.desire("b", BUSY)
        site.link.silent = True
        await site.desire("c", BUSY)
        stored = dict(site.store.rows)
        site.store.rows = before
        claims = {claim.shard: claim for claim in site.harness.share.prepared_claims()}
        assert [await site.harness.writer.store_again(claims[shard]) for shard in range(3)] == [True, True, False]
        assert site.store.rows == {guid: row for guid, row in stored.items() if guid != "c"}, "c is being written"
        assert len(site.link.writes) == 2
        assert site.store.refusals == 0


async def test_a_claim_that_was_uncertain_for_a_while_is_used_again(tmp_path: Path) -> None:
    """As after the machine stood still: it is another claim with the same token, and nobody is told."""
    async with shared(tmp_path) as site:
        await site.take(0)
        former = site.claim("a")
        former.end()
        await site.desire("a", BUSY)
        assert site.link.writes == []
        site.ownership.claims[0] = TestedClaim(former.token, 0, former.term)
        site.harness.writer.claim_again()
        await site.settle()
        assert site.link.writes == [("a", BUSY)]


async def test_who_is_lost_is_forgotten_in_memory_alone(tmp_path: Path) -> None:
    rows = {"a": PresenceRecord(BUSY), "b": PresenceRecord(BUSY)}
    async with shared(tmp_path, rows=rows) as site:
        await site.take(0, 1)
        site.ownership.give_up(0)
        site.harness.share.end([0])
        site.harness.writer.let_go(["a"])
        await site.desire("a", AWAY)
        site.harness.writer.claim_again()
        await site.settle()
        assert site.link.writes == []
        assert site.harness.writer.remembered() == {"b"}
        assert site.store.rows == rows


async def test_whoever_gives_a_shard_up_knows_when_all_is_answered(tmp_path: Path) -> None:
    async with shared(tmp_path) as site:
        site.link.silent = True
        await site.take(0, 1)
        await site.desire("a", BUSY)
        assert site.link.writes == [("a", BUSY)]
        await site.harness.writer.answered([1])
        answered = site.harness.writer.answered([0])
        site.harness.share.end([0])
        answered.send(None)
        answered.close()


async def test_a_departing_user_is_forgotten_under_a_claim(tmp_path: Path) -> None:
    async with shared(tmp_path, rows={"a": PresenceRecord(BUSY)}) as site:
        site.link.shown["user a"] = BUSY
        await site.take(0)
        site.harness.participants["a"].departing = True
        await site.desire("a", CLEARED)
        assert site.link.writes == [("a", CLEARED)]
        assert site.store.rows == {}
