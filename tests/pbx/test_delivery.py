"""Writes under a claim: what is not on its way by the end of the claim never gets there."""

import asyncio
import multiprocessing
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from engine.core.claims import Claim, LeaseEnded, WrittenTooLate
from engine.core.presence.model import Presence
from engine.pbx.client import PbxLink
from engine.pbx.delivery import LOOK
from engine.pbx.errors import Ender, PbxConnectionLost, PbxNotConnected, PbxUnreachable, PresenceRefused
from engine.pbx.events import LinkDown
from engine.pbx.server import PbxListener
from engine.settings.model import PbxSettings
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.pbx.server import PbxSimulator
from tests.pbx.support import Heard, pbx_user, running_link, settings_for, simulator
from tests.pbx.test_server import listening
from tests.support.claims import TestedClaim
from tests.support.clock import ManualClock
from tests.support.eventually import PATIENCE, eventually
from tests.support.quiescence import QuiescentLoop, quiescence
from tests.support.silence import hear_again, hear_nothing, needs_linux

pytestmark = pytest.mark.slow

ANNA, BEN = pbx_user(1, h323="anna"), pbx_user(2, h323="ben")
BUSY = Presence("busy", "until 10")
FOR_EVER = timedelta(seconds=PATIENCE)
SOME_SECONDS = timedelta(seconds=8)
"""Less than the time after which a request counts as unanswered."""

LONG = "a" * 1_000_000
MORE_THAN_THE_KERNEL_TAKES = 16
"""So many of the long names that some of them stay in the process as long as nobody reads."""


@dataclass
class Leased:
    """A link under a lease, and the PBX at its other end."""

    link: PbxLink | PbxListener
    pbx: PbxSimulator
    heard: Heard
    clock: ManualClock

    def write(self, claim: Claim, guid: str = ANNA.guid) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(self.link.set_presence(guid, BUSY, claim=claim))

    async def look(self) -> None:
        await self.clock.advance(LOOK.total_seconds())

    @property
    def losses(self) -> list[LinkDown]:
        return [each for each in self.heard.of(LinkDown) if not isinstance(each.failure, PbxNotConnected)]

    async def was_reset(self, reason: str) -> None:
        """Wait for the loss of the link, and see that the engine ended it for that reason."""
        await eventually(lambda: self.losses)
        failure = self.losses[0].failure
        assert isinstance(failure, PbxConnectionLost)
        assert failure.by is Ender.ENGINE
        assert reason in failure.detail


@asynccontextmanager
async def leased(kind: str, undelivered_for: timedelta = FOR_EVER) -> AsyncIterator[Leased]:
    """A link under a lease: dialled without TLS, dialled with it, or accepted."""
    clock = ManualClock()
    if kind == "accepted":
        pbx = simulator(clock, ANNA, BEN)
        async with listening(clock, undelivered_for=undelivered_for) as site, site.connecting(pbx):
            await site.heard.complete()
            yield Leased(site.listener, pbx, site.heard, clock)
        return
    authority = CertificateAuthority() if kind == "dialled, TLS" else None
    tls = authority.issue("127.0.0.1").context if authority else None
    trust = ssl.create_default_context(cadata=authority.pem.decode()) if authority else None
    async with (
        simulator(clock, ANNA, BEN, tls=tls) as pbx,
        running_link(settings_for(pbx), clock, tls=trust, undelivered_for=undelivered_for) as (link, heard),
    ):
        await heard.complete()
        yield Leased(link, pbx, heard, clock)


KINDS = pytest.mark.parametrize("kind", ["dialled", "dialled, TLS", "accepted"])


async def result(write: "asyncio.Task[None]") -> BaseException | None:
    await asyncio.wait([write])
    return write.exception()


