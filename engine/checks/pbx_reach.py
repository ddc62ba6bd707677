"""The way to the PBX, as far as it goes without a log-in: name, port, certificate, clock; or our own port and names."""

import errno
import socket
import ssl
from collections.abc import Callable

import aiohttp
from yarl import URL

from engine.checks.certificates import note_flaw, usable_names
from engine.checks.check import CheckRun, CheckStep, StepLog, StepSkipped
from engine.checks.clock import MachineTime, compare, machine_time
from engine.checks.errors import NameNotFound
from engine.checks.fixes import Fix, use
from engine.checks.network import (
    TLS_SECONDS,
    Address,
    Lookup,
    first_that_answers,
    in_words,
    look_up,
    shown_certificate,
    verify,
)
from engine.core.clock import Clock
from engine.pbx.admission import open_port
from engine.pbx.certificate import listen_names
from engine.pbx.errors import ListeningImpossible, PbxCertificateNotTrusted, PbxTlsImpossible, PbxUnreachable
from engine.pbx.websocket import not_trusted, verified_context
from engine.settings.model import PbxLinkKind, PbxSettings
from engine.tls.certificate import Certificate
from engine.tls.contexts import speaks_tls, unverified_context
from engine.tls.pin import same
from engine.tls.verdict import flaw_of

DIAL = ("name lookup", "connection", "TLS", "clock")
LISTEN = ("port", "names")
_FIRST_FREE, _HIGHEST, _TRIED = 1024, 65536, 20
"""The lowest port that needs no special right, the end of all, and how many are tried to find a free one."""


class WayToPbx:
    """The steps from the name of the PBX to its certificate and its clock."""

    def __init__(self, settings: PbxSettings, lookup: Lookup = look_up, now: MachineTime = machine_time) -> None:
        self._settings = settings
        self._lookup = lookup
        self._now = now
        self._addresses: tuple[Address, ...] = ()

    async def run(self, check_run: CheckRun) -> None:
        """Run all of them."""
        if not self._settings.host:
            for name in DIAL:
                check_run.skip(name, "pbx.host is not set yet")
            return
        await check_run.run("name lookup", self._look_up)
        await check_run.run("connection", self._connect)
        if self._settings.tls:
            await check_run.run("TLS", self._shake_hands)
        else:
            check_run.skip("TLS", "pbx.tls is off: the connection is not encrypted")
        await check_run.run("clock", self._compare_clocks, ends_it=False)

    async def _look_up(self, step_log: StepLog) -> None:
        step_log.field = "pbx.host"
        self._addresses = await self._lookup(self._settings.host, self._settings.port)
        step_log.evidence.append(in_words(self._settings.host, self._addresses))

    async def _connect(self, step_log: StepLog) -> None:
        try:
            answering = await first_that_answers(self._addresses)
        except OSError as error:
            # Whoever refuses a connection is there.
            step_log.field = "pbx.port" if isinstance(error, ConnectionRefusedError) else "pbx.host"
            raise PbxUnreachable(f"{self._settings.host}:{self._settings.port}: {error.strerror or error}") from error
        self._addresses = (answering,)
        step_log.evidence.append(f"{answering} answers")

    async def _shake_hands(self, step_log: StepLog) -> None:
        settings, [address] = self._settings, self._addresses
        shown = await shown_certificate(address, settings.host)
        if shown is not None:
            step_log.evidence += shown.lines
        if settings.fingerprint is not None:
            self._compare_fingerprint(settings.fingerprint, shown, step_log)
            return
        try:
            step_log.evidence.append(await verify(address, settings.host, verified_context(settings.ca_file)))
        except ssl.SSLCertVerificationError as error:
            flaw = flaw_of(error.verify_code, shown, self._now())
            note_flaw(step_log, "pbx", flaw, shown, await self._other_names(shown), "pbx.host")
            raise not_trusted(settings, error, shown) from error
        except PbxCertificateNotTrusted:
            step_log.field = "pbx.ca_file"
            raise
        except OSError as error:
            step_log.field = "pbx.port"
            if isinstance(error, ssl.SSLError) and speaks_tls(error):
                raise PbxTlsImpossible(f"{address}: {error}") from error
            step_log.remedy = "Check pbx.port and pbx.tls: this port does not speak TLS as a PBX does."
            raise PbxUnreachable(f"{address}: no TLS ({error})") from error

    def _compare_fingerprint(self, trusted: str, shown: Certificate | None, step_log: StepLog) -> None:
        if shown is not None and same(trusted, shown.fingerprint):
            return
        step_log.field, step_log.shown = "pbx.fingerprint", shown
        if shown is not None:
            label = "trust this other certificate instead, if you know why it has changed"
            step_log.fixes.append(Fix(label, {"pbx.fingerprint": shown.fingerprint}))
        raise PbxCertificateNotTrusted("it is not the one of pbx.fingerprint")

    async def _other_names(self, shown: Certificate | None) -> tuple[Fix, ...]:
        """Return the fixes that use a name of the certificate under which the PBX can be found."""
        found: list[Fix] = []
        for name in usable_names(shown):
            try:
                await self._lookup(name, self._settings.port)
            except NameNotFound:
                continue
            found.append(use("pbx.host", name))
        return tuple(found)

    async def _compare_clocks(self, step_log: StepLog) -> None:
        settings = self._settings
        url = URL.build(scheme="https" if settings.tls else "http", host=settings.host, port=settings.port, path="/")
        step_log.field = ""
        # Its certificate was verified by the step before, or there is no TLS; nothing but this question is sent.
        timeout = aiohttp.ClientTimeout(total=TLS_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(url, ssl=unverified_context(), allow_redirects=False) as answer,
            ):
                date = answer.headers.get("Date", "")
        except (aiohttp.ClientError, OSError) as error:
            raise StepSkipped("the PBX does not answer a request for its time") from error
        compare(step_log, date, "the PBX", self._now())


