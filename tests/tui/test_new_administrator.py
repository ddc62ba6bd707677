"""A new administrator finds cause and remedy of a problem by the keys shown on the screen."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calendar_tui.commands import registry
from calendar_tui.commands.command import LIST
from engine.daemon.daemon import Dependencies, open_daemon, serve
from engine.server.app import ApiServer
from engine.server.sockets import open_sockets
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.faults import server_busy
from engine.simulator.world import Person, World
from engine.store.secrets import ENVIRONMENT
from engine.sync.clocks import SteadyClock
from tests.support.eventually import eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.support.site import collect_cancelled_handshakes
from tests.support.tui import Terminal, terminal

pytestmark = pytest.mark.slow

PEOPLE = [
    Person(name=f"p{n}", display_name=f"Person {n}", mailbox=f"p{n}@corp.example", may_impersonate=n % 3 != 0)
    for n in range(9)
]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@asynccontextmanager
async def site_in_trouble(
    directory: Path, people: list[Person], **tables: Mapping[str, Any]
) -> AsyncIterator[tuple[Company, Path]]:
    """A whole calendar-engine with settings file, debug log, socket and simulators."""
    clock = SteadyClock(MONDAY, speed=1)
    world = World(MONDAY.date(), ZoneInfo("UTC"), people)
    socket = directory / "engine.sock"
    async with Company(world, directory, clock, now=clock.now) as company:
        settings = directory / "settings.toml"
        engine = {"socket": str(socket), "state_dir": str(directory / "state")}
        settings.write_text(company.settings(debug_log={"ews": True}, engine=engine, **tables))
        passwords = {"exchange.password": EXCHANGE_PASSWORD, "pbx.password": PBX_PASSWORD}
        dependencies = Dependencies(
            environment={ENVIRONMENT[name]: password.reveal() for name, password in passwords.items()},
            clock=clock,
            network_clock=pauses_pass_quickly(),
            observe=lambda _: None,
            resolver=RoutedResolver(company.exchange.routes),
        )
        async with open_daemon(settings, None, dependencies) as site, asyncio.TaskGroup() as group:
            running = group.create_task(serve(site))
            await eventually(socket.exists)
            yield company, socket
            running.cancel()
    collect_cancelled_handshakes()


async def press_what_is_shown(shown: Terminal, key: str) -> None:
    """Press a key that the screen names, or one that works in every list."""
    commands = shown.view.commands()
    text = " ".join(shown.grid().splitlines())
    in_lists = {command.key for command in registry.of_place(LIST)}
    named = {command.keys[0]: command.key for command in commands if command.keys}
    shown_as = named.get(key, "Enter" if key == "enter" else key)
    assert f" {shown_as} " in text or shown_as in in_lists, f"{key} is not in {text!r}"
    await shown.press(key)


async def test_the_right_to_impersonate_is_missing_for_a_third_of_the_users(tmp_path: Path) -> None:
    async with site_in_trouble(tmp_path, PEOPLE) as (_, socket), terminal(socket) as shown:
        await shown.shows("✗ No right to read the calendar")
        await shown.shows("3 users")
        await press_what_is_shown(shown, "l")
        await shown.shows("✗ no right to read")
        await press_what_is_shown(shown, "enter")
        await shown.shows("ErrorImpersonateUserDenied")
        await shown.shows("if (-not (Get-ManagementScope")
        await shown.shows("c copies it all")
        await press_what_is_shown(shown, "c")
        assert "New-ManagementRoleAssignment -Name 'calendar-engine' -Role" in shown.app.clipboard


async def test_the_master_pbx_has_another_name(tmp_path: Path) -> None:
    people = [person for person in PEOPLE if person.may_impersonate]
    async with site_in_trouble(tmp_path, people, pbx={"master": "branch"}) as (_, socket), terminal(socket) as shown:
        await shown.shows("✗ This is not the master PBX")
        await press_what_is_shown(shown, "enter")
        await shown.shows("headquarters")
        await press_what_is_shown(shown, "4")
        await shown.shows("PBX Name of the one PBX whose users are synchronised")
        await press_what_is_shown(shown, "enter")
        await shown.press(*["backspace"] * len("branch"), *"headquarters", "enter")
        await shown.shows("1 changed, not applied yet")
        await press_what_is_shown(shown, "d")
        await shown.shows("+ headquarters")
        await press_what_is_shown(shown, "a")
        await shown.shows("Changed: the PBX is connected to again")
        await press_what_is_shown(shown, "escape")
        await shown.shows("PBX       ✓ working")
        await shown.shows("6 users")


async def test_exchange_is_overloaded(tmp_path: Path) -> None:
    people = [person for person in PEOPLE if person.may_impersonate]
    async with site_in_trouble(tmp_path, people) as (company, socket):
        company.exchange.faults.add(server_busy(5000))
        async with terminal(socket) as shown:
            await press_what_is_shown(shown, "3")
            await shown.shows("✗ mailbox busy")
            await press_what_is_shown(shown, "i")
            await shown.shows("✗ Exchange asks for a pause for this mailbox")
            while "▸✗" not in shown.grid():
                await shown.press("down")
            await press_what_is_shown(shown, "enter")
            await shown.shows("code:ErrorServerBusy")
            await press_what_is_shown(shown, "enter")
            await shown.shows("ErrorServerBusy")
            await shown.shows("→ ")


async def test_nothing_is_set_up_yet(tmp_path: Path) -> None:
    dependencies = Dependencies(environment={}, observe=lambda _: None)
    async with open_daemon(tmp_path / "none.toml", None, dependencies, state_dir=tmp_path / "state") as site:
        with open_sockets(tmp_path / "engine.sock", None, {}) as sockets:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(site.service.run())
                serving = group.create_task(
                    ApiServer(site.api_state, sockets, site.service.keep, more=site.parts).serve()
                )
                async with terminal(sockets.main) as shown:
                    await shown.shows("Nothing is set up yet. It takes about ten minutes")
                    await shown.shows("▸ Set up now")
                    await shown.eventually(lambda: f"✓{tmp_path}" in "".join(shown.grid().split()))
                    assert "read again" not in shown.grid(), "there is nothing to read yet"
                    await shown.press("r")
                    await shown.shows("choose below how to begin")
                running.cancel()
                serving.cancel()
