"""Tests of requests, responses, and the failures for errors."""

import asyncio
import gzip
import logging
import re
import ssl
import uuid
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import Failure
from engine.exchange.errors import (
    CertificateNotTrusted,
    ExchangeUnreachable,
    NoAnswerInTime,
    NotUnderstood,
    RequestRejected,
    TlsImpossible,
)
from engine.exchange.http import connection, transport
from engine.exchange.http.connection import verified_context
from engine.exchange.http.messages import JoinedHeaders
from engine.simulator.certificates import CertificateAuthority, Flaw
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import HOST, URL, Iis, serve
from tests.support.idle_time import idle_seconds
from tests.support.old_tls import old_tls


async def test_every_request_says_who_we_are_and_carries_an_id_of_its_own(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        answers = [await client.post(URL, b"x", {"X-AnchorMailbox": "jörg@corp.example"}) for _ in range(2)]
    posted = [request.headers for request in iis.requests if request.body]
    assert [headers["client-request-id"] for headers in posted] == [answer.request_id for answer in answers]
    assert len({uuid.UUID(answer.request_id) for answer in answers}) == 2
    for headers in posted:
        assert headers["user-agent"] == "calendar-engine/1"
        assert headers["return-client-request-id"] == "true"
        assert headers["x-anchormailbox"].encode("utf-8", "surrogateescape") == "jörg@corp.example".encode()
        assert headers["host"] == "mail.corp.example"


async def test_names_of_headers_are_case_insensitive(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        answer = await client.post(URL, b"x", {})
    assert answer.headers["CONTENT-type"] == answer.headers["content-TYPE"] == "text/xml; charset=utf-8"


async def test_repeated_headers_are_one_list_and_long_ones_are_taken(iis: Iis, open_client: OpenClient) -> None:
    async def balanced(request: web.Request) -> web.StreamResponse:
        answer = web.Response(headers={"X-DiagInfo": "x" * 20_000})
        answer.set_cookie("one", "1")
        answer.set_cookie("two", "2")
        return answer

    iis.on_authenticated = balanced
    async with open_client(iis) as client:
        headers = (await client.post(URL, b"x", {})).headers
    assert headers["set-cookie"] == "one=1; Path=/, two=2; Path=/"
    assert headers["X-DiagInfo"] == "x" * 20_000
    assert list(headers).count("set-cookie") == 1
    assert len(headers) == len(dict(headers))


async def test_a_500_is_an_answer_like_any_other(iis: Iis, open_client: OpenClient) -> None:
    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="<fault/>")

    iis.on_authenticated = fault
    async with open_client(iis) as client:
        answer = await client.post(URL, b"x", {})
        assert (answer.status, answer.body) == (500, b"<fault/>")
        await client.post(URL, b"x", {})
    assert len(iis.connections) == 1


async def test_a_redirect_is_not_followed(iis: Iis, open_client: OpenClient) -> None:
    async def redirect(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})

    iis.on_request = redirect
    async with open_client(iis) as client:
        assert (await client.post(URL, b"x", {})).headers["location"] == "https://elsewhere.example/"
        assert (await client.get_anonymously(URL)).status == 302


async def test_an_anonymous_request_carries_no_credentials(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        assert (await client.get_anonymously(URL)).status == 401
    assert [request.authorization for request in iis.requests] == [""]


async def test_our_cookie_outlives_the_cookies_of_a_401(iis: Iis, open_client: OpenClient) -> None:
    async def set_cookie(request: web.Request) -> web.StreamResponse | None:
        answer = await iis.gate.authenticate(request)
        if isinstance(answer, web.Response):
            answer.set_cookie("balancer", "node-7", secure=True, httponly=True)
            return answer
        return web.Response()

    iis.on_request = set_cookie
    async with open_client(iis, connections=1) as client:
        await client.post(URL, b"1", {"Cookie": "X-BackEndOverrideCookie=abc~123"})
        await client.post(URL, b"2", {})
    assert [(request.body, request.cookie) for request in iis.requests] == [
        (b"", "X-BackEndOverrideCookie=abc~123"),
        (b"1", "X-BackEndOverrideCookie=abc~123"),
        (b"2", "balancer=node-7"),
    ]


async def test_the_cookie_of_one_mailbox_group_does_not_stick_to_the_connection(
    iis: Iis, open_client: OpenClient
) -> None:
    async def subscribed(request: web.Request) -> web.StreamResponse:
        answer = web.Response()
        answer.set_cookie("X-BackEndOverrideCookie", "abc~123")
        return answer

    iis.on_authenticated = subscribed
    async with open_client(iis, connections=1) as client:
        answer = await client.post(URL, b"1", {})
        assert "abc~123" in answer.headers["set-cookie"]
        await client.post(URL, b"2", {})
    assert iis.requests[-1].cookie == ""


async def test_a_packed_answer_is_unpacked(iis: Iis, open_client: OpenClient) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"<soap/>"), headers={"Content-Encoding": "gzip"})

    iis.on_authenticated = packed
    async with open_client(iis) as client:
        assert (await client.post(URL, b"x", {})).body == b"<soap/>"