@KINDS
async def test_a_claim_that_ends_while_the_message_waits_to_be_sent(kind: str) -> None:
    async with leased(kind) as ends:
        claim = TestedClaim()
        write = ends.write(claim)
        await asyncio.sleep(0)
        claim.end()
        assert type(await result(write)) is LeaseEnded
        assert await result(ends.write(TestedClaim(), BEN.guid)) is None
        assert [each.guid for each in ends.pbx.ledger.writes] == [BEN.guid]
        assert ends.losses == []


@KINDS
async def test_nothing_is_sent_behind_what_the_process_still_holds(kind: str) -> None:
    async with leased(kind) as ends, asyncio.TaskGroup() as tasks:
        ends.pbx.hang()
        for _ in range(MORE_THAN_THE_KERNEL_TAKES):
            tasks.create_task(refused(ends.link, LONG))
            await asyncio.sleep(0.001)
        ending = TestedClaim()
        too_late, in_time = ends.write(ending), ends.write(TestedClaim(), BEN.guid)
        await ends.look()
        ending.end()
        await ends.look()
        assert type(await result(too_late)) is LeaseEnded
        assert not in_time.done()
        ends.pbx.recover()
        await eventually(in_time.done, between=ends.look)
        assert await result(in_time) is None
        assert [each.guid for each in ends.pbx.ledger.writes] == [BEN.guid]


async def refused(link: PbxLink | PbxListener, name: str) -> None:
    with pytest.raises(PresenceRefused):
        await link.read_presence(name)


@KINDS
async def test_what_the_kernel_does_not_take_as_a_whole_is_not_sent_later(kind: str) -> None:
    async with leased(kind) as ends:
        ends.pbx.hang()
        with pytest.raises(PbxUnreachable):
            await ends.link.set_presence(ANNA.guid, Presence("busy", LONG * 16), claim=TestedClaim())
        await ends.was_reset("reads nothing")
        ends.pbx.recover()
        await eventually(lambda: not ends.pbx.connections)
        assert ends.pbx.ledger.writes == []


@KINDS
async def test_a_claim_that_ends_before_the_answer_ends_the_connection(kind: str) -> None:
    async with leased(kind, SOME_SECONDS) as ends:
        claim = TestedClaim()
        assert await result(ends.write(claim)) is None
        claim.end()
        await ends.clock.advance(1)
        await quiescence()
        assert ends.losses == [], "what is answered matters no longer"
        ends.pbx.behaviour.answers_presence = False
        claim = TestedClaim()
        write = ends.write(claim, BEN.guid)
        await eventually(lambda: len(ends.pbx.ledger.writes) == 2)
        await ends.clock.advance(1)
        assert not write.done()
        claim.end()
        await ends.look()
        await ends.clock.advance(SOME_SECONDS.total_seconds() - 1)
        await quiescence()
        assert ends.losses == [], "the answer may be on its way"
        await ends.clock.advance(1)
        assert isinstance(await result(write), PbxUnreachable)
        await ends.was_reset("before the PBX had answered")


async def test_a_stop_between_the_comparison_and_the_kernel_is_noticed() -> None:
    async with leased("dialled") as ends:
        assert isinstance(await result(ends.write(TestedClaim(comparisons=1))), WrittenTooLate)
        await ends.was_reset("while a presence was sent")


async def test_where_users_are_shared_nothing_is_written_without_a_claim() -> None:
    async with leased("dialled") as ends:
        with pytest.raises(LeaseEnded):
            await ends.link.set_presence(ANNA.guid, BUSY)
        await quiescence()
        assert ends.pbx.ledger.writes == []


@needs_linux
@KINDS
async def test_the_kernel_gives_up_what_is_not_acknowledged(kind: str) -> None:
    async with leased(kind, timedelta(milliseconds=100)) as ends:
        with end_of_the_pbx(accepts=kind != "accepted") as end:
            await hear_nothing(end)
            async with asyncio.timeout(PATIENCE / 2):  # long before a connection is given up that nobody limits
                assert isinstance(await result(ends.write(TestedClaim())), PbxUnreachable)
            await eventually(lambda: ends.losses)
            hear_again(end)
            await quiescence()
            assert ends.pbx.ledger.writes == []


