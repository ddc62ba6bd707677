"""The check of Exchange goes through the proxy of the settings, rung by rung, and past it nowhere."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from engine.checks.check import StepOutcome
from engine.core.secret import Secret
from engine.exchange.http.proxy_errors import (
    ProxyInspectsTls,
    ProxyLogInRefused,
    ProxyRefuses,
    ProxyUnreachable,
)
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import DOMAIN, Company
from engine.simulator.proxy import ProxySimulator
from tests.checks.support import proxy_to, run_exchange_check

ANNA = f"anna.mueller@{DOMAIN}"
ACCOUNT = ("proxy-user", "s3cr3t-of-the-proxy")


@pytest.fixture
async def proxy(company: Company) -> AsyncIterator[ProxySimulator]:
    async with proxy_to(company) as running:
        yield running


async def test_every_rung_is_climbed_through_the_proxy(company: Company) -> None:
    async with proxy_to(company, account=ACCOUNT) as proxy:
        result = await run_exchange_check(company, ANNA, through=proxy, proxy_password=Secret(ACCOUNT[1]))
    outcomes = {name: step.outcome for name, step in result.steps.items()}
    assert outcomes == dict.fromkeys(outcomes, StepOutcome.OK) | {"token": StepOutcome.SKIPPED}
    assert "looks mail.corp.example up" in result.evidence("name lookup")
    assert "CN=Simulated CA" in result.evidence("TLS")
    assert "behind the proxy localhost" in result.evidence("TLS")
    assert ACCOUNT[1] not in repr(result.steps)


async def test_a_proxy_that_is_not_there(company: Company, proxy: ProxySimulator) -> None:
    gone = replace(proxy, port=1)
    broken = (await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url, through=gone)).failed_at(
        "connection"
    )
    assert isinstance(broken.failure, ProxyUnreachable)


async def test_a_proxy_that_wants_another_log_in(company: Company) -> None:
    async with proxy_to(company, account=ACCOUNT) as proxy:
        url = company.exchange.ews_url
        result = await run_exchange_check(company, ANNA, ews_url=url, through=proxy, proxy_password=Secret("wrong"))
        assert isinstance(result.failed_at("TLS").failure, ProxyLogInRefused)
        by_autodiscover = await run_exchange_check(company, ANNA, through=proxy, proxy_password=Secret("wrong"))
        assert "log-in" in by_autodiscover.failed_at("autodiscover").remedy


async def test_a_proxy_that_does_not_allow_exchange(company: Company, proxy: ProxySimulator) -> None:
    proxy.status = 403
    broken = (await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url, through=proxy)).failed_at("TLS")
    assert isinstance(broken.failure, ProxyRefuses)


async def test_a_proxy_that_inspects(company: Company, proxy: ProxySimulator) -> None:
    proxy.inspector = CertificateAuthority("Inspector")
    broken = (await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url, through=proxy)).failed_at("TLS")
    assert isinstance(broken.failure, ProxyInspectsTls)
    assert any("CN=Inspector" in line for line in broken.evidence)