@pytest.mark.parametrize("packed", [True, False])
async def test_an_answer_without_end_is_given_up(
    iis: Iis, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 1_000_000)
    body = bytes(1_000_001)

    async def huge(request: web.Request) -> web.StreamResponse:
        if packed:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    iis.on_authenticated = huge
    async with open_client(iis, connections=1) as client:
        with pytest.raises(NotUnderstood, match="more than 1000000 bytes"):
            await client.post(URL, b"x", {})
        iis.on_authenticated = None
        assert (await client.post(URL, b"x", {})).status == 200


async def test_an_answer_that_is_packed_wrongly_is_not_understood(iis: Iis, open_client: OpenClient) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})

    iis.on_authenticated = broken
    async with open_client(iis) as client:
        with pytest.raises(NotUnderstood):
            await client.post(URL, b"x", {})


async def test_an_answer_that_does_not_come_in_time_makes_exchange_unreachable(
    iis: Iis, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.2)

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    iis.on_authenticated = hang
    async with open_client(iis) as client:
        with pytest.raises(ExchangeUnreachable, match="no answer within"):
            await client.post(URL, b"x", {})


async def test_an_answer_is_waited_for_no_longer_than_the_caller_has_patience(
    iis: Iis, open_client: OpenClient
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    iis.on_authenticated = hang
    begun = idle_seconds()
    async with open_client(iis) as client:
        with pytest.raises(NoAnswerInTime):
            await client.post(URL, b"x", {}, patience=0.2)
    assert idle_seconds() - begun < 2


async def test_a_connection_cut_in_the_middle_of_an_answer_makes_exchange_unreachable(
    iis: Iis, open_client: OpenClient
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"only this")
        assert request.transport is not None
        request.transport.abort()
        return answer

    iis.on_authenticated = cut
    async with open_client(iis, connections=1) as client:
        with pytest.raises(ExchangeUnreachable, match=r"mail\.corp\.example"):
            await client.post(URL, b"x", {})
        iis.on_authenticated = None
        assert (await client.post(URL, b"x", {})).status == 200


async def test_a_refused_connection_makes_exchange_unreachable(iis: Iis, open_client: OpenClient) -> None:
    iis.port = 1
    async with open_client(iis) as client:
        with pytest.raises(ExchangeUnreachable, match=r"mail\.corp\.example: .*Connect call failed"):
            await client.post(URL, b"x", {})


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://mail.corp.example/", "https://", "https://a:b/"])
async def test_what_is_no_url_of_a_web_server_is_said_so(iis: Iis, open_client: OpenClient, url: str) -> None:
    async with open_client(iis) as client:
        with pytest.raises(ExchangeUnreachable, match=r"is not an? .*URL"):
            await client.post(url, b"x", {})


async def test_a_name_that_does_not_exist_makes_exchange_unreachable(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        with pytest.raises(ExchangeUnreachable, match=r"other\.example"):
            await client.post("https://other.example/EWS/Exchange.asmx", b"x", {})


async def test_the_log_in_never_leaves_tls(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        with pytest.raises(CertificateNotTrusted, match="TLS only"):
            await client.post("http://mail.corp.example/EWS/Exchange.asmx", b"x", {})
    assert iis.requests == []


async def test_a_header_that_cannot_be_sent_is_our_fault_and_named(iis: Iis, open_client: OpenClient) -> None:
    async with open_client(iis) as client:
        with pytest.raises(RequestRejected):
            await client.post(URL, b"x", {"X-AnchorMailbox": "a@corp.example\r\nEvil: yes"})
        assert (await client.post(URL, b"x", {})).status == 200


async def test_a_certificate_of_an_unknown_ca_is_not_trusted(iis: Iis, open_client: OpenClient, tmp_path: Path) -> None:
    stranger = CertificateAuthority("Somebody else").ca_file(tmp_path)
    async with open_client(iis, ca_file=stranger) as client:
        for ask in (client.post(URL, b"x", {}), client.get_anonymously(URL)):
            with pytest.raises(CertificateNotTrusted, match=r"mail\.corp\.example: unable to get local issuer"):
                await ask
    assert iis.requests == []


async def test_a_certificate_for_another_name_is_not_trusted(
    authority: CertificateAuthority, open_client: OpenClient
) -> None:
    async with serve(authority, names=("localhost", "127.0.0.1")) as iis, open_client(iis) as client:
        with pytest.raises(CertificateNotTrusted, match=r"not valid for 'mail\.corp\.example'"):
            await client.post(URL, b"x", {})


@pytest.mark.parametrize(
    ("flaw", "meaning", "remedy"),
    [
        (Flaw.EXPIRED, "has expired", "Renew the certificate"),
        (Flaw.NOT_YET_VALID, "is not valid yet", "clocks"),
        (Flaw.COMMON_NAME_ONLY, "has no alternative names", r"subject alternative names \(SAN\)"),
        (Flaw.SELF_SIGNED, "is self-signed", "exchange.ca_file"),
    ],
)
async def test_each_flaw_of_a_certificate_has_its_own_words(
    authority: CertificateAuthority, open_client: OpenClient, flaw: Flaw, meaning: str, remedy: str
) -> None:
    async with serve(authority, flaw=flaw) as iis, open_client(iis) as client:
        for ask in (client.post(URL, b"x", {}), client.get_anonymously(URL)):
            with pytest.raises(CertificateNotTrusted, match=rf"^The Exchange certificate {meaning}") as failed:
                await ask
            assert re.search(remedy, failed.value.remedy)
            assert ("exchange.ca_file" in failed.value.remedy) is (flaw is Flaw.SELF_SIGNED)
            assert f"it belongs to CN={HOST}" in failed.value.detail
            assert re.search(r"valid from \d{4}-\d\d-\d\d until \d{4}-\d\d-\d\d \d\d:\d\d UTC", failed.value.detail)
        assert iis.requests == []


@pytest.mark.parametrize("resets", [False, True])
async def test_a_server_that_speaks_old_tls_alone_is_told_so(iis: Iis, open_client: OpenClient, resets: bool) -> None:
    async with old_tls(resets=resets) as port:
        iis.port = port
        async with open_client(iis) as client:
            for ask in (client.post(URL, b"x", {}), client.get_anonymously(URL)):
                with pytest.raises(TlsImpossible) as failed:
                    await ask
                assert "TLS 1.2" in failed.value.remedy
                assert "firewall" not in failed.value.remedy


async def test_tls_older_than_1_2_is_not_spoken(authority: CertificateAuthority, tmp_path: Path) -> None:
    context = verified_context(authority.ca_file(tmp_path))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_without_a_private_ca_the_ones_of_the_system_are_trusted() -> None:
    assert verified_context(None).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CertificateNotTrusted, match=r"ca\.pem"):
        verified_context(path)


async def test_nothing_secret_is_logged_at_the_most_talkative_level(
    iis: Iis, open_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_client(iis) as client:
        await client.post(URL, b"x", {})
    secrets = [request.authorization.removeprefix("NTLM ") for request in iis.requests]
    assert not [secret for secret in secrets if secret and secret in caplog.text]
    assert "TlRM" not in caplog.text


async def test_garbage_for_a_challenge_has_a_name_and_is_no_refusal(iis: Iis, open_client: OpenClient) -> None:
    challenges = iter(["NTLM TlRMTVNTUAAC", "NTLM ?", "NTLM", "Basic realm=x", "NTLM " + "A" * 400])

    async def garbage(request: web.Request) -> web.StreamResponse | None:
        challenge = next(challenges, None)
        return None if challenge is None else web.Response(status=401, headers={"WWW-Authenticate": challenge})

    iis.on_request = garbage
    async with open_client(iis) as client:
        for _ in range(5):
            with pytest.raises(Failure):
                await client.post(URL, b"x", {})
        assert (await client.post(URL, b"x", {})).status == 200


@pytest.mark.slow
@given(st.lists(st.tuples(st.text("abC-", min_size=1, max_size=3), st.text("xyz", max_size=2)), max_size=20))
def test_every_header_is_told_and_repeated_ones_as_one(pairs: list[tuple[str, str]]) -> None:
    joined: dict[str, list[str]] = {}
    for name, value in pairs:
        joined.setdefault(name.lower(), []).append(value)
    headers = JoinedHeaders((name.encode(), value.encode()) for name, value in pairs)
    assert dict(headers.items()) == {name: ", ".join(values) for name, values in joined.items()}
    assert list(headers) == list(joined)
    assert len(headers) == len(joined)