@needs_linux
@KINDS
async def test_a_reset_discards_what_the_kernel_has_not_delivered(kind: str) -> None:
    async with leased(kind, SOME_SECONDS) as ends:
        with end_of_the_pbx(accepts=kind != "accepted") as end:
            await hear_nothing(end)
            claim = TestedClaim()
            write = ends.write(claim)
            await quiet_loop()
            claim.end()
            await ends.look()
            await ends.clock.advance(SOME_SECONDS.total_seconds())
            assert isinstance(await result(write), PbxUnreachable)
            await ends.was_reset("before the PBX had answered")
            ports = end.getpeername()[1], end.getsockname()[1]
            await eventually(lambda: ports not in connections_of_the_system())
            hear_again(end)
            await quiescence()
            assert ends.pbx.ledger.writes == []


@needs_linux
@pytest.mark.process
async def test_a_stopped_process_delivers_nothing_once_its_path_is_back() -> None:
    """The write of a process that is stopped (SIGSTOP) is in the kernel, which would send it for minutes."""
    async with simulator(ManualClock(), ANNA) as pbx:
        receiver, sender = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_write_once, args=(pbx.port, sender), daemon=True)
        process.start()
        try:
            assert await asyncio.to_thread(receiver.poll, PATIENCE)
            assert receiver.recv() == "connected"
            with end_of_the_pbx(accepts=True) as end:
                await hear_nothing(end)
                ports = end.getpeername()[1], end.getsockname()[1]
                receiver.send("write")
                await eventually(lambda: connections_of_the_system().get(ports))
                os.kill(process.pid or 0, signal.SIGSTOP)
                async with asyncio.timeout(PATIENCE / 2):
                    await eventually(lambda: ports not in connections_of_the_system())
                hear_again(end)
                await quiescence()
                assert pbx.ledger.writes == []
                os.kill(process.pid or 0, signal.SIGCONT)
                assert await asyncio.to_thread(receiver.poll, PATIENCE)
                assert receiver.recv() == "PbxUnreachable"
                assert pbx.ledger.writes == []
        finally:
            process.kill()
            process.join()


def _write_once(port: int, connection: "Connection[str, str]") -> None:
    """Be an engine that writes one presence when it is told to, and says what became of it."""

    async def write() -> None:
        clock, settings = ManualClock(), PbxSettings(master="master", host="127.0.0.1", port=port, tls=False)
        async with running_link(settings, clock, undelivered_for=timedelta(milliseconds=500)) as (link, heard):
            await heard.complete()
            connection.send("connected")
            await asyncio.to_thread(connection.recv)
            try:
                await link.set_presence(ANNA.guid, BUSY, claim=TestedClaim())
            except PbxUnreachable as failure:
                connection.send(type(failure).__name__)

    asyncio.run(write())


async def quiet_loop() -> None:
    """Let everything happen that needs no answer."""
    for _ in range(10):
        await asyncio.sleep(0)


def connections_of_the_system() -> dict[tuple[int, int], int]:
    """Each connection that the kernel still works on, also for sockets that are closed: both ports, and the number of
    bytes that are not acknowledged."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {
        (int(local.partition(":")[2], 16), int(remote.partition(":")[2], 16)): int(queues.partition(":")[0], 16)
        for _, local, remote, _, queues, *_ in lines
    }


@contextmanager
def end_of_the_pbx(*, accepts: bool) -> Iterator[socket.socket]:
    """The socket of the only connection that accepted it, or else the one that opened it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuiescentLoop)
    with ExitStack() as opened:
        every = [opened.enter_context(socket.socket(fileno=os.dup(key.fd))) for key in loop.watchful.get_map().values()]
        inet = [each for each in every if each.family is socket.AF_INET]
        listening = {each.getsockname() for each in inet if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)}
        connected = [each for each in inet if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
        end = next(each for each in connected if (each.getsockname() in listening) is accepts).dup()
    with end:
        yield end
