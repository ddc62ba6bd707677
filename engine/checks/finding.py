"""Looks for Exchange under the names that it usually has in a mail domain, without a log-in."""

import asyncio
from collections.abc import Iterable

from engine.checks.connection import Ask, is_exchange
from engine.checks.fixes import Fix, use
from engine.exchange.ews.autodiscover.protocol import urls_of_domain

_HOSTS = ("mail", "exchange", "owa", "webmail", "outlook", "remote", "ex")
_PATH = "/EWS/Exchange.asmx"


def usual_urls(domain: str) -> tuple[str, ...]:
    """Return the EWS URLs at the usual hosts of a mail domain."""
    return tuple(f"https://{host}.{domain}{_PATH}" for host in _HOSTS)


async def answering(ask: Ask, urls: Iterable[str]) -> tuple[str, ...]:
    """Return those URLs at which Exchange answers; all of them are asked at once."""
    wanted = tuple(urls)
    found = await asyncio.gather(*(is_exchange(ask, url) for url in wanted))
    return tuple(url for url, there in zip(wanted, found, strict=True) if there)


async def by_usual_names(ask: Ask, domain: str) -> tuple[Fix, ...]:
    """Return the fixes that use an EWS URL found in a mail domain."""
    if not domain:
        return ()
    return tuple(use("exchange.ews_url", url) for url in await answering(ask, usual_urls(domain)))


async def by_autodiscover_elsewhere(ask: Ask, domains: Iterable[str]) -> tuple[Fix, ...]:
    """Return the fixes that use the autodiscover service of another mail domain."""
    urls = [url for domain in domains if domain for url in urls_of_domain(domain)[0]]
    found = await answering(ask, urls)
    return tuple(use("exchange.autodiscover_url", url) for url in found[:1])
