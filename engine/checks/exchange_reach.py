"""The way to Exchange and to Microsoft, as far as it goes without a log-in."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.checks.check import CheckRun, CheckStep, StepFunction, StepLog
from engine.checks.clock import MachineTime, machine_time
from engine.checks.connection import Ask, ConnectionSteps
from engine.checks.errors import AccountWithoutDomain
from engine.checks.finding import answering, as_account, by_usual_names, windows_domain
from engine.checks.fixes import use
from engine.checks.network import Lookup, look_up
from engine.core.clock import Clock
from engine.exchange.addresses import domain_of
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.exchange.ews.autodiscover.protocol import urls_of_domain
from engine.exchange.http.connection import HttpConnection
from engine.exchange.http.messages import HttpRequest, HttpResponse, parse_url
from engine.exchange.http.wire import Network
from engine.settings.clouds import WORLDWIDE, graph_root
from engine.settings.model import ExchangeSettings

_ANSWER_SECONDS = 5.0
_CLOUD = ("name lookup", "connection", "TLS", "clock")
_WANTS_LOG_IN = "the proxy wants a log-in first"

MakeNetwork = Callable[[], Network]
"""Returns how servers are reached, without any password. Raises an `ExchangeFailure` if a file cannot be used."""


def asking_by(network: Network, user_agent: str) -> Ask:
    """Return what asks a server without a log-in."""

    async def ask(url: str, opening: str = "") -> HttpResponse:
        http = HttpConnection(network, user_agent)
        headers = {"Authorization": opening} if opening else {}
        try:
            return await http.exchange(HttpRequest("GET", parse_url(url), headers, b"", patience=_ANSWER_SECONDS))
        finally:
            await http.close()

    return ask


@dataclass(frozen=True, slots=True)
class TypedAccount:
    """A service account without a mail domain, as it was typed; Exchange is looked for in `mail_domain`, "" if none is
    known."""

    name: str
    mail_domain: str


class _ReachCheck(ABC):
    """Base class: builds the network first, and stops at a proxy that wants a log-in."""

    names: tuple[str, ...]

    def __init__(
        self,
        settings: ExchangeSettings,
        make_network: MakeNetwork,
        user_agent: str,
        clock: Clock,
        *,
        lookup: Lookup,
        now: MachineTime = machine_time,
    ) -> None:
        self._settings = settings
        self._make_network = make_network
        self._user_agent = user_agent
        self._clock = clock
        self._lookup = lookup
        self._now = now
        self._network: Network
        self._ask: Ask

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        await check_run.run("files", self._prepare)
        if check_run.holds:
            await self._run_steps(check_run)
        for name in self.names[len(check_run.steps) :]:
            check_run.skip(name, "no connection is possible")
        return tuple(check_run.steps)

    @abstractmethod
    async def _run_steps(self, check_run: CheckRun) -> None:
        """Run the steps after the first."""

    async def _prepare(self, step_log: StepLog) -> None:
        step_log.field = "exchange.ca_file"
        self._network = self._make_network()
        self._ask = asking_by(self._network, self._user_agent)
        step_log.evidence.append("the files named in the settings can be read")

    async def _beyond_the_proxy(self, check_run: CheckRun, name: str, step: StepFunction, *, ends_it: bool) -> None:
        """Run a step that asks a server, unless a proxy wants a password for that."""
        proxy = self._network.proxy
        if check_run.holds and proxy is not None and proxy.user:
            check_run.skip(name, _WANTS_LOG_IN)
        else:
            await check_run.run(name, step, ends_it=ends_it)


class ExchangeReachCheck(_ReachCheck):
    """Checks of Exchange on premises that cost no log-in. `typed` is the service account if it has no mail domain."""

    names: tuple[str, ...] = ("files", "autodiscover", "name lookup", "connection", "TLS", "web services", "clock")

    def __init__(
        self,
        settings: ExchangeSettings,
        make_network: MakeNetwork,
        user_agent: str,
        clock: Clock,
        *,
        lookup: Lookup,
        now: MachineTime = machine_time,
        typed: TypedAccount | None = None,
    ) -> None:
        super().__init__(settings, make_network, user_agent, clock, lookup=lookup, now=now)
        self._typed = typed
        self._mail_domain = typed.mail_domain if typed is not None else domain_of(settings.user)
        self._url = ""
        if typed is not None:
            self.names = (*self.names, "account")

    async def _run_steps(self, check_run: CheckRun) -> None:
        await self._reach(check_run)
        if self._typed is not None:
            await check_run.run("account", functools.partial(self._complete, self._typed), always=True)

    async def _complete(self, typed: TypedAccount, step_log: StepLog) -> None:
        """Note what is missing of the account: the domain in its name, and where Exchange is, if only found."""
        step_log.field = "exchange.user"
        if "\\" in typed.name:
            if self._url and not (self._settings.ews_url or self._settings.autodiscover_url):
                step_log.fixes.append(use("exchange.autodiscover_url", self._url))
            return
        domain = await windows_domain(self._ask, self._url) if self._url else None
        if domain is not None:
            step_log.evidence.append(f"the server is in the Windows domain {domain}")
            step_log.fixes.append(as_account(domain, typed.name, self._settings, self._url))
        elif typed.mail_domain:
            step_log.fixes.append(use("exchange.user", f"{typed.name}@{typed.mail_domain}"))
        raise AccountWithoutDomain(typed.name)

    async def _reach(self, check_run: CheckRun) -> None:
        settings = self._settings
        self._url = settings.ews_url or settings.autodiscover_url or ""
        if self._url:
            check_run.skip("autodiscover", f"the address is known: {self._url}")
        else:
            await check_run.run("autodiscover", self._discover)
        key = "exchange.ews_url" if settings.ews_url else "exchange.autodiscover_url"
        steps = ConnectionSteps(
            self._url, "Exchange", key, self._network, self._lookup, self._ask, own=True, now=self._now
        )

        async def find_web_services(step_log: StepLog) -> None:
            await steps.find_web_services(step_log, settings.auth)

        await check_run.run("name lookup", steps.look_up)
        await check_run.run("connection", steps.connect)
        await self._beyond_the_proxy(check_run, "TLS", steps.shake_hands, ends_it=True)
        await self._beyond_the_proxy(check_run, "web services", find_web_services, ends_it=False)
        await self._beyond_the_proxy(check_run, "clock", steps.compare_clocks, ends_it=False)

    async def _discover(self, step_log: StepLog) -> None:
        if not self._mail_domain:
            raise AutodiscoverFailed("the service account has no mail domain to look in")
        found = await answering(self._ask, urls_of_domain(self._mail_domain)[0])
        if not found:
            step_log.fixes += await by_usual_names(self._ask, self._mail_domain)
            raise AutodiscoverFailed(f"no server of {self._mail_domain} answers to it")
        self._url = found[0]
        step_log.evidence.append(f"{self._url} answers")


class CloudReachCheck(_ReachCheck):
    """Checks of Microsoft Entra and of Microsoft Graph that cost no log-in."""

    names = ("files", *(f"{server}: {name}" for server in ("Entra", "Graph") for name in _CLOUD))

    async def _run_steps(self, check_run: CheckRun) -> None:
        settings = self._settings
        authority = settings.authority or f"https://{WORLDWIDE.authorities[0]}"
        graph = graph_root(settings.authority, settings.graph_url) or ""
        # As for tokens, the system looks the log-in service up.
        by_system = replace(self._network, resolver=None)
        entra = ConnectionSteps(
            authority,
            "Microsoft Entra",
            "exchange.authority",
            by_system,
            look_up,
            asking_by(by_system, self._user_agent),
            now=self._now,
        )
        await self._reach(check_run, "Entra", entra)
        await self._reach(
            check_run,
            "Graph",
            ConnectionSteps(
                graph, "Microsoft Graph", "exchange.graph_url", self._network, self._lookup, self._ask, now=self._now
            ),
        )

    async def _reach(self, check_run: CheckRun, server: str, steps: ConnectionSteps) -> None:
        await check_run.run(f"{server}: name lookup", steps.look_up)
        await check_run.run(f"{server}: connection", steps.connect)
        await self._beyond_the_proxy(check_run, f"{server}: TLS", steps.shake_hands, ends_it=True)
        await self._beyond_the_proxy(check_run, f"{server}: clock", steps.compare_clocks, ends_it=False)
