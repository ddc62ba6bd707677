"""Autodiscover: the search for the EWS URL of a mailbox."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from engine.core.clock import Clock
from engine.exchange.addresses import domain_of, is_smtp_address
from engine.exchange.errors import (
    CertificateNotTrusted,
    ExchangeFailure,
    ExchangeUnreachable,
    LoginRefused,
    MailboxNotFound,
    NotUnderstood,
    TlsImpossible,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed, EwsHostNotTrusted
from engine.exchange.ews.autodiscover.protocol import (
    ErrorReply,
    EwsUrls,
    RedirectAddress,
    RedirectUrl,
    Reply,
    TrustedHosts,
    UnknownAddress,
    host_of,
    https_url,
    origin_of,
    parent_domain,
    pox_reply,
    pox_request,
    soap_reply,
    soap_request,
    urls_at,
    urls_of_domain,
)
from engine.exchange.ews.client import Http, HttpAnswer
from engine.exchange.http.login_page import cleaned_address
from engine.exchange.http.proxy_errors import ProxyFailure
from engine.settings.model import ServerChoice

MOST_REDIRECTS = 10
_LONGEST_REMARK = 500
_UNASKED = "credentials are not sent to another domain without permission"
_REDIRECTS = (301, 302, 303, 307, 308)
_NOTHING_THERE = (404, 405, 410, 501)
"""Statuses of a host that supports autodiscover only in the other dialect, or not at all."""


class Asking(StrEnum):
    """The kind of request of a step: in one of the two dialects with credentials, or without any, for a redirect."""

    SOAP = "SOAP"
    POX = "POX"
    ANONYMOUSLY = "anonymously"


@dataclass(frozen=True, slots=True)
class SearchStep:
    """One request to make. `trail` holds the URLs whose redirects led here."""

    asking: Asking
    url: str
    address: str
    trail: tuple[str, ...] = ()

    def body(self) -> bytes:
        """Return the content to post; empty for an anonymous step, which is a GET."""
        if self.asking is Asking.SOAP:
            return soap_request(self.url, self.address)
        return pox_request(self.address) if self.asking is Asking.POX else b""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The EWS URL of the mailbox that was asked about. `server` says which of the two URLs it is, which is not the
    preferred one if only the other is given. `group` is its GroupingInformation, `told_by` the URL that answered, and
    `address` the primary address of the mailbox, "" if it is not given.
    """

    url: str
    server: ServerChoice
    group: str
    told_by: str
    address: str = ""


