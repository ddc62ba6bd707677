"""A wrong password does not lock the account, however many requests, answers and restarts there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from engine.exchange.errors import AnswerBrokenOff, LoginRefused, LoginUnproved
from engine.exchange.http import connection
from engine.exchange.http.client import ExchangeHttp
from engine.logins.breaker import FRESH, LogIns
from engine.settings.model import Authentication
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.exchange.authentication import Seen
from engine.store.database import Database
from engine.store.logins import LogInHistory
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import ACCOUNT, PASSWORD, URL, Iis, serve
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

SCHEMES = ("Negotiate", "NTLM", "Basic")
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


async def outcomes(client: ExchangeHttp, requests: int) -> list[type[BaseException] | int]:
    results = await asyncio.gather(*(client.post(URL, b"x", {}) for _ in range(requests)), return_exceptions=True)
    return [type(result) if isinstance(result, BaseException) else result.status for result in results]


def answer_of_a_wrong_log_in(kind: str) -> web.Response:
    if kind == "form":
        return web.Response(text="<html><form>User name <input/></form></html>", content_type="text/html")
    headers = {"Location": "https://adfs.corp.example/adfs/ls/"} if kind == "302" else {}
    return web.Response(status=int(kind), headers=headers)


def hide_refusals(iis: Iis, kind: str) -> None:
    """Have something in front of IIS make something else of every 401 that answers a wrong log-in."""

    async def hidden(request: web.Request) -> web.StreamResponse | None:
        before = iis.gate.seen[Seen.REFUSED]
        answer = await iis.gate.authenticate(request)
        if not isinstance(answer, web.Response):
            return None
        if iis.gate.seen[Seen.REFUSED] == before:
            return answer
        if kind == "closed":
            assert request.transport is not None
            request.transport.close()
        return answer if kind == "closed" else answer_of_a_wrong_log_in(kind)

    iis.on_request = hidden


@pytest.mark.parametrize("authentication", list(Authentication))
async def test_eight_cold_lanes_try_a_wrong_password_twice_at_most(
    authority: CertificateAuthority, open_client: OpenClient, authentication: Authentication
) -> None:
    async with (
        serve(authority, schemes=SCHEMES) as iis,
        open_client(iis, password="wrong", authentication=authentication) as client,
    ):
        assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 2
        requests = len(iis.requests)
        assert await outcomes(client, 20) == [LoginRefused] * 20
        assert len(iis.requests) == requests


async def test_one_request_alone_tries_twice(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis, password="wrong") as client:
        assert await outcomes(client, 1) == [LoginRefused]
    assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.parametrize("kind", ["closed", "form", "302", "403", "407", "440", "404", "500", "503"])
@pytest.mark.parametrize("authentication", [Authentication.NTLM, Authentication.BASIC])
async def test_whatever_hides_a_refusal_fifty_requests_are_two_wrong_log_ins(
    authority: CertificateAuthority, open_client: OpenClient, authentication: Authentication, kind: str
) -> None:
    async with (
        serve(authority, schemes=SCHEMES) as iis,
        open_client(iis, password="wrong", authentication=authentication) as client,
    ):
        hide_refusals(iis, kind)
        found = set(await outcomes(client, 50))
        assert iis.gate.seen[Seen.REFUSED] == 2
        assert LoginUnproved in found
        with pytest.raises(LoginUnproved, match="2 without an answer from the service itself"):
            await client.post(URL, b"x", {})


async def test_a_refusal_that_takes_long_lets_nobody_else_try(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    reached, released = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse | None:
        before = iis.gate.seen[Seen.REFUSED]
        answer = await iis.gate.authenticate(request)
        if iis.gate.seen[Seen.REFUSED] > before:
            reached.set()
            await released.wait()
        return answer if isinstance(answer, web.Response) else None

    iis.on_request = slow
    async with open_client(iis, password="wrong") as client, asyncio.TaskGroup() as group:
        asking = group.create_task(outcomes(client, 50))
        await reached.wait()
        for _ in range(10):
            await clock.advance(FRESH.total_seconds())
            await quiescence()
        assert iis.gate.seen[Seen.REFUSED] == 1
        released.set()
        assert set(await asking) == {LoginRefused}
    assert iis.gate.seen[Seen.REFUSED] == 2


async def test_a_pause_grows_from_an_hour_to_a_day(iis: Iis, open_client: OpenClient, clock: ManualClock) -> None:
    async with open_client(iis, password="wrong") as client:
        await outcomes(client, 8)
        for probes, pause in enumerate((HOUR, 4 * HOUR, DAY, DAY), start=1):
            await clock.advance(pause - 1)
            assert await outcomes(client, 8) == [LoginRefused] * 8
            assert iis.gate.seen[Seen.REFUSED] == 1 + probes
            await clock.advance(1)
            assert await outcomes(client, 8) == [LoginRefused] * 8
            assert iis.gate.seen[Seen.REFUSED] == 2 + probes


async def test_a_password_that_is_right_again_brings_all_lanes_back(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    iis.gate.accounts = {ACCOUNT: "changed"}
    async with open_client(iis) as client:
        await outcomes(client, 8)
        iis.gate.accounts = {ACCOUNT: PASSWORD}
        assert await outcomes(client, 8) == [LoginRefused] * 8
        await clock.advance(HOUR)
        assert await outcomes(client, 1) == [200]
        assert await outcomes(client, 8) == [200] * 8
    assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.parametrize("authentication", list(Authentication))
async def test_a_password_changed_in_the_middle_of_work_is_tried_twice_at_most(
    authority: CertificateAuthority, open_client: OpenClient, authentication: Authentication
) -> None:
    async with (
        serve(authority, schemes=SCHEMES) as iis,
        open_client(iis, authentication=authentication) as client,
    ):
        assert await outcomes(client, 20) == [200] * 20
        iis.gate.accounts = {ACCOUNT: "changed"}
        await iis.close_connections()
        assert await outcomes(client, 50) == [LoginRefused] * 50
        assert iis.gate.seen[Seen.REFUSED] == 2


async def test_basic_asks_the_breaker_on_connections_that_have_logged_in_too(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    async with (
        serve(authority, schemes=("Basic",)) as iis,
        open_client(iis, authentication=Authentication.BASIC) as client,
    ):
        assert await outcomes(client, 20) == [200] * 20
        iis.gate.accounts = {ACCOUNT: "changed"}
        assert await outcomes(client, 50) == [LoginRefused] * 50
        assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.slow
async def test_no_password_is_sent_where_nobody_asks_for_one(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    """A plain outage costs nothing: neither NTLM nor Basic has sent anything yet when it is seen."""
    for authentication in (Authentication.NTLM, Authentication.BASIC):
        async with serve(authority, schemes=SCHEMES) as iis, open_client(iis, authentication=authentication) as client:

            async def down(request: web.Request) -> web.StreamResponse:
                return web.Response(status=503)

            iis.on_request = down
            assert await outcomes(client, 30) == [503] * 30
            iis.on_request = None
            assert await outcomes(client, 8) == [200] * 8


@pytest.mark.slow
async def test_an_outage_behind_a_log_in_that_was_proved_is_over_within_15_minutes(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    async def down(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    async with open_client(iis) as client:
        assert await outcomes(client, 8) == [200] * 8
        iis.on_authenticated = down
        await iis.close_connections()
        for _ in range(6):
            await outcomes(client, 8)
            await iis.close_connections()
            await clock.advance(10 * MINUTE)
        sent = iis.gate.seen[Seen.LOGGED_IN] - 8
        assert sent <= 3 + 4, "three at once, then one in 15 minutes"
        iis.on_authenticated = None
        await clock.advance(15 * MINUTE)
        assert await outcomes(client, 8) == [200] * 8


@asynccontextmanager
async def remembered(state: Path, clock: ManualClock) -> AsyncIterator[LogIns]:
    database = Database(state)
    await database.open()
    try:
        yield LogIns(clock, LogInHistory(database))
    finally:
        await database.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_restarts_add_nothing(
    authority: CertificateAuthority, open_client: OpenClient, clock: ManualClock, tmp_path: Path, scheme: str
) -> None:
    async with serve(authority, schemes=SCHEMES) as iis:
        for _ in range(8):
            async with (
                remembered(tmp_path / "state", clock) as log_ins,
                open_client(
                    iis, password="wrong", authentication=Authentication(scheme.lower()), log_ins=log_ins
                ) as client,
            ):
                assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.slow
async def test_one_killed_while_its_log_in_is_under_way_has_tried_it(
    iis: Iis, open_client: OpenClient, clock: ManualClock, tmp_path: Path
) -> None:
    reached = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse | None:
        before = iis.gate.seen[Seen.REFUSED]
        answer = await iis.gate.authenticate(request)
        if iis.gate.seen[Seen.REFUSED] > before:
            reached.set()
            await asyncio.sleep(60)
        return answer if isinstance(answer, web.Response) else None

    iis.on_request = hang
    for _ in range(5):
        reached.clear()
        async with (
            remembered(tmp_path / "state", clock) as log_ins,
            open_client(iis, password="wrong", log_ins=log_ins) as client,
            asyncio.TaskGroup() as group,
        ):
            asking = group.create_task(outcomes(client, 8))
            seen = group.create_task(reached.wait())
            await asyncio.wait((asking, seen), return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            seen.cancel()
    assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_probes_beside_each_other_and_beside_the_engine_count_together(
    authority: CertificateAuthority, open_client: OpenClient, clock: ManualClock, tmp_path: Path, scheme: str
) -> None:
    async with remembered(tmp_path / "state", clock) as log_ins, serve(authority, schemes=SCHEMES) as iis:

        async def probe() -> None:
            by = Authentication(scheme.lower())
            async with open_client(iis, password="wrong", authentication=by, log_ins=log_ins) as client:
                assert await outcomes(client, 2) == [LoginRefused] * 2

        await asyncio.gather(*(probe() for _ in range(10)))
        assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.slow
async def test_another_way_to_log_in_adds_nothing_and_another_password_gets_in_at_once(
    authority: CertificateAuthority, open_client: OpenClient, clock: ManualClock, tmp_path: Path
) -> None:
    async with serve(authority, schemes=SCHEMES) as iis, remembered(tmp_path / "state", clock) as log_ins:
        for authentication in Authentication:
            for binding in (True, False):
                async with open_client(
                    iis,
                    user="corp\\SVC-EWS" if binding else ACCOUNT,
                    password="wrong",
                    authentication=authentication,
                    channel_binding=binding,
                    log_ins=log_ins,
                ) as client:
                    assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 2
        async with open_client(iis, log_ins=log_ins) as client:
            assert await outcomes(client, 8) == [200] * 8
        assert iis.gate.seen[Seen.REFUSED] == 2


@pytest.mark.slow
async def test_wrong_passwords_one_after_the_other_stay_below_five(
    iis: Iis, open_client: OpenClient, clock: ManualClock, tmp_path: Path
) -> None:
    async with remembered(tmp_path / "state", clock) as log_ins:
        for number in range(6):
            async with open_client(iis, password=f"wrong{number}", log_ins=log_ins) as client:
                assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 4
        assert [each.key for each in await log_ins.ask()] == [], "four within 15 minutes are enough even then"
        await clock.advance(15 * MINUTE)
        assert [each.key for each in await log_ins.ask()] == ["exchange.password svc-ews"]
        async with open_client(iis, log_ins=log_ins) as client:
            assert await outcomes(client, 8) == [200] * 8


@pytest.mark.slow
async def test_somebody_who_asks_gets_one_more_log_in(
    iis: Iis, open_client: OpenClient, clock: ManualClock, tmp_path: Path
) -> None:
    iis.gate.accounts = {ACCOUNT: "not yet"}
    async with remembered(tmp_path / "state", clock) as log_ins, open_client(iis, log_ins=log_ins) as client:
        await outcomes(client, 8)
        assert await log_ins.ask()
        assert await outcomes(client, 8) == [LoginRefused] * 8
        assert iis.gate.seen[Seen.REFUSED] == 3
        iis.gate.accounts = {ACCOUNT: PASSWORD}
        assert await log_ins.ask()
        assert await outcomes(client, 8) == [200] * 8
        assert await log_ins.ask() == ()
        assert iis.gate.seen[Seen.REFUSED] == 3


async def test_a_soap_answer_on_the_same_connection_proves_a_log_in_that_an_empty_404_did_not(
    iis: Iis, open_client: OpenClient
) -> None:
    """As with autodiscover of a server that has no .svc but a .xml."""

    async def no_svc(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=404) if request.path.endswith(".svc") else None

    iis.on_authenticated = no_svc
    async with open_client(iis, connections=1) as client:
        for _ in range(4):
            assert (await client.post(URL.replace("Exchange.asmx", "x.svc"), b"x", {})).status == 404
            assert (await client.post(URL, b"x", {})).status == 200
            await iis.close_connections()


async def test_a_mailbox_that_hangs_costs_a_proved_log_in_nothing(
    iis: Iis, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse | None:
        if await request.read() == b"hang":
            await asyncio.sleep(60)
        return None

    iis.on_authenticated = hang
    async with open_client(iis, connections=1) as client:
        assert await outcomes(client, 1) == [200]
        monkeypatch.setattr(connection, "CONNECT_SECONDS", 0)
        monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.05)
        for _ in range(6):
            with pytest.raises(AnswerBrokenOff):
                await client.post(URL, b"hang", {})
        monkeypatch.undo()
        assert await outcomes(client, 1) == [200]


async def test_the_failure_says_who_where_and_when_next(iis: Iis, open_client: OpenClient, clock: ManualClock) -> None:
    async with open_client(iis, password="wrong") as client:
        with pytest.raises(LoginRefused, match=r"CORP\\svc-ews at mail.corp.example") as first:
            await client.post(URL, b"x", {})
        await clock.advance(60)
        with pytest.raises(LoginRefused, match=r"paused until 2026-03-02 09:20:00 UTC \(2 refused\)") as paused:
            await client.post(URL, b"x", {})
    assert first.value.retry_after == HOUR
    assert paused.value.retry_after == 59 * 60
    assert "log-in retry" in paused.value.remedy
    assert "wrong" not in str(first.value) + repr(first.value)


async def test_what_is_kept_gives_no_password_away(
    iis: Iis, open_client: OpenClient, clock: ManualClock, tmp_path: Path
) -> None:
    async with (
        remembered(tmp_path / "state", clock) as log_ins,
        open_client(iis, password="wr0ng-Pa55word", log_ins=log_ins) as client,
    ):
        await outcomes(client, 8)
    files = list((tmp_path / "state").iterdir())
    assert files
    assert all(b"wr0ng" not in each.read_bytes() for each in files)
