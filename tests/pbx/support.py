"""A link and a simulated PBX, connected over a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.pbx.client import PbxLink
from engine.pbx.events import LinkDown, LinkUp, PbxEvent, UsersComplete, UserSeen
from engine.pbx.trace import PbxTrace
from engine.settings.model import PbxSettings
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import Behaviour, PbxUser
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

PASSWORD = Secret("s3cret")

Event = TypeVar("Event")


def guid_of(number: int) -> str:
    return f"{number:032x}"


def pbx_user(number: int, **properties: Any) -> PbxUser:
    return PbxUser(**{"guid": guid_of(number), "h323": f"user{number}", "loc": "master", **properties})


def simulator(clock: ManualClock, *users: PbxUser, **options: Any) -> PbxSimulator:
    behaviour = options.pop("behaviour", None) or Behaviour()
    return PbxSimulator(clock, users=users, behaviour=behaviour, **{"password": PASSWORD, **options})


class Heard:
    """What a link told, in order."""

    def __init__(self) -> None:
        self.events: list[PbxEvent] = []

    def __call__(self, event: PbxEvent) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[Event], after: int = 0) -> Event:
        """Return the first event of `kind`, leaving out the first `after` ones."""
        await eventually(lambda: len(self.of(kind)) > after)
        return self.of(kind)[after]

    async def complete(self) -> UsersComplete:
        return await self.first(UsersComplete)

    async def down(self, after: int = 0) -> LinkDown:
        return await self.first(LinkDown, after)

    @property
    def names_seen(self) -> list[str]:
        return [event.user.name for event in self.of(UserSeen)]

    @property
    def ups(self) -> list[LinkUp]:
        return self.of(LinkUp)


def next_try(down: LinkDown) -> datetime:
    assert down.retry_at is not None
    return down.retry_at


def settings_for(pbx: PbxSimulator, **changes: Any) -> PbxSettings:
    plain = PbxSettings(master="master", host=pbx.host, port=pbx.port, tls=pbx.tls is not None)
    return replace(plain, **changes)


@asynccontextmanager
async def running_link(
    settings: PbxSettings,
    clock: Clock,
    *,
    password: Secret = PASSWORD,
    tls: ssl.SSLContext | None = None,
    random: Random | None = None,
    heard: Heard | None = None,
    trace: PbxTrace | None = None,
    undelivered_for: timedelta | None = None,
) -> AsyncIterator[tuple[PbxLink, Heard]]:
    heard = heard or Heard()
    link = PbxLink(
        settings,
        password,
        clock,
        heard,
        tls=tls,
        random=random or Random(1),
        trace=trace,
        undelivered_for=undelivered_for,
    )
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(link.run())
        try:
            yield link, heard
        finally:
            run.cancel()
