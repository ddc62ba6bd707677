"""The steps of the cluster campaign: one function each, with its frequency."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import psycopg

from tests.campaigns.cluster.stage import NAMESAKE, SPARE, Stage, Violation
from tests.support.database_proxy import Way

Step = Callable[[Stage], Awaitable[None]]

STOPS = (1.0, 4.0, 6.0, 20.0)
"""Seconds for which a process stands still: less than a claim, more than one, more than a lease, much more."""


async def change_calendars(stage: Stage) -> None:
    """Several people enter appointments at once, or empty their calendars."""
    for _ in range(stage.dice.randrange(1, len(stage.world.people))):
        stage.change_calendar()


async def set_by_hand(stage: Stage) -> None:
    """A user chooses a presence."""
    stage.company.pbx.set_manual(stage.person().guid, stage.dice.choice(("", "dnd", "away")))


async def let_time_pass(stage: Stage) -> None:
    """Seconds pass."""
    await asyncio.sleep(stage.dice.choice((0.5, 2.0, 6.0)))


async def kill(stage: Stage) -> None:
    """An engine is killed; if another one can, it owns the shards soon."""
    machine = stage.some_machine()
    if machine is None or machine.process is None:
        return
    owners, terms = stage.owners_or_none(), stage.terms()
    owned = {shard: term for shard, term in terms.items() if owners.get(shard) == machine.node}
    await machine.process.kill()
    if owned and stage.can_take_over(machine) and stage.dice.random() < 0.7:
        await stage.sees_taken_over(owned)


async def stop(stage: Stage) -> None:
    """An engine is stopped as it should be."""
    machine = stage.some_machine()
    if machine is not None and machine.process is not None and not machine.process.is_frozen:
        machine.process.stop()


async def start(stage: Stage) -> None:
    """An engine is started where none is running."""
    missing = [each for each in stage.machines.values() if not each.is_running and each.name not in (SPARE, NAMESAKE)]
    if missing:
        await stage.start(stage.dice.choice(missing))


async def join_or_leave(stage: Stage) -> None:
    """A third node comes, or goes."""
    spare = stage.machines[SPARE]
    if spare.process is None or not spare.is_running:
        await stage.start(spare)
    else:
        spare.process.stop()


async def start_namesake(stage: Stage) -> None:
    """A clone of a machine is started, or ends."""
    namesake = stage.machines[NAMESAKE]
    if namesake.process is None or not namesake.is_running:
        await stage.start(namesake)
    else:
        await namesake.process.kill()


async def freeze(stage: Stage) -> None:
    """A process stands still, with all its threads."""
    machine = stage.some_machine()
    if machine is not None and machine.process is not None and not machine.process.is_frozen:
        machine.process.freeze()
        stage.later(stage.dice.choice(STOPS), machine.process.go_on)


async def stall(stage: Stage) -> None:
    """An event loop stands still; the threads go on."""
    machine = stage.some_machine()
    if machine is not None and machine.process is not None:
        machine.process.stall(stage.dice.choice(STOPS[:3]))


async def set_clock(stage: Stage) -> None:
    """Somebody sets the wall clock of a machine, or right."""
    machine = stage.some_machine()
    if machine is not None:
        machine.steering.ahead = stage.dice.choice((timedelta(), timedelta(days=1), timedelta(days=-1)))


async def set_database_clock(stage: Stage) -> None:
    """Somebody sets the clock of the database, or right."""
    with contextlib.suppress(psycopg.Error):
        stage.set_database_clock(stage.dice.choice((timedelta(), timedelta(days=1), timedelta(days=-1))))


async def restart_database(stage: Stage) -> None:
    """The database is restarted, or away for a while."""
    if not stage.database_is_up:
        await stage.start_database()
        return
    await stage.stop_database(immediately=stage.dice.random() < 0.5)
    if stage.dice.random() < 0.5:
        await stage.start_database()
    else:
        stage.later(stage.dice.choice((1.0, 4.0, 8.0)), stage.start_database)


async def copy_or_restore_database(stage: Stage) -> None:
    """The database goes on with what it was some steps ago: a replica that had not got everything, or a backup."""
    if not stage.database_is_up:
        return
    if stage.backup is None or stage.dice.random() < 0.4:
        await stage.copy_database()
    else:
        await stage.restore_database()


async def cut_from_database(stage: Stage) -> None:
    """A node does not reach the database, in one or both directions, or late."""
    machine = stage.some_machine()
    if machine is None:
        return
    match stage.dice.randrange(5):
        case 0:
            machine.proxy.delay = stage.dice.choice((0.1, 0.4, 1.2))
        case 1:
            machine.proxy.drop()
            stage.hindered[machine.name] = time.monotonic()
            return
        case 2:
            machine.proxy.cut(keeps=True)
        case 3:
            machine.proxy.cut(stage.dice.choice((Way.THERE, Way.BACK)), keeps=stage.dice.random() < 0.5)
        case _:
            machine.proxy.cut()
    stage.later(stage.dice.choice((1.0, 3.0, 6.0, 15.0)), machine.proxy.mend)


async def end_sessions(stage: Stage) -> None:
    """The server ends sessions of the engines, if it can within a transaction."""
    state = stage.dice.choice(("active", "idle in transaction", "idle"))
    stage.hindered[""] = time.monotonic()
    with contextlib.suppress(psycopg.Error):
        for _ in range(40):
            ended = stage.rows(_END_SESSIONS, state, stage.dice.randrange(1, 4))
            if ended:
                return
            await asyncio.sleep(0)


async def lock_tables(stage: Stage) -> None:
    """Somebody locks a table for a while, so that all connections of the engines wait."""
    table = stage.dice.choice(("presence", "shard", "term", "cluster"))
    with contextlib.suppress(psycopg.Error):
        stage.hindered[""] = time.monotonic() + 4.0
        connection = stage.database.connection()
        connection.execute("SET lock_timeout = 100")
        connection.execute("BEGIN")
        connection.execute(f"LOCK TABLE {table}".encode())
        stage.later(stage.dice.choice((0.3, 1.5, 4.0)), connection.close)


async def cut_from_pbx(stage: Stage) -> None:
    """Nothing that a node sends arrives at the PBX for a while."""
    machine = stage.some_machine()
    if machine is not None:
        stage.cut_from_pbx(machine)
        stage.later(stage.dice.choice((0.3, 1.0, 3.0, 8.0, 20.0)), lambda: stage.mend_to_pbx(machine))


async def reset_pbx_link(stage: Stage) -> None:
    """The connection of a node to the PBX is reset."""
    machine = stage.some_machine()
    if machine is not None:
        stage.reset_pbx_links(machine)


async def drain_or_not(stage: Stage) -> None:
    """An administrator drains a node, or no longer."""
    machine, asked = stage.some_machine(), stage.some_machine()
    if machine is not None and asked is not None:
        with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError):
            what = stage.dice.choice(("drain", "undrain"))
            await asked.ask("POST", f"/v1/cluster/{what}", {"node": machine.node})


async def change_settings(stage: Stage) -> None:
    """An administrator changes a setting at a node; a change that has to be confirmed is, or the node is killed."""
    machine = stage.some_machine()
    if machine is None or machine.process is None:
        return
    changes = {"presence.language": stage.dice.choice(("de", "en", "fr", "it"))}
    within = stage.dice.choice((None, None, 3.0, 6.0))
    body = {"changes": changes} | ({} if within is None else {"confirm_within": within})
    with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError):
        status, answer = await machine.ask("PATCH", "/v1/settings", body, If_Match="*")
        if status == 200 and within is not None:
            if stage.dice.random() < 0.5:
                another = stage.some_machine()
                if another is not None:
                    await another.ask("POST", "/v1/settings/confirm")
            elif stage.dice.random() < 0.5:
                await machine.process.kill()
        elif status >= 500 and status != 503:
            raise Violation(f"{machine.name} answers a change with {status}: {answer}")


STEPS: tuple[tuple[int, Step], ...] = (
    (14, change_calendars),
    (4, set_by_hand),
    (8, let_time_pass),
    (6, kill),
    (3, stop),
    (10, start),
    (3, join_or_leave),
    (2, start_namesake),
    (6, freeze),
    (3, stall),
    (2, set_clock),
    (1, set_database_clock),
    (2, restart_database),
    (1, copy_or_restore_database),
    (6, cut_from_database),
    (3, end_sessions),
    (2, lock_tables),
    (4, cut_from_pbx),
    (2, reset_pbx_link),
    (3, drain_or_not),
    (3, change_settings),
)
"""How often each is taken, in relation to the others."""

_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'calendar-engine%%' AND state = %s ORDER BY random() LIMIT %s
"""
