"""The subject of what is private or confidential is nowhere: neither in PBX, API and TUI, nor in the store and logs."""

import io
import itertools
import json
import logging
import os
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from msgspec.structs import replace

from calendar_tui.app import MAIN_VIEWS
from engine.core.appointments import Sensitivity
from engine.daemon.daemon import Daemon, Dependencies, open_daemon
from engine.simulator.company import CloudCompany, RoutedResolver
from engine.simulator.world import World, generate
from engine.store.secrets import ENVIRONMENT
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.idle_time import pauses_pass_quickly
from tests.support.serving import serving
from tests.support.site import collect_cancelled_handshakes
from tests.support.tui import terminal

pytestmark = pytest.mark.slow

ITEMS = int(os.environ.get("PRIVATE_ITEMS", "600"))
PEOPLE = 20
SECRET, SHOWN = "Scheidungsanwalt", "Besprechung"
"""Part of every subject that nobody may see, and of every other one."""


@dataclass
class Place:
    company: CloudCompany
    daemon: Daemon
    clock: ManualClock
    socket: Path

    async def hours_pass(self, hours: float) -> None:
        await self.clock.advance(hours * 3600)
        await self.settled()

    async def settled(self) -> None:
        current = self.daemon.service.current
        await eventually(lambda: current.engine is not None)
        assert current.engine is not None
        async with patience():
            await current.engine.settled()


def planted(world: World) -> World:
    """Give everybody private and confidential items, one after the other through the day."""
    for number, person in zip(range(ITEMS), itertools.cycle(world.people), strict=False):
        minute = number * 24 * 60 // ITEMS
        item = world.appointment(
            f"s{number}", "00:00-00:30", subject=f"{SECRET} Nº {number}", location=f"{SECRET} Köln"
        )
        sensitivity = (Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL)[number // PEOPLE % 2]
        begin = world.instant(f"{minute // 60:02}:{minute % 60:02}")
        item = replace(item, start=begin, end=begin + (item.end - item.start), sensitivity=sensitivity)
        world.put(person.mailbox or "", item)
    return world


@asynccontextmanager
async def running(world: World, directory: Path) -> AsyncIterator[Place]:
    clock = ManualClock(world.instant("00:00"))
    file, socket, state = directory / "settings.toml", directory / "engine.sock", directory / "state"
    async with CloudCompany(world, directory, clock) as company:
        file.write_text(
            company.settings(
                presence={"show_subject": True},
                exchange={"poll_seconds": 3600},
                debug_log={"ews": True, "pbx": True, "subjects": False},
            )
        )
        dependencies = Dependencies(
            environment={ENVIRONMENT[name]: secret.reveal() for name, secret in company.secrets.items()},
            clock=clock,
            network_clock=pauses_pass_quickly(),
            resolver=RoutedResolver(company.routes),
        )
        try:
            async with open_daemon(file, None, dependencies, state) as daemon, serving(daemon, socket):
                place = Place(company, daemon, clock, socket)
                await place.settled()
                yield place
        finally:
            collect_cancelled_handshakes()


async def test_it_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = planted(generate(PEOPLE, 4, date(2026, 3, 2), ZoneInfo("UTC")))
    async with running(world, tmp_path) as place:
        for _ in range(4):
            await place.hours_pass(2)
        told = {"PBX": repr(place.company.pbx.ledger.writes)}
        told["API"] = "".join([text async for text in answers(place)])
        told["TUI"] = "".join([text async for text in screens(place)])
        told["files"] = "".join(each.read_bytes().decode(errors="replace") for each in files(tmp_path / "state"))
        told["log"] = caplog.text
        secrets = [secret.reveal() for secret in place.company.secrets.values()]
    assert {"AppLogin", "ReplicateNext", "SetPresence"} <= operations(told["API"])
    assert [where for where, text in told.items() for secret in secrets if secret in text] == []
    assert re.findall(r'"(?:digest|challenge)": ?"(?!\[blanked\]")[^"]*"', told["API"]) == []
    assert {where for where, text in told.items() if SHOWN in text} == {"PBX", "API", "TUI", "files"}
    assert {where: context(text) for where, text in told.items() if SECRET in text} == {}


async def answers(place: Place) -> AsyncIterator[str]:
    """What the API says to whoever may change everything: each path, each user, and each exchange of the debug log."""
    connector = aiohttp.UnixConnector(path=str(place.socket))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:

        async def get(path: str) -> bytes:
            async with session.get(path) as response:
                return await response.read()

        paths = json.loads(await get("/v1/openapi.json"))["paths"]
        users = [person.guid for person in place.company.world.people]
        exchanges: list[str] = []
        for words in ("", "peer:pbx op:App*", "peer:pbx"):
            page = await get(f"/v1/log/exchanges?limit=400&filter={words}")
            yield page.decode()
            exchanges += [str(row["id"]) for row in json.loads(page)["rows"]]
        assert exchanges
        for path in (path for path, methods in paths.items() if "get" in methods and not path.endswith("/events")):
            for value in users if "{guid}" in path else exchanges if "/exchanges/{" in path else [""]:
                answer = await get(re.sub(r"{\w+}", value, path))
                yield answer.decode(errors="replace")
                if answer.startswith(b"PK"):
                    with zipfile.ZipFile(io.BytesIO(answer)) as bundle:
                        for name in bundle.namelist():
                            yield bundle.read(name).decode(errors="replace")


async def screens(place: Place) -> AsyncIterator[str]:
    """What the terminal program shows, and lets one copy."""
    async with terminal(place.socket, size=(160, 50), real_time=place.clock.now) as shown:
        for name in MAIN_VIEWS:
            shown.app.frame.open_view(name)
            await shown.pilot.pause()
            yield shown.grid()
        for person in place.company.world.people[:3]:
            shown.app.frame.open_user(person.guid)
            await shown.shows(person.display_name)
            for key in ("y", "pagedown", "y"):
                await shown.press(key)
                yield shown.grid() + shown.app.clipboard
            await shown.press("escape")
        shown.app.frame.open_log("op:batch")
        await shown.shows("batch")
        await shown.press("home", "enter")
        for key in ("tab", "tab", "y", "v", "y", "tab", "y", "c"):
            await shown.press(key)
            yield shown.grid() + shown.app.clipboard


def operations(text: str) -> set[str]:
    """Return the operations of the rows of the log of the PBX in what the API said."""
    return {
        row["operation"]
        for page in re.findall(r'\{"rows":\[.*?\],"next":[^}]*\}', text)
        for row in json.loads(page)["rows"]
        if row["peer"] == "pbx"
    }


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def context(text: str) -> str:
    at = text.index(SECRET)
    return text[max(0, at - 300) : at + 100]