class Search:
    """One run of autodiscover for the mail domain of the service account, or only at a configured URL.

    `addresses` are mailboxes to ask about, in turn; the first one that a server knows decides. The service account's
    `own` address, if it is among them, often belongs to no mailbox, which says nothing about the others.
    `untrusted_redirect` is an untrusted URL that a server redirected to, "" if there was none. Trusted are the domains
    `domain` and that of `own` with their subdomains, the host of a configured URL, and the hosts `trusted`; as EWS
    servers, also those in the domain of a configured URL, or of the mailbox that was asked about. Raises
    `AutodiscoverFailed` if there is nothing to ask about, or no server to ask.
    """

    def __init__(
        self,
        *,
        domain: str,
        configured_url: str | None,
        addresses: Sequence[str],
        server: ServerChoice,
        own: str = "",
        trusted: Collection[str] = (),
    ) -> None:
        self._configured = _configured(configured_url) if configured_url else None
        asked_at = host_of(self._configured) if self._configured else ""
        hosts = frozenset(trusted) | ({asked_at} if asked_at else frozenset())
        domains = frozenset(each.lower() for each in (domain, domain_of(own)) if each)
        self._trusted = TrustedHosts(domains, hosts)
        of_mailboxes = frozenset(domain_of(address).lower() for address in addresses if is_smtp_address(address))
        self._may_have_ews = TrustedHosts(domains | of_mailboxes | parent_domain(asked_at), hosts)
        self._server = server
        self._addresses = tuple(dict.fromkeys(address for address in addresses if is_smtp_address(address)))
        self._asked: set[SearchStep] = set()
        self.asked_at = ""
        self._gone: set[str] = set()
        self._redirects = 0
        self._said: list[str] = []
        self._in_question = {address.lower() for address in self._addresses} - {own.lower()}
        self._unknown: set[str] = set()
        self._answering: set[str] = set()
        self._failing: set[str] = set()
        self.untrusted_redirect = ""
        self._outside = ""
        self._flaw: CertificateNotTrusted | TlsImpossible | ProxyFailure | None = None
        self._untrusted = ""
        self._endpoint: Endpoint | None = None
        if not self._addresses:
            raise AutodiscoverFailed("there is no e-mail address to ask about")
        if not domain and not self._configured:
            raise AutodiscoverFailed("exchange.user has no mail domain to derive an address from")
        self._queue = deque(self._first_steps(domain))

    @property
    def said(self) -> tuple[str, ...]:
        """Every URL asked so far that did not end the search, with the result."""
        return tuple(self._said)

    def next_step(self) -> SearchStep | None:
        """Return the next request to make, None when the search is over; its URL is `asked_at` until the next one."""
        while self._endpoint is None and self._queue:
            step = self._queue.popleft()
            question = SearchStep(step.asking, step.url, step.address)
            if question not in self._asked and origin_of(step.url) not in self._gone:
                self._asked.add(question)
                self.asked_at = step.url
                return step
        return None

    def answered(self, step: SearchStep, answer: HttpAnswer) -> None:
        """Process the answer to `step`; a 401 raises `LoginRefused`, since a second attempt could lock the account."""
        if answer.status == 401 and step.asking is not Asking.ANONYMOUSLY:
            raise LoginRefused(f"HTTP 401 from {step.url}")
        location = answer.headers.get("location", "")
        if answer.status in _REDIRECTS and location:
            self._follow(step, location)
        elif step.asking is Asking.ANONYMOUSLY:
            self._say(step, f"HTTP {answer.status}, no redirect")
        elif answer.status == 200 or (answer.status == 500 and step.asking is Asking.SOAP):
            self._read(step, answer)
        else:
            self._say(step, f"HTTP {answer.status}")
            if answer.status not in _NOTHING_THERE:
                self._failing.add(origin_of(step.url))

    def failed(self, step: SearchStep, failure: ExchangeFailure) -> None:
        """Note that there was no answer to `step`; if there was no connection, its host is not asked again."""
        self._say(step, str(failure))
        self._failing.add(origin_of(step.url))
        if isinstance(failure, CertificateNotTrusted | TlsImpossible | ProxyFailure) and (
            self._configured or "//autodiscover." in step.url
        ):
            self._flaw = self._flaw or failure
            if isinstance(failure, CertificateNotTrusted):
                self._untrusted = self._untrusted or step.url
        if isinstance(failure, ExchangeUnreachable | CertificateNotTrusted):
            self._gone.add(origin_of(step.url))

    def stop(self, reason: str) -> None:
        """End the search, whatever was found."""
        self._queue.clear()
        self._said.append(reason)

    def outcome(self) -> Endpoint:
        """Return what was found; raises `AutodiscoverFailed` with every URL asked and the result.

        If a server supports autodiscover but knows none of the addresses, that says nothing about other users: then
        this raises `MailboxNotFound`. That takes an answer about each of these addresses, from servers that answered
        every request properly.
        """
        if self._endpoint is not None:
            return self._endpoint
        if self._outside:
            raise _not_trusted(self._outside, "; ".join(self._said))
        all_unknown = bool(self._unknown) and self._in_question <= self._unknown
        certain = all_unknown and self._answering.isdisjoint(self._failing)
        if certain:
            raise MailboxNotFound("; ".join(self._said))
        failure = AutodiscoverFailed("; ".join(self._said), self._untrusted)
        # Certificate or TLS of the host meant for autodiscover have to be fixed; a web site of the domain may have any.
        raise failure.in_words(failure.meaning, self._flaw.remedy) if self._flaw else failure

    def _first_steps(self, domain: str) -> list[SearchStep]:
        address = self._addresses[0]
        if self._configured:
            return [_step(url, address) for url in urls_at(self._configured)]
        asked, anonymous = urls_of_domain(domain)
        return [
            *(_step(url, address) for url in asked),
            *(SearchStep(Asking.ANONYMOUSLY, url, address) for url in anonymous),
        ]

    def _read(self, step: SearchStep, answer: HttpAnswer) -> None:
        try:
            reply = soap_reply(answer.body) if step.asking is Asking.SOAP else pox_reply(answer.body)
        except NotUnderstood as failure:
            self._say(step, f"HTTP {answer.status}, {failure.detail}")
            self._failing.add(origin_of(step.url))
        else:
            self._answering.add(origin_of(step.url))
            self._take(step, reply)

    def _take(self, step: SearchStep, reply: Reply) -> None:
        match reply:
            case EwsUrls():
                self._choose(step, reply)
            case RedirectUrl(url):
                self._follow(step, url)
            case RedirectAddress(address):
                self._start_again(step, address)
            case UnknownAddress():
                self._unknown.add(step.address.lower())
                self._say(step, f"no mailbox {step.address}")
                self._ask_about_the_next(step)
            case ErrorReply(reason):
                self._say(step, reason)
                if reply.may_pass:
                    self._failing.add(origin_of(step.url))

    def _choose(self, step: SearchStep, urls: EwsUrls) -> None:
        by_server = {ServerChoice.EXTERNAL: https_url(urls.external), ServerChoice.INTERNAL: https_url(urls.internal)}
        # A site may fill in only one of them; the other one is better than none.
        for server in sorted(by_server, key=lambda choice: choice is not self._server):
            url = by_server[server]
            if url is None:
                continue
            if self._may_have_ews.include(host_of(url)) or host_of(url) == host_of(step.url):
                self._endpoint = Endpoint(url, server, urls.group, step.url, urls.address)
                return
            self.untrusted_redirect = self._outside = self._outside or url
        if self._outside:
            self._say(step, f"names {self._outside}, which is refused: {_UNASKED}")
        else:
            self._say(step, "an answer without an https EWS URL")

    def _ask_about_the_next(self, step: SearchStep) -> None:
        if step.address in self._addresses[:-1]:
            following = self._addresses[self._addresses.index(step.address) + 1]
            self._queue.appendleft(SearchStep(step.asking, step.url, following, step.trail))

    def _follow(self, step: SearchStep, location: str) -> None:
        target = https_url(location, step.url)
        trail = (*step.trail, step.url)
        if target is None:
            self._say(step, f"redirects to {cleaned_address(location)}, which is refused: not an https URL")
        elif not self._trusted.include(host_of(target)):
            self.untrusted_redirect = cleaned_address(target)
            self._say(
                step,
                f"redirects to {self.untrusted_redirect}, which is refused: {_UNASKED}",
            )
        elif target in trail:
            self._say(step, f"a redirect loop: {' -> '.join((*trail, target))}")
        elif self._may_redirect(step):
            self._queue.extendleft(reversed([_step(url, step.address, trail) for url in urls_at(target)]))

    def _start_again(self, step: SearchStep, address: str) -> None:
        if not is_smtp_address(address):
            self._say(step, "redirects to another address, which is not an e-mail address")
        elif address.casefold() in {question.address.casefold() for question in self._asked}:
            self._say(step, f"a redirect loop: back to the address {address}")
        elif not self._configured and not self._trusted.include(domain_of(address)):
            self.untrusted_redirect = address
            self._say(step, f"redirects to {address}, which is refused: {_UNASKED}")
            self._ask_about_the_next(step)
        elif self._may_redirect(step):
            if step.address.lower() in self._in_question:
                self._in_question = self._in_question - {step.address.lower()} | {address.lower()}
            self._addresses = (address,)
            self._queue = deque(self._first_steps(domain_of(address)))

    def _may_redirect(self, step: SearchStep) -> bool:
        self._redirects += 1
        if self._redirects > MOST_REDIRECTS:
            self._say(step, f"redirects again, but {MOST_REDIRECTS} redirects are the limit")
            return False
        self._say(step, "redirects")
        return True

    def _say(self, step: SearchStep, what: str) -> None:
        self._said.append(f"{step.url}: {what[:_LONGEST_REMARK]}")


