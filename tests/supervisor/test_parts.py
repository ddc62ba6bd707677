"""An internal error in any part of the engine is reported, affects no other part, and the part recovers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.api.paths import read_only_twin
from engine.daemon.put_back_later import PutBackLater
from engine.debuglog.recorder import Capture
from engine.server.acceptor import Acceptor
from engine.server.operations import Job
from engine.server.process_health import LoopLag
from engine.server.state import ApiState
from engine.store.presence import AcknowledgedPresences
from engine.supervisor.engine_slot import EngineRunner
from engine.supervisor.supervisor import Supervisor
from engine.sync.calendar_reader import CalendarScheduler
from engine.sync.clocks import ClockStepDetector
from engine.sync.decider import Decider
from engine.sync.expiry_watch import ExpiryWatch
from engine.sync.holding import Holding
from engine.sync.mailbox_claims import MailboxClaims
from engine.sync.readback import ReadBack
from engine.sync.task_supervisor import TaskSupervisor
from engine.sync.writer import Writer
from tests.support.eventually import eventually
from tests.support.parts import Place, Plant, running
from tests.support.served_engine import InstantLink, InstantSource


async def of_itself(_: Place) -> None:
    """It happens without anybody's doing."""


async def by_an_operation(place: Place) -> None:
    place.begin_operation()


@dataclass(frozen=True)
class Part:
    owner: type[Any]
    function: str
    when: Callable[[Any], bool] = lambda _: True
    provoke: Callable[[Place], Awaitable[object]] = of_itself


def accepting(name: str) -> Callable[[Acceptor], bool]:
    return lambda acceptor: acceptor.name.endswith(name)


PARTS = {
    "remembering earlier runs": Part(Writer, "load"),
    "the link to the PBX": Part(InstantLink, "run"),
    "notifications from Exchange": Part(InstantSource, "run"),
    "reading calendars": Part(CalendarScheduler, "_wait_for_service"),
    "deciding presences": Part(Decider, "_decide"),
    "writing presences": Part(Writer, "run"),
    "keeping presences": Part(AcknowledgedPresences, "keep"),
    "weighing changes": Part(Holding, "weigh"),
    "storing accepted settings": Part(Holding, "note"),
    "reading presences back": Part(ReadBack, "_is_anybody_waiting"),
    "comparing addresses": Part(MailboxClaims, "run"),
    "watching the clock": Part(ClockStepDetector, "run"),
    "watching what expires": Part(ExpiryWatch, "_look"),
    "running the engine": Part(EngineRunner, "_run_one"),
    "watching the settings file": Part(Supervisor, "_look_at_file"),
    "undoing changes": Part(Supervisor, "_undo_what_nobody_confirms"),
    "the debug log": Part(Capture, "run"),
    "putting back presences": Part(PutBackLater, "_put_back"),
    "accepting at engine.sock": Part(
        Acceptor, "_receive", accepting("/engine.sock"), lambda place: place.ask("/v1/status", place.socket)
    ),
    "accepting at engine-ro.sock": Part(
        Acceptor,
        "_receive",
        accepting("-ro.sock"),
        lambda place: place.ask("/v1/status", read_only_twin(place.socket)),
    ),
    "serving the metrics": Part(
        Acceptor, "_receive", lambda it: "metrics" in it.name, lambda place: place.ask("/metrics")
    ),
    "operations of the API": Part(Job, "_end", provoke=by_an_operation),
    "measuring the lag of the loop": Part(LoopLag, "note"),
    "events of the API": Part(ApiState, "_publish_round"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
async def test_a_mistake_in_a_part_ends_no_other_and_the_part_starts_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = PARTS[name]
    plant = Plant(monkeypatch, part.owner, part.function, part.when)
    async with running(tmp_path) as place:
        await part.provoke(place)
        await eventually(lambda: plant.broke)
        await place.until_status_has(f"{name}: RuntimeError")
        await place.everything_works()
        await eventually(lambda: plant.again)
        assert "part-failed" in await place.ask("/v1/status", place.socket)
    assert caplog.text.count("internal error in") == 1
    assert caplog.text.count("RuntimeError: planted") == 1


async def test_there_is_no_part_without_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, keep = set[str](), TaskSupervisor.keep

    async def noting(self: TaskSupervisor, name: str, run: Callable[[], Awaitable[None]]) -> None:
        kept.add(name)
        await keep(self, name, run)

    monkeypatch.setattr(TaskSupervisor, "keep", noting)
    async with running(tmp_path) as place:
        await place.everything_works()
    assert kept == PARTS.keys()
