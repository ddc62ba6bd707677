"""Simulated proxy for HTTP: tunnels by CONNECT, plain http in absolute form, HTTP Basic, and whatever goes wrong there.

It is strict: a request that no proxy has to accept gets 400.
"""

import asyncio
import base64
import contextlib
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from engine.simulator.certificates import CertificateAuthority

PROXY_HOST = "proxy.corp.example"
PIECE = 64 * 1024
Places = Mapping[tuple[str, int], int]
"""From host and port to a port on loopback; the proxy reaches nothing else."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: `target` is "host:port" of a tunnel, or the URL. `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class ProxySimulator:
    """Context manager that runs the proxy.

    With `account`, user and password, it wants a log-in and offers `schemes`. It is reached over TLS if it has a `tls`
    context. With an `inspector` it shows certificates of that authority in place of the servers' own. `status` is its
    answer to every request instead, `silent` that it answers none.
    """

    places: Places
    account: tuple[str, str] | None = None
    schemes: tuple[str, ...] = ("Basic",)
    tls: ssl.SSLContext | None = None
    inspector: CertificateAuthority | None = None
    status: int | None = None
    silent: bool = False
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._served, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._open:
            writer.transport.abort()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                await self._answer(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first = await reader.readexactly(1)
            if not first.isalpha():  # the hello of TLS, for instance
                await _say(writer, 400, ("Content-Length: 0",))
                return
            asked = _parsed(first + await reader.readuntil(b"\r\n\r\n"))
            self.asked.append(asked)
            if self.silent:
                await asyncio.sleep(3600)
            status, extra = self._verdict(asked)
            if status == 200:
                try:
                    there = await asyncio.open_connection("127.0.0.1", self.places[_place(asked)])
                    break
                except OSError:
                    status = 502
            body = b"<html>the proxy says no</html>"
            await _say(writer, status, (*extra, "Content-Type: text/html", f"Content-Length: {len(body)}"), body)
        self._open.add(there[1])
        try:
            await self._pass_on(asked, (reader, writer), there)
        finally:
            self._open.discard(there[1])
            there[1].transport.abort()

    async def _pass_on(
        self,
        asked: Asked,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        host, _ = _place(asked)
        if asked.method == "CONNECT":
            await _say(here[1], 200)
            if self.inspector is not None:
                await here[1].start_tls(self.inspector.issue(host).context)
                await there[1].start_tls(_unverified(), server_hostname=host)
        else:
            there[1].write(_in_origin_form(asked))
        async with asyncio.TaskGroup() as group:
            both_ways = ((here[0], there[1]), (there[0], here[1]))
            copies = [group.create_task(_copy(source, target)) for source, target in both_ways]
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            for copy in copies:
                copy.cancel()

    def _verdict(self, asked: Asked) -> tuple[int, tuple[str, ...]]:
        if self.status is not None:
            return self.status, ()
        if not _is_proper(asked):
            return 400, ()
        if self.account is not None and not _is_of(self.account, asked.headers.get("proxy-authorization", "")):
            return 407, tuple(f'Proxy-Authenticate: {scheme} realm="proxy"' for scheme in self.schemes)
        return (200, ()) if _place(asked) in self.places else (502, ())


def _parsed(head: bytes) -> Asked:
    first, *lines = head.decode("ascii").split("\r\n")[:-2]
    method, target, version = first.split(" ")
    if version != "HTTP/1.1":
        raise ValueError(version)
    pairs = (line.partition(":") for line in lines)
    return Asked(method, target, {name.lower(): value.strip() for name, _, value in pairs})


def _is_proper(asked: Asked) -> bool:
    """Whether a request is one for a proxy (RFC 9112, section 3.2), and carries no log-in for a server in the clear."""
    if "authorization" in asked.headers:
        return False
    if asked.method == "CONNECT":
        return asked.headers.get("host") == asked.target and asked.target.rpartition(":")[2].isdigit()
    parts = urlsplit(asked.target)
    return parts.scheme == "http" and asked.headers.get("host") == parts.netloc


def _place(asked: Asked) -> tuple[str, int]:
    if asked.method == "CONNECT":
        host, _, port = asked.target.rpartition(":")
        return host.strip("[]"), int(port)
    parts = urlsplit(asked.target)
    return parts.hostname or "", parts.port or 80


def _is_of(account: tuple[str, str], authorization: str) -> bool:
    expected = "Basic " + base64.b64encode(":".join(account).encode()).decode()
    return secrets.compare_digest(expected, authorization)


def _in_origin_form(asked: Asked) -> bytes:
    parts = urlsplit(asked.target)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = [f"{name}: {value}" for name, value in asked.headers.items() if not name.startswith("proxy-")]
    return "\r\n".join([f"{asked.method} {path} HTTP/1.1", *lines, "", ""]).encode("ascii")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _say(writer: asyncio.StreamWriter, status: int, lines: tuple[str, ...] = (), body: bytes = b"") -> None:
    writer.write("\r\n".join([f"HTTP/1.1 {status} Proxied", *lines, "", ""]).encode("ascii") + body)
    await writer.drain()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(PIECE):
            target.write(data)
            await target.drain()
