"""A failed engine is replaced: never two at once, and neither start nor stop waits for it."""

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.pbx.events import PbxEvent
from engine.store.errors import StoreUnusable
from engine.store.settings_history import Author
from engine.supervisor.engine_slot import CurrentEngine
from engine.supervisor.supervisor import Supervisor
from engine.sync.events import Event
from engine.sync.reconciler import Engine
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.idle_time import pauses_pass_quickly
from tests.support.parts import USERS, Plant, running
from tests.support.served_engine import InstantLink, InstantSource, Workshop

SOMEBODY = Author(uid=0, pid=1, user="root")


class CountedLink(InstantLink):
    """Counts how many run and write at once."""

    running = 0
    most = 0

    async def run(self) -> None:
        counted = type(self)
        counted.running += 1
        counted.most = max(counted.most, counted.running)
        try:
            await super().run()
        finally:
            await asyncio.sleep(0)  # nobody leaves in an instant
            counted.running -= 1


class Doubting(Workshop):
    """Its links are counted; the first `faulty` engines cannot be assembled."""

    def __init__(self, clock: ManualClock, faulty: int = 0) -> None:
        super().__init__(InstantSource(), USERS[:2], clock, pauses=pauses_pass_quickly())
        CountedLink.running = CountedLink.most = 0
        self.faulty = faulty

    def _link(self, on_event: Callable[[PbxEvent], None]) -> InstantLink:
        if self.faulty:
            self.faulty -= 1
            raise RuntimeError("planted")
        self.links.append(CountedLink(on_event, self._users))
        return self.links[-1]


async def test_another_engine_takes_the_place_of_one_that_fails_and_none_runs_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fails, run = asyncio.Event(), Engine.run

    async def failing(self: Engine) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(run(self))
            await fails.wait()
            fails.clear()
            raise RuntimeError("planted")

    monkeypatch.setattr(Engine, "run", failing)
    async with running(tmp_path, Doubting) as place:

        def replaced(engine: Engine) -> bool:
            return place.workshop.engines[-1] is not engine

        await place.everything_works()
        for _ in range(2):
            failed = place.workshop.engines[-1]
            fails.set()
            await eventually(functools.partial(replaced, failed))
            await place.everything_works()
        await place.until_status_has("running the engine: RuntimeError, 2 times")
    assert (CountedLink.most, CountedLink.running) == (1, 0)
    assert caplog.text.count("RuntimeError: planted") == 1


async def test_an_engine_that_returns_is_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Engine.run

    async def returning(self: Engine) -> None:
        monkeypatch.setattr(Engine, "run", run)

    monkeypatch.setattr(Engine, "run", returning)
    async with running(tmp_path) as place:
        await place.until_status_has("running the engine: EngineEnded")
        await place.everything_works()


async def test_settings_are_changed_while_no_engine_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes them waits for no engine that has failed, and the next goes by what they are then."""
    run, broken = Engine.run, asyncio.Event()

    async def failing(self: Engine) -> None:
        if broken.is_set():
            raise RuntimeError("planted")
        await run(self)

    broken.set()
    monkeypatch.setattr(Engine, "run", failing)
    async with running(tmp_path) as place:
        await place.until_status_has("running the engine: RuntimeError")
        async with patience():
            await place.site.service.change({"pbx.host": "pbx.corp.example", "presence.language": "de"}, "*", SOMEBODY)
        broken.clear()
        await place.everything_works()
        settings = place.site.service.settings
        assert settings is not None
        assert settings.pbx.host == "pbx.corp.example"


async def test_what_cannot_even_be_assembled_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, lambda clock: Doubting(clock, faulty=2)) as place:
        await place.until_status_has("watching the settings file: RuntimeError")
        await place.everything_works()
    assert caplog.text.count("RuntimeError: planted") == 1


async def test_an_edit_is_not_lost_by_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as place:
        await place.everything_works()
        plant = Plant(monkeypatch, Supervisor, "_plan")
        language = place.edit_the_file()
        await eventually(lambda: plant.broke)
        await eventually(lambda: place.language == language)


async def test_neither_another_engine_nor_the_end_waits_for_a_source_that_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(_: InstantSource) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(InstantSource, "close", failing)
    async with running(tmp_path) as place:
        await place.everything_works()
        await place.site.service.change({"pbx.host": "pbx.corp.example"}, "*", SOMEBODY)
        assert len(place.workshop.engines) == 2
        await place.everything_works()
    assert caplog.text.count("internal error in closing the connections to Exchange") == 2


async def test_leaving_may_fail_and_the_end_comes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as place:
        await place.everything_works()
        Plant(monkeypatch, Engine, "leave")
    assert caplog.text.count("RuntimeError: planted") == 1


async def test_an_observer_that_fails_keeps_nothing_from_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard = list[Event]()

    def clumsy(_: Event) -> None:
        raise RuntimeError("no room")

    async with running(tmp_path) as place:
        current: CurrentEngine = place.site.service.current
        current.observe(clumsy)
        current.observe(heard.append)
        await place.everything_works()
        await place.site.service.change({"pbx.host": "pbx.corp.example"}, "*", SOMEBODY)
        await place.everything_works()
    assert heard
    assert caplog.text.count("Traceback") == 1


async def test_a_store_that_is_of_no_use_ends_it_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unusable(_: Engine) -> None:
        raise StoreUnusable("planted")

    monkeypatch.setattr(Engine, "run", unusable)

    async def until_it_ends() -> None:
        async with running(tmp_path):
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await until_it_ends()
    assert caught.value.subgroup(StoreUnusable) is not None
