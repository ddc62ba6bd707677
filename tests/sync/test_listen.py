"""The whole engine with a PBX that connects: every presence is right, and only the master is written to."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.pbx.errors import PbxNotConnected, PbxUnreachable, WrongPbx
from engine.simulator.company import MASTER, PBX_PASSWORD, Company
from engine.simulator.pbx.connection import AppObject
from engine.simulator.pbx.server import PbxSimulator
from engine.sync.events import ConnectionLost, ConnectionRestored, ListeningForPbx, PbxRejected, PresenceConfirmed, Side
from tests.support.clock import ManualClock
from tests.support.site import Site, running_engine

pytestmark = [pytest.mark.slow, pytest.mark.few]

MONDAY = date(2026, 3, 2)


@pytest.fixture
async def company(company: Company) -> AsyncIterator[Company]:
    async with company:
        yield company


@asynccontextmanager
async def listening_engine(company: Company, clock: ManualClock, directory: Path, **pbx: Any) -> AsyncIterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = {"link": "listen", "listen_address": "127.0.0.1", "listen_port": port, "listen_names": ["127.0.0.1"]}
    tables = {"pbx": {**listen, **pbx}, "engine": {"state_dir": str(directory / "state")}}
    async with running_engine(company, clock, directory, tables) as site:
        await site.happens(ListeningForPbx)
        yield site


async def connecting(
    site: Site, directory: Path, pbx: PbxSimulator, name: str = "calendar"
) -> AbstractAsyncContextManager[None]:
    """Let a PBX connect as an administrator would have it: with the URL and the certificate that the engine shows."""
    listening = await site.happens(ListeningForPbx)
    url = listening.url.rpartition("/")[0] + f"/{name}"
    trust = ssl.create_default_context(cafile=directory / "state" / "pbx-listen.pem")
    return pbx.connecting(AppObject(url=url, name=name, guid=name.encode().hex()), trust)


async def test_the_pbx_shows_what_the_calendars_say(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with listening_engine(company, clock, tmp_path) as site:
        waiting = await site.happens(ConnectionLost, lambda each: each.side is Side.PBX)
        assert isinstance(waiting.failure, PbxNotConnected)
        async with await connecting(site, tmp_path, company.pbx):
            await site.settled()
            assert site.wrong() == {}
            await site.pass_time(minutes=15)
            assert site.wrong() == {}
            assert site.engine.status().pbx.works


async def test_after_a_drop_only_what_changed_is_written(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with listening_engine(company, clock, tmp_path) as site:
        async with await connecting(site, tmp_path, company.pbx):
            await site.settled()
        await site.happens(ConnectionLost, lambda each: isinstance(each.failure, PbxUnreachable))
        before = {person.guid: site.shown(person) for person in company.world.people}
        written = len(company.pbx.ledger.writes)
        await clock.advance(15 * 60)
        async with await connecting(site, tmp_path, company.pbx):
            await site.settled()
            assert site.wrong() == {}
        changed = [person for person in company.world.people if site.shown(person) != before[person.guid]]
        assert changed
        assert len(company.pbx.ledger.writes) == written + len(changed)


async def test_a_second_pbx_is_refused_by_name_and_never_written_to(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    replicated = company.pbx.users
    branch = PbxSimulator(clock, name="branch", password=PBX_PASSWORD, users=replicated)
    async with listening_engine(company, clock, tmp_path) as site:
        async with (
            await connecting(site, tmp_path, branch),
            await connecting(site, tmp_path, company.pbx),
            await connecting(site, tmp_path, company.pbx, "second"),
        ):
            await site.settled()
            refused = await site.happens(PbxRejected)
            assert (refused.name, type(refused.failure)) == ("branch", WrongPbx)
            assert MASTER in str(refused.failure)
            assert set(site.engine.status().refused_pbxs) == {"branch"}
            assert site.wrong() == {}
        assert branch.ledger.writes == []
        confirmed = [each.user.guid for each in site.events if isinstance(each, PresenceConfirmed)]
        assert len(confirmed) == len(set(confirmed)) == len(company.pbx.ledger.writes)
        assert sum(isinstance(each, ConnectionRestored) and each.side is Side.PBX for each in site.events) == 1