class PbxReachCheck:
    """Checks of the PBX that cost no log-in: the way to it, or where the engine listens, our port and names.

    `in_force` are the settings of the running engine, which may listen on that port itself.
    """

    def __init__(
        self,
        settings: PbxSettings,
        clock: Clock,
        *,
        in_force: PbxSettings | None = None,
        lookup: Lookup = look_up,
        now: MachineTime = machine_time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._in_force = in_force
        self._lookup = lookup
        self._way = WayToPbx(settings, lookup, now)
        self._listens = settings.link is PbxLinkKind.LISTEN
        self.names = LISTEN if self._listens else DIAL

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        if self._listens:
            await check_run.run("port", self._try_port, ends_it=False)
            await check_run.run("names", self._try_names, ends_it=False)
        else:
            await self._way.run(check_run)
        return tuple(check_run.steps)

    async def _try_port(self, step_log: StepLog) -> None:
        settings, in_force = self._settings, self._in_force
        if in_force is not None and in_force.link is PbxLinkKind.LISTEN and _place(in_force) == _place(settings):
            step_log.evidence.append(f"this engine listens on port {settings.listen_port} already")
            return
        try:
            open_port(settings.listen_address, settings.listen_port).close()
        except ListeningImpossible as failure:
            reason = failure.__cause__.errno if isinstance(failure.__cause__, OSError) else None
            step_log.field = "pbx.listen_address" if reason == errno.EADDRNOTAVAIL else "pbx.listen_port"
            if reason == errno.EADDRNOTAVAIL:
                step_log.fixes.append(Fix("listen on all addresses of this machine", {"pbx.listen_address": None}))
            elif (free := _free_port(settings)) is not None:
                step_log.fixes.append(use("pbx.listen_port", free))
            raise
        step_log.evidence.append(f"port {settings.listen_port} is free")

    async def _try_names(self, step_log: StepLog) -> None:
        step_log.field = "pbx.listen_names"
        for name in listen_names(self._settings):
            addresses = [each.ip for each in await self._lookup(name, self._settings.listen_port)]
            step_log.evidence.append(
                f"{name} is {', '.join(addresses)}"
                + ("" if any(map(_is_ours, addresses)) else ", not this machine: right if a router passes it on to it")
            )


def _place(settings: PbxSettings) -> tuple[str, int]:
    return settings.listen_address, settings.listen_port


def _free_port(settings: PbxSettings) -> int | None:
    """Return a free port above the one that is taken, None if there is none nearby."""
    for port in range(max(settings.listen_port + 1, _FIRST_FREE), min(settings.listen_port + _TRIED, _HIGHEST)):
        try:
            open_port(settings.listen_address, port).close()
        except ListeningImpossible:
            continue
        return port
    return None


def _is_ours(address: str) -> bool:
    """Return whether this machine has an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
