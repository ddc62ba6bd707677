"""The commands `cluster join`, `cluster leave` and `cluster migrate`."""

import argparse
import os
import pwd
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from engine.cli.credentials import typed
from engine.cli.errors import SecretNotTyped
from engine.cli.exit_codes import WELL
from engine.cli.output import say, show
from engine.core.secret import Secret
from engine.daemon.build import state_directory
from engine.daemon.cluster_node import node_name
from engine.daemon.join import Joined, join
from engine.daemon.leave import Left, leave
from engine.daemon.loop import run_loop
from engine.daemon.paths import become_service, settings_path
from engine.daemon.process import protect_memory
from engine.daemon.stopped_node import StoppedNode, shared_address, stopped_node
from engine.display import counted
from engine.store.errors import DatabaseRefused, NoSharedDatabase
from engine.store.postgres.address import DatabaseAddress, database_address
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.migrations import SCHEMA
from engine.store.postgres.preparing import create, migrate, script, script_of_changes
from engine.store.settings_history import Author
from engine.supervisor.settings_file import SettingsFile
from engine.sync.clocks import SteadyClock

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """The schema of the database afterwards, and whether it was another one before."""

    database: str
    schema: int
    changed: bool


def run_joining(options: argparse.Namespace) -> int:
    """Run one of the commands and return the exit status. Raises a `Failure`."""
    protect_memory()
    author = _author()
    if options.settings is None:
        become_service(options.name or "")
    file = SettingsFile(options.settings or settings_path())
    return run_loop(_run(options, file, author))


async def _run(options: argparse.Namespace, file: SettingsFile, author: Author) -> int:
    match options.action:
        case "join" if options.sql:
            _print_script(file)
        case "join":
            async with stopped_node(file, options.secrets, os.environ) as node:
                if options.create:
                    await _create(node, options.role)
                joined = await join(node, author, datetime.now(UTC), only_check=options.check)
            show(joined, lambda this: _joined(this, would=options.check), as_json=options.json)
        case "leave":
            async with stopped_node(file, options.secrets, os.environ) as node:
                left = await leave(node, author, SteadyClock(), is_last=options.last, only_check=options.check)
            show(left, lambda this: _left(this, would=options.check), as_json=options.json)
        case _:
            await _migrate(options, file)
    return WELL


def _author() -> Author:
    """Return who has called this command, before it goes on as the account of the service."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = ""
    return Author(uid, os.getpid(), user)


def _print_script(file: SettingsFile) -> None:
    """Print the SQL that prepares the database. Raises `NoSharedDatabase` or `DatabaseAddressUnusable`."""
    cluster = file.cluster_settings()
    if not cluster.database:
        raise NoSharedDatabase(str(file.path))
    login = database_address(cluster.database).role
    for line in script(login, shards=cluster.shards, lease_seconds=cluster.lease_seconds).splitlines():
        say(line)


async def _create(node: StoppedNode, role: str) -> None:
    """Prepare the database as another role."""
    sizes = {"shards": node.cluster.shards, "lease_seconds": node.cluster.lease_seconds}

    async def prepare(database: SharedDatabase) -> None:
        await create(database, node.address, **sizes)

    await _as_role(role, node.cluster.database, node.name, prepare)


async def _migrate(options: argparse.Namespace, file: SettingsFile) -> None:
    """Bring the schema up to date, or print how."""
    cluster = file.cluster_settings()
    state: Path = state_directory(file.engine_settings())
    address = await shared_address(file, state, options.secrets, os.environ)
    if options.sql:
        database = SharedDatabase(address)
        try:
            text = await script_of_changes(database)
        finally:
            await database.close()
        for line in text.splitlines():
            say(line)
        return
    changes = await _as_role(options.role, cluster.database, node_name(cluster), migrate)
    migrated = Migrated(database=address.place, schema=SCHEMA, changed=bool(changes))
    show(migrated, _migrated, as_json=options.json)


async def _as_role(role: str, url: str, node: str, work: Callable[[SharedDatabase], Awaitable[T]]) -> T:
    """Do `work` with the database as another role, whose password is asked for if there has to be one."""

    async def do(address: DatabaseAddress) -> T:
        database = SharedDatabase(address)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return await do(database_address(url, node=node, role=role))
    except DatabaseRefused as refused:
        try:
            password = Secret(typed(f"password of {role}", again=False))
        except SecretNotTyped:
            raise refused from None
    return await do(database_address(url, password, node=node, role=role))


def _joined(joined: Joined, *, would: bool) -> Iterator[str]:
    verb = "would join" if would else "has joined"
    if joined.is_first:
        yield f"{joined.node} {verb} the cluster in {joined.database}, as its first engine."
        moved = (
            counted(joined.presences, "presence"),
            counted(joined.versions, "version") + " of the settings",
            counted(len(joined.secrets), "secret"),
        )
        yield f"{'To be moved' if would else 'Moved'} there: {', '.join(moved)}."
    else:
        yield f"{joined.node} {verb} the engines in {joined.database}."
        if joined.presences:
            yield f"Users whose presence is unknown there, and is asked of the PBX: {joined.presences}"
    if joined.differing:
        yield "Settings of this machine in whose place those of the others are in force:"
        yield from (f"  {each.key}: {_value(each.after)}, here {_value(each.before)}" for each in joined.differing)
    if joined.differing_secrets:
        yield f"Secrets in whose place those of the others are used: {', '.join(joined.differing_secrets)}"
    if joined.has_namesake:
        yield f"An engine named {joined.node} has not ended; if it is another one, set cluster.node to another name."
    yield from _ended(joined.kept, "Start calendar-engine now; calendar-engine cluster status shows it.", would=would)


def _left(left: Left, *, would: bool) -> Iterator[str]:
    verb = "would leave" if would else "has left"
    yield f"{left.node} {verb} the cluster in {left.database}{', as its last engine' if left.is_last else ''}."
    if left.others:
        yield f"These go on without it: {', '.join(left.others)}"
        after = "Its settings file has no [cluster] any more. It sets no presences until it joins again or is set up."
    elif not left.versions:
        after = "Nothing was set up there. Set this engine up: calendar-engine setup."
    else:
        back = (
            counted(left.presences, "presence"),
            counted(left.versions, "version") + " of the settings",
            counted(len(left.secrets), "secret"),
        )
        yield f"{'To be taken' if would else 'Taken'} back: {', '.join(back)}."
        after = "Start calendar-engine now; it works alone."
    yield from _ended(left.kept, after, would=would)


def _ended(kept: tuple[str, ...], after: str, *, would: bool) -> Iterator[str]:
    """Say where everything is as it was, and what comes next."""
    if would:
        yield "Nothing was changed."
        return
    if kept:
        yield f"What was here before is kept: {', '.join(kept)}"
    yield after


def _migrated(migrated: Migrated) -> Iterator[str]:
    state = "is up to date now" if migrated.changed else "was up to date already"
    yield f"{migrated.database} {state}: schema {migrated.schema}."


def _value(value: object) -> str:
    match value:
        case None:
            return "not set"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
