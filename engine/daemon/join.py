"""Takes an engine into a cluster: the first one's state moves into the shared database, others bring what is unknown
there; the settings file keeps what belongs to the machine."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.cluster.sharing import shard_of
from engine.daemon.cluster_node import LAST_READ
from engine.daemon.restore import SECRETS, STORE
from engine.daemon.stopped_node import StoppedNode, kept_beside
from engine.daemon.stores import SETUP
from engine.settings.editor import SettingsNotEditable
from engine.settings.forms import SettingDifference, differences
from engine.settings.local_keys import check_local_file, combined, is_local, local_part, shared_part
from engine.settings.problems import SettingsInvalid
from engine.store.audit import AuditRecord
from engine.store.errors import SharedDatabaseInUse, StoreUnusable
from engine.store.moving import StoredState
from engine.store.postgres.audit import add_records
from engine.store.postgres.database import Connection
from engine.store.postgres.moving import SharedState, add_unknown, facts_of, in_use, write_state
from engine.store.postgres.preparing import check_prepared
from engine.store.postgres.secrets import load_secrets
from engine.store.secret_store import StoredSecret
from engine.store.secrets import DATABASE_PASSWORD
from engine.store.settings_history import Author, Version
from engine.supervisor.last_read import LastRead

ENDING = ".joined"
"""What is added to the names of files that are not used any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What has happened, or would: `is_first` if everything moved, else the engine joined others.

    `differing` are settings of the file that are others in force, from what they were to what they are now; so are
    `differing_secrets`. `has_namesake`: an engine of that name has not ended. `kept` are the files in which everything
    is as it was.
    """

    node: str
    database: str
    is_first: bool
    presences: int
    versions: int = 0
    secrets: tuple[str, ...] = ()
    differing: tuple[SettingDifference, ...] = ()
    differing_secrets: tuple[str, ...] = ()
    has_namesake: bool
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What a machine has before it joins: the keys of its settings file in two parts, and what is stored.

    `last_read` are the settings of a cluster whose database is lost, as this engine has read them last.
    """

    local: str
    shared: str
    stored: StoredState
    stores_something: bool
    secrets: dict[str, StoredSecret]
    keys: tuple[bytes, ...]
    setup: str
    last_read: Version | None


async def join(node: StoppedNode, author: Author, now: datetime, *, only_check: bool) -> Joined:
    """Take an engine into the cluster of its database; with `only_check`, say what that would do.

    It may be repeated after any interruption: until the state is in the database, nothing has changed; afterwards what
    this machine still has is known there. Raises failures of the settings, the secrets and the database.
    """
    brought = await asyncio.to_thread(_brought, node, now)
    await check_prepared(node.database)
    kept = [] if only_check else [await asyncio.to_thread(node.keep_text, ENDING)]

    async def move(connection: Connection) -> Joined:
        if not await in_use(connection):  # asked again when no other engine can be the first any more
            await connection.execute("LOCK TABLE cluster IN EXCLUSIVE MODE")
        joined = await (_another if await in_use(connection) else _first)(connection, node, brought)
        await add_records(connection, node.name, (AuditRecord(now, author, "join_cluster", node.name),))
        if only_check:
            raise _RolledBack(joined)
        return joined

    try:
        joined = await node.database.run(move, long_running=True)
    except _RolledBack as would:
        return would.joined
    kept += await asyncio.to_thread(_settle, node, brought, joined)
    return replace(joined, kept=tuple(map(str, kept)))


class _RolledBack(Exception):
    """Ends a transaction that was only tried, with what it would have done."""

    def __init__(self, joined: Joined) -> None:
        super().__init__()
        self.joined = joined


async def _first(connection: Connection, node: StoppedNode, brought: _Brought) -> Joined:
    """Move everything into the database."""
    facts = await facts_of(connection)
    stored = brought.stored
    if brought.last_read is not None and not (stored.versions or facts.is_over):
        _check_settings(node, brought.local, brought.last_read.text)
        stored = replace(stored, versions=(brought.last_read,))
    state = SharedState(stored=stored, secrets=brought.secrets, setup=brought.setup)
    key = brought.keys[0] if brought.keys else None
    await write_state(connection, state, lambda guid: shard_of(guid, facts.shards), node=node.name, key=key)
    return Joined(
        node=node.name,
        database=node.database.place,
        is_first=True,
        presences=len(stored.presences),
        versions=len(stored.versions),
        secrets=tuple(sorted(brought.secrets)),
        has_namesake=node.name in facts.nodes,
    )


