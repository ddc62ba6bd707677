"""The command `demo`: simulators and engine in one process, with a working day that passes in two minutes."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from engine.api.paths import SOCKET
from engine.cli.demo_output import DemoOutput, DemoStats, choose_view, room_for_notes
from engine.core.presence.model import PresenceSettings
from engine.daemon.daemon import Daemon, Dependencies, open_daemon, serve
from engine.daemon.signals import until_signalled
from engine.daemon.temporary_directory import scratch_directory
from engine.simulator.company import CloudCompany, Company, PbxSite, RoutedResolver
from engine.simulator.world import World
from engine.simulator.world.scenarios import BERLIN, corp_world, surprises
from engine.store.secrets import ENVIRONMENT
from engine.sync.clocks import SteadyClock
from engine.sync.events import Event
from engine.sync.status import EngineStatus

MORNING = time(8, 50)
LAST_CHANCE = 5.0
"""Real seconds for finishing work in progress at the end."""

NOTE_LENGTH = PresenceSettings().note_max_length
PRESENCE = {
    "show_subject": True,
    "tentative_exception_organizer": "hr@corp.example",
    "priority_words": ["Kunde"],
}


async def demo(
    *,
    speed: float,
    seconds: float | None,
    plain: bool,
    as_json: bool,
    cloud: bool = False,
    socket: Path | None = None,
    pipe: int | None = None,
) -> bool:
    """Run the demo until stopped, until `pipe` ends, or for some real seconds; return whether all went well.

    The local API is at `socket`, by default in a temporary directory. With `cloud` the calendars are in Exchange Online
    and read by Microsoft Graph.

    All went well if every readable calendar was read, the PBX confirmed every presence, and nothing failed.
    """
    view = choose_view(BERLIN, plain=plain, as_json=as_json, no_colour="NO_COLOR" in os.environ)
    start = datetime.combine(_workday(datetime.now(BERLIN).date()), MORNING, BERLIN).astimezone(UTC)
    clock = SteadyClock(start, speed)
    with scratch_directory("calendar-demo-") as directory:
        socket = socket or directory / SOCKET
        view.begin(speed, start, socket)
        world = corp_world(start.astimezone(BERLIN).date())
        async with (CloudCompany if cloud else Company)(world, directory, clock, now=clock.now) as company:
            presence = PRESENCE | {"note_max_length": room_for_notes(plain=plain or as_json) or NOTE_LENGTH}
            settings = directory / "settings.toml"
            settings.write_text(
                company.settings(
                    presence=presence | {"timezone": BERLIN.key},
                    debug_log={"ews": True, "subjects": True},
                    engine={"socket": str(socket), "state_dir": str(directory / "state")},
                )
            )
            return await _show(company, settings, clock, view, seconds, pipe)


async def _show(
    company: PbxSite, settings: Path, clock: SteadyClock, view: DemoOutput, seconds: float | None, pipe: int | None
) -> bool:
    stats = DemoStats()

    def observe(event: Event) -> None:
        stats.note(event)
        view.show(event)

    dependencies = Dependencies(
        environment={ENVIRONMENT[name]: secret.reveal() for name, secret in company.secrets.items()},
        clock=clock,
        observe=observe,
        resolver=RoutedResolver(company.routes),
    )
    async with open_daemon(settings, None, dependencies) as daemon:
        last = list[EngineStatus]()
        running = _run_for(daemon, seconds, lambda: _tell_surprises(company.world, clock, view), last)
        await until_signalled(running, pipe)
        status = last[0] if last else daemon.service.current.status()
    view.end(status, stats)
    unresolved = {problem.user.guid for problem in status.unresolved}
    return (
        status.users == len(company.world.people)
        and status.waiting == 0
        and unresolved == company.without_calendar()
        and stats.presences_set > 0
        and not stats.errors(status)
    )


async def _tell_surprises(world: World, clock: SteadyClock, view: DemoOutput) -> None:
    async for surprise in surprises(world, clock):
        view.tell(clock.now(), surprise)


async def _run_for(
    daemon: Daemon,
    seconds: float | None,
    meanwhile: Callable[[], Coroutine[None, None, None]],
    last: list[EngineStatus],
) -> None:
    """Run the engine for some `seconds`, then let it finish its work in progress, and stop it.

    `last` receives the status just before the stop, because afterwards no mailbox is watched any more.
    """
    async with asyncio.TaskGroup() as group:
        background = group.create_task(meanwhile())
        running = group.create_task(serve(daemon))
        try:
            await asyncio.wait({running}, timeout=seconds)
            background.cancel()
            engine = daemon.service.current.engine
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_CHANCE):
                    if engine is not None:
                        await engine.settled()
        finally:
            last.append(daemon.service.current.status())
            running.cancel()


def _workday(day: date) -> date:
    """Return `day`, or the Monday after it on a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day
