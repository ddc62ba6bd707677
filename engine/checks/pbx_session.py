"""A connection to the PBX of its own, for work that begins once the users are known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.checks.pbx import LinkEventCollector
from engine.core.users import User
from engine.pbx.errors import PbxNotConnected
from engine.pbx.events import PbxEvent
from engine.sync.link import Link


@dataclass(frozen=True, slots=True)
class PbxSession:
    """A connected link, with the users of the PBX and its system name."""

    link: Link
    users: tuple[User, ...]
    domain: str


@asynccontextmanager
async def connected(
    make_link: Callable[[Callable[[PbxEvent], None]], Link], domain: str, patience: float
) -> AsyncIterator[PbxSession]:
    """Context manager that connects, and copies the users. `domain` is the system name unless the PBX tells it.

    Raises the failure of the link, or `PbxNotConnected` if there is no log-in within `patience` seconds.
    """
    heard = LinkEventCollector()
    link = make_link(heard)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(link.run())
            try:
                await _ready(heard, patience)
                found = heard.login.domain if heard.login else ""
                yield PbxSession(link, tuple(heard.users.values()), found or domain)
            finally:
                running.cancel()
    except BaseExceptionGroup as failures:
        [failure] = failures.exceptions  # that of the body, which the group has wrapped
        raise failure from None


async def _ready(heard: LinkEventCollector, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            while heard.login is None and heard.failure is None:
                await heard.news()
    except TimeoutError as error:
        raise PbxNotConnected(f"there was no log-in within {patience:.0f} s") from error
    while not heard.complete and heard.failure is None:
        await heard.news()
    if heard.failure is not None:
        raise heard.failure
