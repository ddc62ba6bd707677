"""The gate behaves like IIS: a log-in belongs to one connection, and messages out of order are refused."""

import base64
import contextlib
import hashlib
import os
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
import spnego
from aiohttp import web
from spnego.channel_bindings import GssChannelBindings

from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.authentication import Binding, NtlmGate, Seen

ACCOUNT = "CORP\\svc-ews"
PASSWORD = "Secr3t!"


class Connection:
    """A single connection to the gate's server, and the messages of a log-in on it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(self, authorization: str | None = None) -> tuple[int, str, list[str]]:
        """Return status, text and what WWW-Authenticate offers."""
        headers = {} if authorization is None else {"Authorization": authorization}
        async with self.session.post(self.url, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers.getall("WWW-Authenticate", [])

    async def log_in(
        self,
        user: str = ACCOUNT,
        password: str = PASSWORD,
        *,
        scheme: str = "NTLM",
        binding: GssChannelBindings | None = None,
    ) -> tuple[int, str, list[str]]:
        context = spnego.client(user, password, protocol=scheme.lower())
        status, _, offers = await self.ask(message(scheme, context.step()))
        assert status == 401
        challenge = base64.b64decode(offers[0].removeprefix(f"{scheme} "))
        return await self.ask(message(scheme, context.step(challenge, channel_bindings=binding)))


def message(scheme: str, token: bytes | None) -> str:
    return f"{scheme} {base64.b64encode(token or b'').decode()}"


def first_message() -> str:
    return message("NTLM", spnego.client(ACCOUNT, PASSWORD, protocol="ntlm").step())


@contextlib.asynccontextmanager
async def connections(
    gate: NtlmGate, count: int = 1, server_tls: ssl.SSLContext | None = None, client_tls: ssl.SSLContext | bool = True
) -> AsyncIterator[list[Connection]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        identity = await gate.authenticate(request)
        return web.Response(text=identity) if isinstance(identity, str) else identity

    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls).start()
    url = f"{'https' if server_tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/"
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        opened = []
        for _ in range(count):
            connector = aiohttp.TCPConnector(limit=1, ssl=client_tls)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            opened.append(Connection(session, url))
        yield opened


@pytest.fixture
def gate() -> NtlmGate:
    return NtlmGate({ACCOUNT: PASSWORD})


async def test_a_request_without_log_in_gets_the_methods_offered(gate: NtlmGate) -> None:
    async with connections(gate) as [connection]:
        assert (await connection.ask())[::2] == (401, ["Negotiate", "NTLM"])
    assert gate.seen == {Seen.ANONYMOUS: 1}


@pytest.mark.parametrize("user", ["CORP\\svc-ews", "corp\\Svc-Ews", "corp.example\\svc-ews", "SVC-EWS@CORP.EXAMPLE"])
@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_a_log_in_lasts_as_long_as_its_connection_and_no_further(gate: NtlmGate, user: str, scheme: str) -> None:
    async with connections(gate, 2) as [first, second]:
        assert (await first.log_in(user, scheme=scheme))[:2] == (200, ACCOUNT)
        assert (await first.ask())[:2] == (200, ACCOUNT)
        assert (await second.ask())[0] == 401
    assert gate.seen == {Seen.CHALLENGED: 1, Seen.LOGGED_IN: 1, Seen.ANONYMOUS: 1}


@pytest.mark.parametrize(
    ("user", "password"),
    [(ACCOUNT, "wrong"), ("CORP\\nobody", PASSWORD), ("OTHER\\svc-ews", PASSWORD), ("svc-ews@other.example", PASSWORD)],
)
@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_a_wrong_name_or_password_is_refused(gate: NtlmGate, user: str, password: str, scheme: str) -> None:
    async with connections(gate) as [connection]:
        assert (await connection.log_in(user, password, scheme=scheme))[::2] == (401, ["Negotiate", "NTLM"])
        assert (await connection.ask())[0] == 401
    assert gate.seen[Seen.REFUSED] == 1
    assert gate.seen[Seen.LOGGED_IN] == 0


async def test_a_new_first_message_ends_the_log_in_of_the_connection(gate: NtlmGate) -> None:
    async with connections(gate) as [connection]:
        await connection.log_in()
        assert (await connection.ask(first_message()))[0] == 401
        assert (await connection.ask())[0] == 401


async def test_a_plain_request_in_between_spoils_the_handshake(gate: NtlmGate) -> None:
    async with connections(gate) as [connection]:
        context = spnego.client(ACCOUNT, PASSWORD, protocol="ntlm")
        _, _, offers = await connection.ask(message("NTLM", context.step()))
        await connection.ask()
        second = message("NTLM", context.step(base64.b64decode(offers[0].removeprefix("NTLM "))))
        assert (await connection.ask(second))[0] == 401
    assert gate.seen == {Seen.CHALLENGED: 1, Seen.ANONYMOUS: 1, Seen.OUT_OF_TURN: 1}


async def test_the_second_message_on_another_connection_leads_nowhere(gate: NtlmGate) -> None:
    async with connections(gate, 2) as [first, second]:
        context = spnego.client(ACCOUNT, PASSWORD, protocol="ntlm")
        _, _, offers = await first.ask(message("NTLM", context.step()))
        reply = message("NTLM", context.step(base64.b64decode(offers[0].removeprefix("NTLM "))))
        assert (await second.ask(reply))[0] == 401
    assert gate.seen == {Seen.CHALLENGED: 1, Seen.OUT_OF_TURN: 1}


@pytest.mark.parametrize(
    "authorization", ["NTLM", "NTLM ?", "NTLM TlRMTVNTUAAB", "NTLM TlRMTVNTUAAD", "Negotiate YIIB", "NTLM AAAA"]
)
async def test_garbage_is_answered_with_401(gate: NtlmGate, authorization: str) -> None:
    async with connections(gate) as [connection]:
        assert (await connection.ask(authorization))[0] == 401
        assert (await connection.ask(first_message()))[2][0].startswith("NTLM TlRM")
        assert (await connection.ask("NTLM TlRMTVNTUAADAAAA"))[0] == 401
        assert (await connection.log_in())[0] == 200


async def test_a_changed_password_holds_for_the_next_log_in(gate: NtlmGate) -> None:
    async with connections(gate, 2) as [first, second]:
        await first.log_in()
        gate.accounts = {ACCOUNT: "changed"}
        assert (await first.ask())[0] == 200
        assert (await second.log_in())[0] == 401
        assert (await second.log_in(password="changed"))[0] == 200


async def test_basic_is_checked_in_every_request() -> None:
    gate = NtlmGate({ACCOUNT: PASSWORD}, schemes=("Basic",))
    async with connections(gate) as [connection]:
        assert (await connection.ask(message("Basic", b"CORP\\svc-ews:Secr3t!")))[:2] == (200, ACCOUNT)
        assert (await connection.ask(message("Basic", b"svc-ews@corp.example:Secr3t!")))[:2] == (200, ACCOUNT)
        assert (await connection.ask())[0] == 401
        assert (await connection.ask(message("Basic", b"CORP\\svc-ews:wrong")))[0] == 401
        assert (await connection.ask(first_message()))[0] == 401
    assert gate.seen == {Seen.LOGGED_IN: 2, Seen.ANONYMOUS: 2, Seen.REFUSED: 1}


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
@pytest.mark.parametrize(
    ("binding", "sent", "status"),
    [
        (Binding.OFF, "none", 200),
        (Binding.OFF, "wrong", 200),
        (Binding.ALLOW, "none", 200),
        (Binding.ALLOW, "wrong", 401),
        (Binding.ALLOW, "right", 200),
        (Binding.REQUIRE, "none", 401),
        (Binding.REQUIRE, "wrong", 401),
        (Binding.REQUIRE, "right", 200),
    ],
)
async def test_extended_protection(scheme: str, binding: Binding, sent: str, status: int) -> None:
    authority = CertificateAuthority()
    certificate = authority.issue("localhost", "127.0.0.1")
    shown = {"none": None, "wrong": b"another", "right": certificate.der}[sent]
    end_point = None if shown is None else b"tls-server-end-point:" + hashlib.sha256(shown).digest()
    gate = NtlmGate({ACCOUNT: PASSWORD}, binding=binding, certificate_der=certificate.der)
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    async with connections(gate, 1, certificate.context, trust) as [connection]:
        bindings = None if end_point is None else GssChannelBindings(application_data=end_point)
        assert (await connection.log_in(scheme=scheme, binding=bindings))[0] == status


async def test_the_environment_is_as_before(gate: NtlmGate, monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "/somewhere"):
        if before is not None:
            monkeypatch.setenv("NTLM_USER_FILE", before)
        async with connections(gate) as [connection]:
            await connection.log_in()
        assert os.environ.get("NTLM_USER_FILE") == before
