"""Looks for what the settings miss: Exchange under its usual names, the mail domain of names without one."""

import asyncio
import contextlib
from collections.abc import Iterable

from engine.checks.connection import Ask, is_exchange
from engine.checks.fixes import Fix, use
from engine.core.errors import Failure
from engine.exchange.addresses import domain_of
from engine.exchange.ews.autodiscover.protocol import host_of, parent_domain, urls_of_domain
from engine.exchange.http.windows_domain import SCHEMES, WindowsDomain, domain_told, opening
from engine.exchange.source import CalendarSource
from engine.settings.model import ExchangeSettings

_HOSTS = ("mail", "exchange", "owa", "webmail", "outlook", "remote", "ex")
_PATH = "/EWS/Exchange.asmx"
_TRIED = 5
"""Number of names that are looked for in another domain."""


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


async def windows_domain(ask: Ask, url: str) -> WindowsDomain | None:
    """Return the Windows domain of the server at a URL, None if it names none; no log-in is sent for that."""
    for scheme in SCHEMES:
        with contextlib.suppress(Failure):
            found = domain_told((await ask(url, opening(scheme))).headers, scheme)
            if found is not None:
                return found
    return None


def as_account(domain: WindowsDomain, user: str, settings: ExchangeSettings, url: str) -> Fix:
    """Return the fix that names the account `user` as in a domain, and where Exchange is: at a URL, unless the
    settings say it. Such a name has no mail domain to find it by."""
    where = {} if settings.ews_url or settings.autodiscover_url else {"exchange.autodiscover_url": url}
    name = domain.account(user)
    return Fix(f'use "{name}"', {"exchange.user": name, **where})


def parent_of(url: str) -> str:
    """Return the domain above the host of a URL, "" if there is none."""
    return next(iter(parent_domain(host_of(url))), "")


def in_domain(candidates: Iterable[str], domain: str) -> tuple[str, ...]:
    """Return the first of those addresses that are of other domains, as they would be in `domain`."""
    elsewhere = (each for each in candidates if domain_of(each).casefold() != domain.casefold())
    names = dict.fromkeys(each.partition("@")[0] for each in elsewhere)
    return tuple(f"{name}@{domain}" for name in names)[:_TRIED] if domain else ()


async def other_domain(source: CalendarSource, candidates: Iterable[str], domain: str) -> Fix | None:
    """Return the fix that sets `domain` for names without one, if any of `candidates` has a mailbox there; None if
    none has, or that is their domain already."""
    for address in in_domain(candidates, domain):
        with contextlib.suppress(Failure):
            await source.resolve((address,))
            return use("pbx.domain", domain)
    return None
