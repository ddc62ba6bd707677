"""Takes an engine out of its cluster; the last one takes everything back, and works alone again."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec

from engine.cluster.errors import NodeNameTaken
from engine.core.clock import Clock
from engine.daemon.cluster_backup import for_one_engine
from engine.daemon.cluster_node import LAST_READ
from engine.daemon.restore import STORE, PendingRestore, put_in_place, stage
from engine.daemon.stopped_node import StoppedNode
from engine.daemon.stores import SETUP
from engine.settings.forms import differences
from engine.settings.local_keys import shared_part, whole_text, without_cluster
from engine.store.audit import AuditRecord
from engine.store.errors import NotJoined, OtherEnginesRemain, StoreUnusable
from engine.store.moving import database_of
from engine.store.postgres.audit import add_records
from engine.store.postgres.database import Connection
from engine.store.postgres.moving import SharedState, clear, in_use, mark_of, read_state
from engine.store.postgres.preparing import check_prepared
from engine.store.postgres.terms import KnownTerm, forget_node, known_terms, marks_of
from engine.store.replacing import replace_file
from engine.store.secrets import DATABASE_PASSWORD
from engine.store.settings_history import Author

ENDING = ".left"
"""What is added to the names of files that are not used any more."""

TAKEN_BACK = "leave.pending"
"""The file in the state directory with all that was taken back, until the database is empty."""

LOOK = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What has happened, or would: with `is_last` everything was taken back, else `others` go on.

    `kept` are the files in which something is as it was.
    """

    node: str
    database: str
    is_last: bool
    others: tuple[str, ...] = ()
    presences: int = 0
    versions: int = 0
    secrets: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class TakenBack(msgspec.Struct, frozen=True):
    """What has to be put in place once the database has that mark, because it is empty then; `left` tells of it."""

    mark: str
    pending: PendingRestore
    left: Left


async def leave(node: StoppedNode, author: Author, clock: Clock, *, is_last: bool, only_check: bool) -> Left:
    """Take an engine out of its cluster; with `only_check`, say what that would do. `clock` is network time.

    `is_last`: engines that are stopped do not come back. It may be repeated after any interruption. Raises
    `NodeNameTaken`, `OtherEnginesRemain`, and failures of the database, the secrets and the files.
    """
    await check_prepared(node.database)
    interrupted = await asyncio.to_thread(_taken_back, node)
    if interrupted is not None and await node.database.run(mark_of) == interrupted.mark:
        if not only_check:
            await asyncio.to_thread(_put_in_place, node, interrupted)
        return interrupted.left
    if differences(shared_part(node.text), ""):
        raise NotJoined(str(node.file.path))
    terms = await _terms_at_work(node, clock)
    at_work = sorted({each.node for each in terms if not each.has_ended} - {node.name})
    stopped = sorted({each.node for each in terms} - {node.name, *at_work})
    if at_work and is_last:
        raise OtherEnginesRemain(", ".join(at_work)).in_words(
            "Other engines of the cluster are at work",
            "Stop them and let each leave first, or let this one leave without --last.",
        )
    if not at_work and stopped and not is_last:
        raise OtherEnginesRemain(", ".join(stopped))
    if at_work or not await node.database.run(in_use):
        return await _depart(node, author, tuple(at_work), only_check=only_check)
    return await _take_back(node, author, terms, only_check=only_check)


async def _terms_at_work(node: StoppedNode, clock: Clock) -> tuple[KnownTerm, ...]:
    """Return all memberships; those of engines that were silent for a lease have ended.

    Raises `NodeNameTaken` if another machine works under the name of this one.
    """
    lease_seconds, known = await node.database.run(known_terms)
    before = {each.term: each.beat for each in known}
    at_work = set[str]()
    until = clock.now() + timedelta(seconds=1.1 * lease_seconds)
    while any(not each.has_ended and each.term not in at_work for each in known) and clock.now() < until:
        await clock.sleep_until(clock.now() + LOOK)
        _, known = await node.database.run(known_terms)
        at_work.update(each.term for each in known if before.get(each.term) != each.beat)
        if any(each.node == node.name and each.term in at_work and not each.has_ended for each in known):
            raise NodeNameTaken(node.name)
    return tuple(replace(each, has_ended=each.has_ended or each.term not in at_work) for each in known)


