"""Check of Exchange: from its host name to one calendar that is read and can be subscribed to."""

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from engine.checks.access import AccessCheck, MakeAccess
from engine.checks.check import CheckRun, StepFunction, StepLog, StepSkipped
from engine.checks.clock import MachineTime, machine_time
from engine.checks.connection import ConnectionSteps
from engine.checks.errors import NobodyToTry
from engine.checks.finding import (
    as_account,
    by_autodiscover_elsewhere,
    by_usual_names,
    in_domain,
    other_domain,
    parent_of,
    windows_domain,
)
from engine.checks.fixes import Fix, use
from engine.checks.graph import GraphCheck
from engine.checks.network import Lookup, look_up
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.exchange import impersonation
from engine.exchange.addresses import domain_of, is_smtp_address, smtp_address
from engine.exchange.errors import (
    CalendarNotReadable,
    ExchangeFailure,
    ExchangeUnreachable,
    ImpersonationDenied,
    ImpersonationRightMissing,
    LoginRefused,
    MailboxMoved,
    MailboxNotFound,
    NotPrimaryAddress,
    NotUnderstood,
    ServiceMailboxMissing,
    SubscriptionLost,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed, EwsHostNotTrusted
from engine.exchange.ews.autodiscover.search import Search, discover
from engine.exchange.ews.client import Affinity, EwsClient
from engine.exchange.ews.resolve_names import resolve_name
from engine.exchange.ews.soap import Impersonation
from engine.exchange.ews.streaming.protocol import (
    get_streaming_events,
    stream_events,
    subscribe,
    subscription_id,
    unsubscribe,
)
from engine.exchange.ews.throttle import Throttle
from engine.exchange.source import Mailbox, Window
from engine.settings.model import ExchangeSettings, ExchangeType, Mode, ResolveWith

NAMES = (
    "files",
    "token",
    "autodiscover",
    "name lookup",
    "connection",
    "TLS",
    "web services",
    "clock",
    "log-in",
    "mailbox",
    "impersonation",
    "calendar",
    "notifications",
)
_SAID_AFTER_THE_LOG_IN = (
    ImpersonationDenied,
    ImpersonationRightMissing,
    MailboxMoved,
    MailboxNotFound,
    NotPrimaryAddress,
    ServiceMailboxMissing,
)
BY_GRAPH = "Microsoft Graph"
_AFTER_THE_TOKEN = NAMES.index("token") + 1
LOOK = timedelta(days=1)
SIGN_OF_LIFE = 60.0
"""Seconds: a stream is never silent for longer (Exchange sends a heartbeat every 45)."""
HTTPS = 443


class ExchangeCheck(AccessCheck):
    """Tries the settings for which `make_access` builds the clients.

    `candidates` are the addresses of the user whose calendar is read; without any, the service account's own is read.
    `clock` is the network clock, `calendar_clock` gives the current day. `by_graph` tries the same application by
    Microsoft Graph: whatever comes of it is no failure.
    """

    def __init__(
        self,
        settings: ExchangeSettings,
        make_access: MakeAccess,
        candidates: Sequence[str],
        *,
        clock: Clock,
        calendar_clock: Clock,
        lookup: Lookup = look_up,
        others: Sequence[Sequence[str]] = (),
        by_graph: GraphCheck | None = None,
        now: MachineTime = machine_time,
    ) -> None:
        names = NAMES if by_graph is None else (*NAMES[:_AFTER_THE_TOKEN], BY_GRAPH, *NAMES[_AFTER_THE_TOKEN:])
        super().__init__(names, make_access, clock, others)
        self._by_graph = by_graph
        self._settings = settings
        own = self._settings.user if is_smtp_address(self._settings.user) else ""
        self._own_address = own
        # If a named user has no mailbox, that is a failure, even if the account's own calendar can be read.
        self._named = tuple(candidates)
        self._candidates = tuple(filter(None, map(smtp_address, candidates or (own,))))
        self._calendar_clock = calendar_clock
        self._lookup = lookup
        self._machine_time = now
        self._url = ""
        self._mailbox: Mailbox | None = None
        self._counted = -1
        self._unreadable: ExchangeFailure | None = None

    async def _run_steps(self, check_run: CheckRun) -> None:
        self._settings = self._access.settings
        self._url = self._settings.ews_url or ""
        if self._access.token is None:
            check_run.skip("token", "the service account logs in with its password")
        else:
            await check_run.run("token", self._get_token)
        if self._by_graph is not None:
            await check_run.run(BY_GRAPH, self._try_graph)
        if self._settings.ews_url is not None:
            check_run.skip("autodiscover", f"the address is known: {self._settings.ews_url}")
        else:
            await check_run.run("autodiscover", self._discover)
        await self._reach(check_run)
        await check_run.run("log-in", self._log_in)
        await check_run.run("mailbox", self._find_mailbox)
        await check_run.run("impersonation", self._impersonate)
        await check_run.run("calendar", self._read_calendar)
        if self._settings.mode is Mode.FREE_BUSY:
            check_run.skip("notifications", 'with exchange.mode = "free-busy" calendars are read regularly instead')
        else:
            await check_run.run("notifications", self._subscribe)

    async def _reach(self, check_run: CheckRun) -> None:
        """Run the steps that need no log-in."""
        own = self._settings.type is ExchangeType.ON_PREMISES
        steps = self._steps_to(self._url)

        async def find_web_services(step_log: StepLog) -> None:
            await steps.find_web_services(step_log, self._settings.auth if own else None)

        for name, step in (
            ("name lookup", steps.look_up),
            ("connection", steps.connect),
            ("TLS", steps.shake_hands),
            ("web services", find_web_services),
        ):
            await check_run.run(name, functools.partial(self._or_another_url, step))
        await check_run.run("clock", steps.compare_clocks, ends_it=False)

    def _steps_to(self, url: str) -> ConnectionSteps:
        access = self._access
        return ConnectionSteps(
            url,
            "Exchange",
            "exchange.ews_url",
            access.network,
            self._lookup,
            access.http.get_anonymously,
            own=self._settings.type is ExchangeType.ON_PREMISES,
            now=self._machine_time,
        )

    async def _or_another_url(self, step: StepFunction, step_log: StepLog) -> None:
        """Run a step to the URL of the settings; if it is the wrong one, look for the right one."""
        try:
            await step(step_log)
        except Failure:
            if step_log.field == "exchange.ews_url" and not step_log.fixes:
                step_log.fixes += await self._other_urls()
            raise

    async def _other_urls(self) -> tuple[Fix, ...]:
        """Return the fixes that use the EWS URL which autodiscover tells, else one at a usual name."""
        if self._settings.ews_url is None or self._settings.type is not ExchangeType.ON_PREMISES:
            return ()
        with contextlib.suppress(ExchangeFailure):
            found = await discover(self._search(self._candidates), self._access.http, self._clock)
            return (use("exchange.ews_url", found.url),) if found.url != self._url else ()
        domain = domain_of(self._own_address) or parent_of(self._url)
        return await by_usual_names(self._access.http.get_anonymously, domain)

    async def _get_token(self, step_log: StepLog) -> None:
        token = self._access.token
        if token is not None:
            await token.authorization()
            step_log.evidence.append(f"{token.user} obtained a token")

    async def _try_graph(self, step_log: StepLog) -> None:
        steps = await self._by_graph.run(lambda _: None) if self._by_graph is not None else ()
        failed = next((step for step in steps if step.failure is not None), None)
        if failed is not None and failed.failure is not None:
            raise StepSkipped(f"not possible yet: {failed.failure}. {failed.remedy}")
        step_log.evidence.append('this application may read by Microsoft Graph: set exchange.type to "cloud-graph"')

    def _search(self, candidates: Sequence[str]) -> Search:
        return Search(
            domain=domain_of(self._own_address),
            configured_url=self._settings.autodiscover_url,
            addresses=(self._own_address, *candidates),
            server=self._settings.server,
            own=self._own_address,
            trusted=self._settings.trusted_hosts,
        )

    async def _discover(self, step_log: StepLog) -> None:
        search = self._search(self._candidates)
        try:
            found = await discover(search, self._access.http, self._clock)
        except EwsHostNotTrusted as failure:
            hosts = (*self._settings.trusted_hosts, failure.host)
            step_log.fixes.append(Fix(f"send the log-in to {failure.host}, too", {"exchange.trusted_hosts": hosts}))
            raise
        except AutodiscoverFailed as failure:
            await self._look_elsewhere(failure, step_log)
            raise
        except LoginRefused:
            await self._look_for_the_account(search.asked_at, step_log)
            raise
        except MailboxNotFound:
            domain = domain_of(self._own_address)
            with contextlib.suppress(ExchangeFailure):
                await discover(self._search(in_domain(self._candidates, domain)), self._access.http, self._clock)
                step_log.field = "pbx.domain"
                step_log.fixes.append(use("pbx.domain", domain))
            raise
        finally:
            step_log.evidence += search.said
        self._url = found.url
        step_log.evidence.append(f"{found.told_by}: the {found.server} EWS URL is {found.url}")

    async def _look_elsewhere(self, failure: AutodiscoverFailed, step_log: StepLog) -> None:
        """Note what can be done about a certificate that stopped autodiscover, else look for Exchange elsewhere."""
        if failure.untrusted:
            steps = self._steps_to(failure.untrusted)
            with contextlib.suppress(Failure):
                for step in (steps.look_up, steps.connect, steps.shake_hands):
                    await step(step_log)
            if step_log.field != "exchange.ews_url":
                return
        step_log.field = "exchange.ews_url"
        ask, own = self._access.http.get_anonymously, domain_of(self._own_address)
        domains = dict.fromkeys(domain_of(each) for each in self._candidates)
        step_log.fixes += await by_usual_names(ask, own)
        step_log.fixes += await by_autodiscover_elsewhere(ask, [each for each in domains if each != own])

    async def _log_in(self, step_log: StepLog) -> None:
        """Log in; an error about the content of a request also proves the log-in, which Exchange checks first."""
        address = self._whom_to_try()
        acting_for = Impersonation(address, primary=False) if self._access.token is not None else None
        try:
            with contextlib.suppress(*_SAID_AFTER_THE_LOG_IN):
                await self._client().call(self._url, resolve_name(address), acting_for)
        except NotUnderstood:
            step_log.field = "exchange.ews_url"
            step_log.fixes += await self._other_urls()
            raise
        except LoginRefused:
            await self._look_for_the_account(self._url, step_log)
            raise
        step_log.evidence.append(f"{self._settings.user or 'the application'} is logged in")

    async def _look_for_the_account(self, url: str, step_log: StepLog) -> None:
        """Note the refused account as it is named in the server's own domain, if that is another name.

        Whose domain was typed probably did not mean it; an e-mail address may be the right name, with a wrong password.
        """
        user = self._settings.user
        domain = None if self._access.token else await windows_domain(self._access.http.get_anonymously, url)
        if domain is None or domain.has(user):
            return
        fix = as_account(domain, user, self._settings, url)
        step_log.evidence.append(f"the server is in the Windows domain {domain}")
        step_log.fixes.append(fix)
        if "\\" in user:
            step_log.field = "exchange.user"
        step_log.remedy = (
            f"If the password is right, the name is not: the server is in the Windows domain {domain}, where it would "
            f"be {domain.account(user)}."
        )

    async def _find_mailbox(self, step_log: StepLog) -> None:
        if self._named and not self._candidates:
            raise MailboxNotFound(
                f"{self._named[0][:100]} is no e-mail address, and nobody who takes part has that name"
            )
        self._whom_to_try()
        try:
            self._mailbox = await self._access.source.resolve(self._candidates)
        except MailboxNotFound:
            if (
                fix := await other_domain(self._access.source, self._candidates, domain_of(self._own_address))
            ) is not None:
                step_log.field = "pbx.domain"
                step_log.fixes.append(fix)
            raise
        step_log.evidence.append(f"{self._mailbox.address} at {self._mailbox.url}")

    async def _impersonate(self, step_log: StepLog) -> None:
        """Impersonate a mailbox, which reading proves; a failure of the calendar alone belongs to the next step."""
        if self._mailbox is None:
            return
        now = self._calendar_clock.now()
        window = Window(now - LOOK, now + LOOK)
        try:
            self._counted = len(await self._access.source.read_window(self._mailbox, window))
        except ImpersonationRightMissing:
            step_log.remedy = self._grant()
            raise
        except ImpersonationDenied:
            another = await self._another(self._mailbox.address, window, step_log)
            if another is None:
                step_log.remedy = self._grant()
                raise
            self._mailbox, found = another
            self._counted = len(found)
        except ExchangeFailure as failure:
            self._unreadable = failure
            if not isinstance(failure, CalendarNotReadable):
                raise StepSkipped(f"not known: {failure.meaning[0].lower()}{failure.meaning[1:]}") from failure
        if self._settings.mode is Mode.FREE_BUSY:
            raise StepSkipped('exchange.mode = "free-busy" needs none')
        if (restriction := self._access.source.restriction) is not None:
            step_log.evidence.append("free/busy may be read: all that is possible without this right")
            step_log.remedy = self._grant()
            raise restriction
        step_log.evidence.append(f"the service account may act for {self._mailbox.address}")

    async def _read_calendar(self, step_log: StepLog) -> None:
        if self._unreadable is not None:
            raise self._unreadable
        if self._mailbox is not None:
            step_log.evidence.append(
                f"{self._counted} appointments of {self._mailbox.address} from yesterday until tomorrow"
            )
            if (limitation := self._access.source.limitation(self._mailbox)) is not None:
                raise limitation

    async def _subscribe(self, step_log: StepLog) -> None:
        if self._mailbox is None:
            return
        client = self._client()
        mailbox, acting_for = self._mailbox, Impersonation(self._mailbox.address)
        answer = await client.call(mailbox.url, subscribe(), acting_for, Affinity(mailbox.address, ""))
        identifier = subscription_id(answer.content(answer.messages[0]))
        affinity = Affinity(mailbox.address, answer.override_cookie)
        try:
            await self._listen(client, mailbox, identifier, affinity)
        finally:
            with contextlib.suppress(ExchangeFailure):
                await client.call(mailbox.url, unsubscribe(identifier), acting_for, affinity)
        step_log.evidence.append("a subscription was made, its stream sent a heartbeat, and it was ended")

    async def _listen(self, client: EwsClient, mailbox: Mailbox, identifier: str, affinity: Affinity) -> None:
        """Open the stream and wait for its first heartbeat, which Exchange usually sends at once."""
        operation = get_streaming_events([identifier], minutes=1)
        listening = client.listen(mailbox.url, operation, Impersonation(mailbox.address), affinity)
        try:
            async with asyncio.timeout(SIGN_OF_LIFE), listening as answers, contextlib.aclosing(answers):
                async for answer in answers:
                    for message in answer.messages if answer is not None else ():
                        events = stream_events(message)
                        if answer is not None and events.failed is not None:
                            raise answer.failure(message)
                        if events.lost or events.closed:
                            raise SubscriptionLost(f"the stream of {mailbox.address} was closed at once")
                        return
        except TimeoutError as error:
            raise ExchangeUnreachable(f"the stream sent no heartbeat within {SIGN_OF_LIFE} s") from error
        raise ExchangeUnreachable("the notification stream broke off")

    def _grant(self) -> str:
        account = impersonation.quoted(self._settings.user, "ACCOUNT")
        return f"In the Exchange Management Shell: {impersonation.grant(account)}"

    def _client(self) -> EwsClient:
        throttle = Throttle(1, self._clock, Random())  # noqa: S311 - jitter, not a secret
        return EwsClient(self._access.http, self._own_address, throttle)

    def _whom_to_try(self) -> str:
        needs_another = self._settings.resolve_with is ResolveWith.CANDIDATES or not self._own_address
        if self._named and not self._candidates and self._own_address:
            return self._own_address
        if not self._candidates or (needs_another and self._candidates == (self._own_address,)):
            raise NobodyToTry
        return self._candidates[0]
