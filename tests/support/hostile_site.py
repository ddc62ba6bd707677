"""A site with control characters in everything that servers send: simulators, engine and API."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from engine.daemon.daemon import Daemon, Dependencies, open_daemon
from engine.daemon.log_formats import text_on
from engine.daemon.log_handler import LogHandler
from engine.debuglog.entry import EntryRow
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.faults import ErrorCode, RedirectAddress, RedirectUrl, Reply, redirect
from engine.simulator.world import CalendarItem, Correspondent, Person, World
from engine.simulator.world.world import StatedZone
from engine.store.secrets import ENVIRONMENT
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.exchanges import traced
from tests.support.hostile import HOSTILE, LONG, NAME
from tests.support.idle_time import pauses_pass_quickly
from tests.support.serving import serving
from tests.support.site import collect_cancelled_handshakes, ews_schema

HALF = f"Half \ud83d {NAME}"
"""With half of a surrogate pair, as a program may have cut it off."""

IN_HEADER = "".join(letter for letter in HOSTILE if letter >= " ")
"""What the HTTP library sends and takes in a header."""

DAY = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")


def address(name: str) -> str:
    return f"{name}@corp.example"


WELL, LONG_NAMED, HALVED = "well", "long", "halved"
CODED, MESSAGE, FAULT, PAGE, HEADERS, LED, READDRESSED, ELSEWHERE, UNSHOWN, UNKNOWN, TWIN, OTHER_TWIN = (
    *("coded", "message", "fault", "page", "headers", "led", "readdressed", "elsewhere", "unshown", "unknown"),
    *("twin", "othertwin"),
)
"""What is the matter with each user."""

EVERYBODY = (
    *(WELL, LONG_NAMED, HALVED, CODED, MESSAGE, FAULT, PAGE, HEADERS, LED, READDRESSED, ELSEWHERE, UNSHOWN, UNKNOWN),
    *(TWIN, OTHER_TWIN),
)


def display_name(name: str) -> str:
    return f"{name} {LONG if name == LONG_NAMED else HALF if name == HALVED else NAME}"


def user_name(name: str) -> str:
    return f"{name}{LONG if name == LONG_NAMED else NAME}"


def hostile_world() -> World:
    """Return a company with hostile names everywhere."""
    people = []
    for name in EVERYBODY:
        mailbox = None if name in (UNKNOWN, OTHER_TWIN) else address(name)
        listed = {UNKNOWN: (f"x{HOSTILE}@corp.example", address(name)), OTHER_TWIN: (address(TWIN),)}
        people.append(
            Person(
                name=name,
                display_name=display_name(name),
                mailbox=mailbox,
                pbx_addresses=listed.get(name, (address(name),)),
            )
        )
    world = World(DAY, BERLIN, people)
    for person in people:
        if person.mailbox is not None:
            world.put(person.mailbox, hostile_item(world))
    return world


def hostile_item(world: World, at: str = "09:00-10:00") -> CalendarItem:
    return world.appointment(
        "m",
        at,
        subject=HALF,
        location=NAME,
        organizer=Correspondent(NAME, f"boss{HOSTILE}@corp.example"),
        stated_zone=StatedZone(NAME, NAME, "Europe/Berlin"),
    )


def plant(company: Company) -> None:
    """Make both servers send harmful texts wherever they can."""
    for user in company.pbx.users:
        named = msgspec.structs.replace(
            user, h323=user_name(user.h323), groups=(NAME,), config=NAME, node=NAME, e164=NAME, h323_email=False
        )
        company.pbx.update_user(named)
    unshown = company.world.person(UNSHOWN)
    company.pbx.behaviour.refused_presence[unshown.guid] = NAME
    for person in company.world.people:
        company.pbx.set_manual(person.guid, "busy", HALF)
        company.pbx.set_by_another_program(person.guid, "away", NAME)
    faults = company.exchange.faults
    faults.add(ErrorCode(f"Error{NAME}", NAME, {NAME: NAME}), mailbox=address(CODED))
    faults.add(ErrorCode("ErrorInternalServerError", NAME, {"Name": NAME}), mailbox=address(MESSAGE))
    faults.add(ErrorCode(f"Error{HALF}", NAME, in_fault=True), mailbox=address(FAULT))
    headers = {"X-FEServer": IN_HEADER, "Content-Type": f"text/html; charset={IN_HEADER}", "Retry-After": IN_HEADER}
    page = f'<html><title>{NAME}</title><form action="https://sso.example/{IN_HEADER}">'.encode()
    faults.add(Reply(200, page, headers), mailbox=address(PAGE))
    faults.add(Reply(500, NAME.encode(), headers), mailbox=address(HEADERS))
    faults.add(redirect(f"https://sso.example/{IN_HEADER}"), mailbox=address(LED))
    faults.add(RedirectAddress(f"x{HOSTILE}@corp.example"), mailbox=address(READDRESSED), operation="GetUserSettings")
    faults.add(RedirectUrl(f"https://sso.example/{NAME}"), mailbox=address(ELSEWHERE), operation="GetUserSettings")


@dataclass
class HostileSite:
    company: Company
    site: Daemon
    clock: ManualClock
    socket: Path
    log: io.StringIO
    records: list[logging.LogRecord]

    async def settled(self) -> None:
        """Wait until every calendar was read, or has a problem."""
        current = self.site.service.current
        await eventually(lambda: current.engine is not None)
        assert current.engine is not None
        async with patience():
            await current.engine.settled()
        await self._written_down()

    async def _written_down(self) -> None:
        """Wait until the debug log has written everything."""
        capture, rows = self.site.installation.debug_log.capture, list[EntryRow]()
        capture.observe(rows.extend)
        capture.take(traced(failure=NAME))
        await eventually(lambda: any(row.failure == NAME for row in rows))


@contextmanager
def logging_to(stream: io.StringIO) -> Iterator[list[logging.LogRecord]]:
    """Context manager that logs as `calendar-engine run` does, and returns the records."""
    records: list[logging.LogRecord] = []

    class Handler(LogHandler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)
            super().emit(record)

    root, ours = logging.getLogger(), logging.getLogger("engine")
    level, handler = ours.level, Handler(text_on(stream))
    ours.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield records
    finally:
        root.removeHandler(handler)
        ours.setLevel(level)


@asynccontextmanager
async def hostile_site(directory: Path, *, dry_run: bool = False) -> AsyncIterator[HostileSite]:
    """Run everything; every EWS request is validated against the schema by the simulator."""
    world, stream = hostile_world(), io.StringIO()
    clock = ManualClock(world.instant("09:05"))
    file, socket = directory / "settings.toml", directory / "engine.sock"
    secrets = {"exchange.password": EXCHANGE_PASSWORD, "pbx.password": PBX_PASSWORD}
    with logging_to(stream) as records:
        async with Company(world, directory, clock, schema=ews_schema()) as company:
            plant(company)
            file.write_text(
                company.settings(
                    presence={"show_subject": True, "note_max_length": 200},
                    debug_log={"ews": True, "subjects": True},
                    engine={"dry_run": dry_run},
                )
            )
            dependencies = Dependencies(
                environment={ENVIRONMENT[name]: secret.reveal() for name, secret in secrets.items()},
                clock=clock,
                network_clock=pauses_pass_quickly(),
                resolver=RoutedResolver(company.exchange.routes),
            )
            try:
                async with open_daemon(file, None, dependencies, directory / "state") as site, serving(site, socket):
                    hostile = HostileSite(company, site, clock, socket, stream, records)
                    await hostile.settled()
                    yield hostile
            finally:
                collect_cancelled_handshakes()