async def _depart(node: StoppedNode, author: Author, others: tuple[str, ...], *, only_check: bool) -> Left:
    """Leave everything to the others: what is shared is removed from this machine."""
    left = Left(node=node.name, database=node.database.place, is_last=not others, others=others)
    text = without_cluster(node.text)
    own = await asyncio.to_thread(node.secrets)
    if only_check:
        return left
    kept = await asyncio.to_thread(node.keep_text, ENDING)

    async def forget(connection: Connection) -> None:
        await forget_node(connection, node.name)
        if others:  # else there is nothing, and another engine may move its state there
            record = AuditRecord(datetime.now(UTC), author, "leave_cluster", node.name)
            await add_records(connection, node.name, (record,))

    await node.database.run(forget)

    def settle() -> None:
        if own.keys() - {DATABASE_PASSWORD}:
            node.vault.store({name: each for name, each in own.items() if name == DATABASE_PASSWORD})
        _remove(node.state / LAST_READ)
        node.file.write(text)

    await asyncio.to_thread(settle)
    return replace(left, kept=(str(kept),))


async def _take_back(node: StoppedNode, author: Author, terms: tuple[KnownTerm, ...], *, only_check: bool) -> Left:
    """Take everything back; what was written down here is put in place once the database is empty."""
    keys = await asyncio.to_thread(node.keys)

    async def read(connection: Connection) -> tuple[SharedState, tuple[object, ...]]:
        return await read_state(connection, keys), await marks_of(connection)

    state, marks = await node.database.run(read, long_running=True)
    stored = replace(
        state.stored, audit=(*state.stored.audit, AuditRecord(datetime.now(UTC), author, "leave_cluster", node.name))
    )
    state = replace(state, stored=stored)
    left = Left(
        node=node.name,
        database=node.database.place,
        is_last=True,
        presences=len(stored.presences),
        versions=len(stored.versions),
        secrets=tuple(sorted(state.secrets)),
    )
    pending = await asyncio.to_thread(_pending, node, state)
    if only_check:
        return left
    left = replace(left, kept=(str(await asyncio.to_thread(node.keep_text, ENDING)),))
    taken_back = TakenBack(str(uuid4()), pending, left)
    await asyncio.to_thread(_keep, node, taken_back)

    async def empty(connection: Connection) -> None:
        await connection.execute("LOCK TABLE cluster IN EXCLUSIVE MODE")
        _, now = await known_terms(connection)
        begun = {each.node for each in now} - {each.node for each in terms}
        beats = {each.term: each.beat for each in terms}
        begun |= {each.node for each in now if beats.get(each.term) != each.beat}
        if begun or await marks_of(connection) != marks:
            raise OtherEnginesRemain(", ".join(sorted(begun))).in_words(
                "Another engine has begun to work in the meantime", "Nothing was changed. Stop it, and repeat this."
            )
        await clear(connection, taken_back.mark)

    await node.database.run(empty, long_running=True)
    await asyncio.to_thread(_put_in_place, node, taken_back)
    return left


def _pending(node: StoppedNode, state: SharedState) -> PendingRestore:
    """Return what an engine that works alone has to find. Raises `SettingsInvalid` if it could not use that."""
    stored = for_one_engine(state.stored, node.text)
    text = stored.versions[0].text if stored.versions else whole_text(node.text, "")
    if stored.versions:
        node.file.settings(text)
    own = {name: each for name, each in node.secrets().items() if name == DATABASE_PASSWORD}
    files: dict[str, bytes | None] = {
        STORE: database_of(stored),
        LAST_READ: None,
        SETUP: state.setup.encode() or None,
        **(node.vault.files_with({**state.secrets, **own}) if state.secrets or own else {}),
    }
    return PendingRestore(settings=text, files=files)


def _keep(node: StoppedNode, taken_back: TakenBack) -> None:
    path = node.state / TAKEN_BACK
    try:
        replace_file(path, msgspec.msgpack.encode(taken_back))
    except OSError as error:
        raise StoreUnusable(f"{path}: {error.strerror}") from error


def _taken_back(node: StoppedNode) -> TakenBack | None:
    """Return what was taken back before an interruption, if it was and can be read."""
    path = node.state / TAKEN_BACK
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=TakenBack)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    except OSError as error:
        raise StoreUnusable(f"{path}: {error.strerror}") from error


def _put_in_place(node: StoppedNode, taken_back: TakenBack) -> None:
    """Put in place what was taken back; once that is begun, the next start of the engine finishes it."""
    stage(node.state, taken_back.pending)
    _remove(node.state / TAKEN_BACK)
    put_in_place(node.state, node.file)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnusable(f"{path}: {error.strerror}") from error