async def _another(connection: Connection, node: StoppedNode, brought: _Brought) -> Joined:
    """Add the presences that are unknown there. Raises `SettingsInvalid` if what is in force does not do here."""
    facts = await facts_of(connection)
    if not facts.settings and brought.shared:
        raise SharedDatabaseInUse("by engines that have no settings yet, unlike this one")
    if facts.settings:
        _check_settings(node, brought.local, facts.settings)
    there = {name: each.value.reveal() for name, each in (await load_secrets(connection, brought.keys)).items()}
    added = await add_unknown(connection, brought.stored, lambda guid: shard_of(guid, facts.shards))
    return Joined(
        node=node.name,
        database=node.database.place,
        is_first=False,
        presences=added,
        differing=tuple(each for each in differences(brought.shared, facts.settings) if each.before is not None),
        differing_secrets=tuple(
            sorted(name for name, each in brought.secrets.items() if there.get(name) != each.value.reveal())
        ),
        has_namesake=node.name in facts.nodes,
    )


def _brought(node: StoppedNode, now: datetime) -> _Brought:
    """Read what the machine has. Raises `SettingsInvalid` if the file cannot be used as it is, and other failures."""
    local, shared = local_part(node.text), _shared(node.text)
    if differences(shared, ""):
        node.file.settings(node.text)
    check_local_file(local, str(node.file.path))
    stored = node.stored()
    try:
        setup = (node.state / SETUP).read_text()
    except FileNotFoundError:
        setup = ""
    except (OSError, UnicodeDecodeError) as error:
        raise StoreUnusable(f"{node.state / SETUP}: {error}") from error
    return _Brought(
        local=local,
        shared=shared if differences(shared, "") else "",
        stored=replace(stored, versions=_versions(stored.versions, node.text, shared, now)),
        stores_something=any((stored.presences, stored.leftovers, stored.versions, stored.audit, stored.log_ins)),
        secrets={name: each for name, each in node.secrets().items() if name != DATABASE_PASSWORD},
        keys=node.keys(),
        setup=setup,
        last_read=_last_read(node, now),
    )


def _versions(kept: tuple[Version, ...], text: str, shared: str, now: datetime) -> tuple[Version, ...]:
    """Return the versions as engines share them, the newest of which is what the file says."""
    versions = tuple(replace(each, text=_shared(each.text)) for each in kept)
    before = kept[0].text if kept else ""
    if not differences(shared, "") or (kept and not differences(versions[0].text, shared)):
        return versions
    newest = Version(
        id=kept[0].id + 1 if kept else 1,
        at=now,
        author=None,
        action="edited by hand",
        differences=tuple(each for each in differences(before, text) if not is_local(each.key)),
        text=shared,
        confirm_until=None,
    )
    return (newest, *versions)


def _last_read(node: StoppedNode, now: datetime) -> Version | None:
    number, text = LastRead(node.state / LAST_READ).read()
    if not number:
        return None
    return Version(
        id=number,
        at=now,
        author=None,
        action="read last",
        differences=differences("", text),
        text=text,
        confirm_until=None,
    )


def _shared(text: str) -> str:
    """Return what engines share of a settings file, without its comments if it cannot be edited."""
    try:
        return shared_part(text)
    except SettingsNotEditable:
        return combined("", text)


def _check_settings(node: StoppedNode, local: str, shared: str) -> None:
    try:
        node.file.settings(combined(local, shared))
    except SettingsInvalid as invalid:  # the lines are those of a text that nobody has written
        problems = tuple(replace(each, line=None) for each in invalid.problems)
        raise SettingsInvalid("the shared settings, with the file of this machine", problems) from None


def _settle(node: StoppedNode, brought: _Brought, joined: Joined) -> list[Path]:
    """Leave what is in the database now to that; the file of the state comes last, and its absence says all is done."""
    kept = []
    if joined.differing_secrets:
        path = node.state / SECRETS
        try:
            kept.append(kept_beside(path, ENDING, path.read_bytes()))
        except OSError as error:
            raise StoreUnusable(f"{path}: {error.strerror}") from error
    node.file.write(brought.local)
    aside = [node.put_aside(SETUP, ENDING), node.put_aside(STORE, ENDING) if brought.stores_something else None]
    return [*kept, *(each for each in aside if each is not None)]
