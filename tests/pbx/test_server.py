"""The PBX connects to the engine: log-in, users and presence, and which connection is used."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.pbx.admission import FAILURES_IN_A_ROW, FORGIVEN_AFTER
from engine.pbx.certificate import PresentedCertificate
from engine.pbx.errors import (
    PbxConnectionLost,
    PbxNotConnected,
    PbxPasswordWrong,
    PbxRightsMissing,
    PbxUnreachable,
    UserLoginRefused,
    WrongPbx,
)
from engine.pbx.events import LinkDown, LinkUp, Listening, PbxAccepted, PbxDeclined, PbxEvent, UsersComplete
from engine.pbx.server import PbxListener
from engine.pbx.trace import PbxTrace
from engine.settings.model import PbxLinkKind, PbxSettings
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.pbx.connection import AppObject
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import Behaviour, PbxInfoSent
from tests.pbx.support import PASSWORD, Heard, guid_of, pbx_user, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, eventually, patience
from tests.support.quiescence import quiescence

ANNA = pbx_user(1, h323="anna")
BEN = pbx_user(2, h323="ben")
BUSY = Presence("busy", "Besprechung & Kaffee")
PATH = "/calendar/sync/engine"


class IssuedByTheSimulator:
    """A certificate that the simulated PBX trusts; making keys for every test would be slow."""

    def __init__(self) -> None:
        self.authority = CertificateAuthority()
        self.fingerprint = "AA"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority.pem.decode())

    def load(self, context: ssl.SSLContext, now: datetime) -> PresentedCertificate:
        self.authority.issue_into(context, "127.0.0.1")
        return PresentedCertificate(self.fingerprint, now + timedelta(days=365))


@dataclass
class Site:
    listener: PbxListener
    heard: Heard
    clock: ManualClock
    certificate: IssuedByTheSimulator
    port: int

    def app_object(self, name: str = "calendar", **changes: Any) -> AppObject:
        guid = f"{abs(hash(name)):032x}"[:32]
        return AppObject(url=f"https://127.0.0.1:{self.port}{PATH}/{name}", name=name, guid=guid, **changes)

    def connecting(self, pbx: PbxSimulator, name: str = "calendar", **changes: Any) -> Any:
        return pbx.connecting(self.app_object(name, **changes), self.certificate.trust)


def listen_settings(**changes: Any) -> PbxSettings:
    plain = PbxSettings(master="master", link=PbxLinkKind.LISTEN, listen_address="127.0.0.1", listen_port=0)
    return replace(plain, **changes)


@asynccontextmanager
async def listening(
    clock: ManualClock,
    *,
    heard: Heard | None = None,
    trace: PbxTrace | None = None,
    undelivered_for: timedelta | None = None,
    **changes: Any,
) -> AsyncIterator[Site]:
    heard, certificate = heard or Heard(), IssuedByTheSimulator()
    settings = listen_settings(**changes)
    listener = PbxListener(
        settings, PASSWORD, clock, heard, certificate=certificate, trace=trace, undelivered_for=undelivered_for
    )
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(listener.run())
        try:
            told = await heard.first(Listening)
            yield Site(listener, heard, clock, certificate, int(told.url.split(":")[2].partition("/")[0]))
        finally:
            run.cancel()


async def test_before_anybody_comes_the_url_for_the_app_object_is_told() -> None:
    async with listening(ManualClock(), app="kalender") as site:
        down = await site.heard.down()
        url = f"https://127.0.0.1:{site.port}{PATH}/kalender"
        assert site.heard.of(Listening) == [Listening(url, "AA")]
        assert isinstance(down.failure, PbxNotConnected)
        assert url in str(down.failure)
        assert down.retry_at is None
        with pytest.raises(PbxUnreachable, match="not connected"):
            await site.listener.set_presence(ANNA.guid, BUSY)


async def test_users_and_presence_over_a_connection_that_the_pbx_opened() -> None:
    clock = ManualClock()
    users = [pbx_user(number) for number in range(1, 101)]
    pbx = simulator(clock, ANNA, *users[2:])
    async with listening(clock) as site, site.connecting(pbx):
        complete = await site.heard.complete()
        assert len(complete.guids) == 99
        assert site.heard.ups == [LinkUp("master", "example.com")]
        await site.listener.set_presence(ANNA.guid, BUSY)
        assert pbx.calendar_presence(ANNA.guid) == BUSY
        assert await site.listener.read_presence("anna") == BUSY
        pbx.add_user(BEN)
        await eventually(lambda: "ben" in site.heard.names_seen)


async def test_what_a_pbx_asks_of_an_app_is_answered() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, behaviour=Behaviour(asks_about_the_app=True))
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        await eventually(lambda: pbx.ledger.answers == ["AppInfoResult", "CheckBuildResult"])
        pbx.behaviour.garbage = '{"mt":"KeepAlive"}'
        pbx.add_user(BEN)
        pbx.behaviour.garbage = '{"mt":"SomethingNew","src":"7"}'
        pbx.add_user(pbx_user(3))
        await site.listener.set_presence(ANNA.guid, BUSY)
        assert pbx.ledger.keep_alives == 0


async def test_a_dropped_connection_is_told_and_the_next_one_used() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        pbx.drop()
        down = await site.heard.down(1)
        assert isinstance(down.failure, PbxUnreachable)
        assert down.retry_at is None
        await site.heard.first(UsersComplete, after=1)
        await site.listener.set_presence(ANNA.guid, BUSY)


async def test_another_password_is_refused_and_told_once_however_often_it_comes() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx, password=Secret("wrong")):
        await eventually(lambda: len(pbx.ledger.logins) >= 3)
        (told,) = site.heard.of(PbxDeclined)
        assert told.name == "127.0.0.1"
        assert isinstance(told.failure, PbxPasswordWrong)
        assert "calendar" in told.failure.detail
        assert not any(login.accepted for login in pbx.ledger.logins)
        assert len(pbx.ledger.challenges_met) == len(pbx.ledger.logins)
        assert site.heard.ups == []


async def test_after_many_refused_log_ins_an_address_has_to_wait_for_some_seconds() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    pbx.reconnect_seconds = 0.001
    async with listening(clock) as site:
        async with site.connecting(pbx, password=Secret("wrong")):
            await eventually(lambda: len(pbx.ledger.logins) == FAILURES_IN_A_ROW)
            dialled = pbx.ledger.dials
            await eventually(lambda: pbx.ledger.dials > dialled + 10)
            assert len(pbx.ledger.logins) == FAILURES_IN_A_ROW
        async with site.connecting(pbx):
            await clock.advance_to(clock.now() + FORGIVEN_AFTER)
            await site.heard.complete()


@pytest.mark.slow
@pytest.mark.parametrize("refused", [1, 5, FAILURES_IN_A_ROW - 1])
async def test_after_wrong_passwords_the_right_one_gets_in_at_once(refused: int) -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    pbx.reconnect_seconds = 3600  # one log-in each, however late the test looks
    async with listening(clock) as site:
        for attempt in range(refused):
            async with site.connecting(pbx, password=Secret("wrong")):
                await eventually(lambda attempt=attempt: len(pbx.ledger.logins) > attempt)  # type: ignore[misc]
        async with site.connecting(pbx):
            await site.heard.complete()


async def test_a_user_without_groups_who_opens_the_app_is_no_pbx() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx, user="anna", names_object=False):
        await eventually(lambda: pbx.ledger.logins)
        assert not pbx.ledger.logins[0].accepted
        assert site.heard.ups == []


async def test_what_a_peer_tells_of_itself_before_the_log_in_is_not_looked_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, name="other\n2026-03-02 all is well\x1b[2J")
    pbx.behaviour.pbx_info = PbxInfoSent.BEFORE_LOGIN
    async with listening(clock) as site:
        async with site.connecting(pbx, password=Secret("wrong")):
            told = await site.heard.first(PbxDeclined)
            assert (told.name, type(told.failure)) == ("127.0.0.1", PbxPasswordWrong)
        async with site.connecting(pbx):
            after_log_in = await site.heard.first(PbxDeclined, after=1)
            assert isinstance(after_log_in.failure, WrongPbx)
            assert after_log_in.name.isprintable()
            assert str(after_log_in.failure).isprintable()
    assert "all is well" not in caplog.text


async def test_no_message_of_a_pbx_that_connects_speaks_of_pbx_host() -> None:
    for kind in (PbxNotConnected, PbxPasswordWrong, PbxRightsMissing, UserLoginRefused, WrongPbx):
        assert "pbx.host" not in kind.remedy
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        pbx.drop()
        failure = (await site.heard.down(1)).failure
        assert "pbx.host" not in failure.remedy
        assert isinstance(failure, PbxConnectionLost)


async def test_a_user_who_opens_the_app_is_refused_politely_and_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    pbx.reconnect_seconds = 0.001
    async with listening(clock) as site:
        async with site.connecting(pbx, user="anna"):
            await eventually(lambda: len(pbx.ledger.logins) > FAILURES_IN_A_ROW)
            assert not any(login.accepted for login in pbx.ledger.logins)
            assert UserLoginRefused.meaning in caplog.text
            assert site.heard.ups == []
            assert site.heard.of(PbxDeclined) == []
        async with site.connecting(pbx):
            await site.heard.complete()


async def test_whoever_was_turned_away_and_is_right_now_is_welcome() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site:
        async with site.connecting(pbx, password=Secret("wrong")):
            await site.heard.first(PbxDeclined)
        async with site.connecting(pbx, apis=frozenset({"PbxApi"})):
            await site.heard.first(PbxDeclined, after=1)
        async with site.connecting(pbx):
            await site.heard.complete()
        assert {event.name for event in site.heard.of(PbxAccepted)} == {"127.0.0.1", "master"}


async def test_a_pbx_that_is_not_the_master_is_refused_by_name_and_the_master_is_used() -> None:
    clock = ManualClock()
    branch, master = simulator(clock, BEN, name="branch"), simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(branch):
        told = await site.heard.first(PbxDeclined)
        assert (told.name, type(told.failure)) == ("branch", WrongPbx)
        async with site.connecting(master):
            complete = await site.heard.complete()
            assert complete.guids == {ANNA.guid}
            await site.listener.set_presence(ANNA.guid, BUSY)
        assert branch.ledger.replications == []
        assert branch.ledger.writes == []
        assert len(site.heard.of(PbxDeclined)) == 1


@pytest.mark.parametrize("missing", ["PbxApi", "PbxTableUsers"])
async def test_an_app_object_without_a_right_is_refused_and_one_with_it_used(missing: str) -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    apis = frozenset({"PbxApi", "PbxTableUsers"} - {missing})
    async with listening(clock) as site, site.connecting(pbx, "poor", apis=apis):
        told = await site.heard.first(PbxDeclined)
        assert (told.name, type(told.failure)) == ("master", PbxRightsMissing)
        assert told.failure.detail == missing
        async with site.connecting(pbx, "rich"):
            await site.heard.complete()


async def test_two_app_objects_of_the_master_are_one_link() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, BEN)
    async with listening(clock) as site, site.connecting(pbx, "one"):
        await site.heard.complete()
        async with site.connecting(pbx, "two"):
            await eventually(lambda: pbx.connections == 2 and len(pbx.ledger.logins) == 2)
            await quiescence()
            assert len(pbx.ledger.replications) == 1
            assert len(site.heard.ups) == 1
            await site.listener.set_presence(ANNA.guid, BUSY)
            assert len(pbx.ledger.writes) == 1


async def test_one_that_stands_by_takes_over() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site:
        async with site.connecting(pbx, "one"):
            await site.heard.complete()
            standing_by = await asyncio.wait_for(_entered(site.connecting(pbx, "two")), PATIENCE)
            await eventually(lambda: len(pbx.ledger.logins) == 2)
            await quiescence()
        try:
            await site.heard.first(UsersComplete, after=1)
            kinds = [type(event) for event in site.heard.events if not isinstance(event, Listening)]
            assert kinds.index(LinkUp) < len(kinds) - 1 - kinds[::-1].index(LinkDown)
            await site.listener.set_presence(ANNA.guid, BUSY)
        finally:
            await standing_by.__aexit__(None, None, None)


async def _entered(context: Any) -> Any:
    await context.__aenter__()
    return context


async def test_an_app_object_that_connects_anew_replaces_its_own_former_connection() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        async with site.connecting(pbx):
            down = await site.heard.down(1)
            assert isinstance(down.failure, PbxConnectionLost)
            assert down.failure.detail == "the PBX connected again"
            await site.heard.first(UsersComplete, after=1)


async def test_a_pbx_that_never_tells_its_name_is_given_up_after_ten_seconds() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA, behaviour=Behaviour(pbx_info=PbxInfoSent.NEVER_AT_ALL))
    async with listening(clock) as site, site.connecting(pbx):
        await eventually(lambda: pbx.ledger.logins)
        await quiescence()
        assert pbx.connections == 1
        await clock.advance(10)
        await eventually(lambda: len(pbx.ledger.logins) == 2)
        assert pbx.ledger.replications == []
        assert site.heard.ups == []


async def test_stopping_closes_the_port_and_every_connection() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    pbx.reconnect_seconds = 60.0
    async with listening(clock) as site:
        connecting = await _entered(site.connecting(pbx))
        await site.heard.complete()
    try:
        await eventually(lambda: pbx.connections == 0)
        assert len(site.heard.of(LinkDown)) == 1
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", site.port)
    finally:
        await connecting.__aexit__(None, None, None)


async def test_unknown_users_are_refused_one_by_one() -> None:
    clock = ManualClock()
    pbx = simulator(clock, ANNA)
    async with listening(clock) as site, site.connecting(pbx):
        await site.heard.complete()
        with pytest.raises(Exception, match="unknown user"):
            await site.listener.set_presence(guid_of(9), BUSY)
        await site.listener.set_presence(ANNA.guid, BUSY)


async def test_a_mistake_of_ours_at_the_end_of_a_connection_ends_the_listening() -> None:
    """Nobody would be used any more after it: it is for whoever keeps the link, and no bad manners of the PBX."""

    class Clumsy(Heard):
        def __call__(self, event: PbxEvent) -> None:
            super().__call__(event)
            if isinstance(event, LinkDown) and isinstance(event.failure, PbxConnectionLost):
                raise ZeroDivisionError

    async def lose_it() -> None:
        clock = ManualClock()
        pbx = simulator(clock, ANNA)
        async with patience(), listening(clock, heard=Clumsy()) as site, site.connecting(pbx):
            await site.heard.complete()
            pbx.drop()
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await lose_it()
    assert caught.value.subgroup(ZeroDivisionError) is not None