def _step(url: str, address: str, trail: tuple[str, ...] = ()) -> SearchStep:
    return SearchStep(Asking.SOAP if url.lower().endswith(".svc") else Asking.POX, url, address, trail)


def _not_trusted(url: str, said: str) -> EwsHostNotTrusted:
    remedy = (
        f'If {host_of(url)} is one of your Exchange servers, set exchange.trusted_hosts = ["{host_of(url)}"] (the '
        "set-up asks for it): log-ins are then sent there. If it is not, find out which server answers autodiscover."
    )
    return EwsHostNotTrusted(said, host_of(url)).in_words(EwsHostNotTrusted.meaning, remedy)


def _configured(url: str) -> str:
    spelled = https_url(url if "://" in url else f"https://{url}")
    if spelled is None:
        raise AutodiscoverFailed(f"exchange.autodiscover_url is not an https URL: {url}")
    return spelled


TIME_LIMIT = timedelta(seconds=60)
_HEADERS = {"Content-Type": "text/xml; charset=utf-8"}


async def discover(search: Search, http: Http, clock: Clock) -> Endpoint:
    """Make the requests of `search` until it ends, for at most 60 seconds.

    Raises what `Search.outcome` raises, and `LoginRefused` at the first refusal.
    """
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_ask(search, http))
        alarm = group.create_task(_cancel_at(clock.now() + TIME_LIMIT, asking, clock))
        asking.add_done_callback(lambda _: alarm.cancel())
    if asking.cancelled():
        search.stop(f"stopped after {TIME_LIMIT.total_seconds():.0f} seconds")
    elif (refusal := asking.result()) is not None:
        raise refusal
    return search.outcome()


async def _ask(search: Search, http: Http) -> LoginRefused | None:
    while (step := search.next_step()) is not None:
        try:
            if step.asking is Asking.ANONYMOUSLY:
                answer = await http.get_anonymously(step.url)
            else:
                answer = await http.post(step.url, step.body(), {**_HEADERS, "X-AnchorMailbox": step.address})
            search.answered(step, answer)
        except LoginRefused as refusal:
            return refusal
        except ExchangeFailure as failure:
            search.failed(step, failure)
    return None


async def _cancel_at(instant: datetime, task: "asyncio.Task[LoginRefused | None]", clock: Clock) -> None:
    await clock.sleep_until(instant)
    task.cancel()
