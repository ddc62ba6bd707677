"""Autodiscover reports certificate and TLS problems in the same words as EWS."""

import pytest

from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.ews.autodiscover.search import Search, discover
from engine.exchange.ews.locator import MailboxLocator
from engine.settings.model import ExchangeSettings, ExchangeType, ServerChoice
from engine.simulator.certificates import CertificateAuthority, Flaw
from tests.exchange.http.conftest import OpenClient
from tests.exchange.http.iis import HOST, Iis, serve
from tests.support.clock import ManualClock
from tests.support.old_tls import old_tls


def a_search() -> Search:
    return Search(
        domain="corp.example",
        configured_url=f"https://{HOST}/autodiscover/autodiscover.svc",
        addresses=("svc@corp.example",),
        server=ServerChoice.EXTERNAL,
    )


@pytest.mark.parametrize(
    ("name", "flaw", "meaning", "remedy"),
    [
        (HOST, Flaw.EXPIRED, "has expired", "Renew the certificate"),
        (HOST, Flaw.COMMON_NAME_ONLY, "has no alternative names", "SAN"),
        (HOST, Flaw.SELF_SIGNED, "is self-signed", "exchange.ca_file"),
        ("other.corp.example", None, "is for other names", "exchange.autodiscover_url"),
    ],
)
async def test_each_flaw_of_a_certificate_has_its_own_words(
    authority: CertificateAuthority,
    open_client: OpenClient,
    clock: ManualClock,
    name: str,
    flaw: Flaw | None,
    meaning: str,
    remedy: str,
) -> None:
    async with serve(authority, names=(name,), flaw=flaw) as iis, open_client(iis) as client:
        with pytest.raises(AutodiscoverFailed, match=f"The Exchange certificate {meaning}") as failed:
            await discover(a_search(), client, clock)
        assert remedy in failed.value.remedy
        assert iis.requests == []


@pytest.mark.parametrize("resets", [False, True])
async def test_a_server_that_speaks_old_tls_alone_is_told_so(
    iis: Iis, open_client: OpenClient, clock: ManualClock, resets: bool
) -> None:
    async with old_tls(resets=resets) as port:
        iis.port = port
        async with open_client(iis) as client:
            with pytest.raises(AutodiscoverFailed, match="cannot agree on a TLS connection") as failed:
                await discover(a_search(), client, clock)
    assert "TLS 1.2" in failed.value.remedy


async def test_a_fixed_url_at_any_host_needs_no_trusted_hosts(
    iis: Iis, open_client: OpenClient, clock: ManualClock
) -> None:
    url = "https://ews.hoster.example/EWS/Exchange.asmx"
    settings = ExchangeSettings(type=ExchangeType.ON_PREMISES, user="svc@corp.example", ews_url=url)
    async with open_client(iis) as client:
        assert await MailboxLocator(settings, client, clock).url(["anna@corp.example"]) == url
    assert iis.requests == []
