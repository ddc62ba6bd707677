"""kill -9 at any step of `cluster join` and `cluster leave` loses nothing: either is simply called again."""

import itertools
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.store.errors import NoSharedDatabase
from engine.store.postgres.database import SharedDatabase
from tests.support.cluster import made_small
from tests.support.postgres import PostgresDatabase
from tests.support.stopped_machine import LOCAL, Machine, names_in

STRIDE = int(os.environ.get("JOINING_STRIDE", "4"))
"""Of so many steps one is tried in each run, another one in the next."""

pytestmark = [pytest.mark.process, pytest.mark.slow]


def killed_at(step: int, machine: Machine, action: str) -> bool:
    """Call a command in a process that is killed (SIGKILL) right before its change number `step` of files or of the
    database, or after that of the database; return whether there was one."""
    if pid := os.fork():
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    try:
        count_changes(step)
        os._exit(machine.do(action))
    finally:
        os._exit(99)


def count_changes(step: int) -> None:
    """Let this process be killed at one of its changes."""
    done = itertools.count()

    def reached() -> None:
        if next(done) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*arguments: Any, **options: Any) -> Any:
            reached()
            return change(*arguments, **options)

        return changing

    for name in ("replace", "rename", "unlink"):
        setattr(os, name, counting(getattr(os, name)))
    run = SharedDatabase.run

    async def counted_run(*arguments: Any, **options: Any) -> Any:
        result = await run(*arguments, **options)
        reached()
        return result

    SharedDatabase.run = counting(counted_run)  # type: ignore[method-assign]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_kill_9_at_any_step_loses_nothing(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    made_small(cluster_database)
    a = Machine("a", tmp_path, cluster_database, lambda: ("", ""))
    a.fill()
    text, before = a.file.read_text(), a.stored()
    alone = text.partition("\n[cluster]")[0] + "\n"
    for step in itertools.count(random.randrange(STRIDE), STRIDE):
        was_killed = killed_at(step, a, "join")
        if was_killed:
            assert a.do("join") == 0
        assert a.file.read_text().startswith(LOCAL)
        assert names_in(a.state) & {"engine.db", "setup.json"} == set()
        with cluster_database.connection() as connection:
            assert connection.execute("SELECT count(*) FROM presence").fetchall() == [(len(before.presences),)]

        if killed_at(step, a, "leave"):
            was_killed = True
            with suppress(NoSharedDatabase):  # killed after everything was done
                a.do("leave")
        assert a.file.read_text() == alone
        back = a.stored()
        assert replace(back, audit=(), versions=()) == replace(before, audit=(), versions=())
        assert [each.id for each in back.versions] == [2, 1]
        assert back.audit[: len(before.audit)] == before.audit
        assert a.secrets() == {"pbx.password": "Tr0ub4dor"}
        assert (a.state / "setup.json").read_text() == '{"é": 1}'
        if not was_killed:
            break
        a.file.write_text(text)
    assert step > 15
