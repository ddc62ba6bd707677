"""Check of Microsoft Graph: from a token to one calendar that is read, and what is special about this tenant."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from random import Random

from engine.checks.access import AccessCheck, MakeAccess
from engine.checks.check import CheckRun, StepLog
from engine.checks.clock import MachineTime, machine_time
from engine.checks.connection import ConnectionSteps
from engine.checks.errors import NobodyToTry
from engine.checks.network import Lookup, look_up
from engine.checks.tenant import DENIED, READ, TenantSurvey
from engine.core.clock import Clock
from engine.core.errors import Scope
from engine.core.secret import Secret
from engine.core.tenant import TenantFacts, in_words, nothing_learned
from engine.display import visible
from engine.exchange import impersonation
from engine.exchange.addresses import smtp_address
from engine.exchange.errors import ExchangeFailure, MailboxNotFound
from engine.exchange.graph import consent
from engine.exchange.graph.client import GraphClient
from engine.exchange.graph.errors import GraphPermissionMissing
from engine.exchange.graph.throttle import MOST, Throttle
from engine.exchange.oauth.errors import ClientSecretRefused
from engine.exchange.oauth.roles import roles_in
from engine.exchange.source import Mailbox, Window
from engine.settings.clouds import graph_root
from engine.settings.model import ExchangeSettings

NAMES = ("files", "token", "name lookup", "connection", "TLS", "clock", "mailbox", "calendar", "tenant")
LOOK = timedelta(days=1)
READS_CALENDARS = "calendars.read"
"""Begins every permission that lets an application read calendars, in lower case."""

NO_SECRET = Secret("")
THAT_IS_ITS_ID = (
    'What was entered is the "Secret ID" of a client secret: copy its "Value" instead. Entra shows it only right after '
    "the secret was made, so make another one if it was not kept."
)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Keep = Callable[[TenantFacts], Awaitable[None]]


class GraphCheck(AccessCheck):
    """Tries the settings for which `make_access` builds the clients.

    `candidates` are the addresses of the user whose calendar is read, `known` those of other mailboxes. `clock` is the
    network clock, `calendar_clock` gives the current day. `facts` returns what is known of the tenant, `keep` takes
    what was found out. `secret` is the client secret, if there is one.
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
        known: Sequence[str] = (),
        facts: Callable[[], TenantFacts] = nothing_learned,
        keep: Keep | None = None,
        now: MachineTime = machine_time,
        secret: Secret = NO_SECRET,
    ) -> None:
        super().__init__(NAMES, make_access, clock, others)
        self._settings = settings
        self._named = tuple(candidates)
        self._candidates = tuple(filter(None, map(smtp_address, candidates)))
        self._calendar_clock = calendar_clock
        self._lookup = lookup
        self._known = tuple(known)
        self._facts = facts
        self._keep = keep
        self._machine_time = now
        self._secret = secret
        self._mailbox: Mailbox | None = None
        self._roles: tuple[str, ...] | None = None

    async def _run_steps(self, check_run: CheckRun) -> None:
        access, ask = self._access, self._access.http.get_anonymously
        connection = ConnectionSteps(
            self._root,
            "Microsoft Graph",
            "exchange.graph_url",
            access.network,
            self._lookup,
            ask,
            now=self._machine_time,
        )
        await check_run.run("token", self._get_token)
        await connection.run(check_run)
        await check_run.run("clock", connection.compare_clocks, ends_it=False)
        await check_run.run("mailbox", self._find_mailbox)
        await check_run.run("calendar", self._read_calendar)
        await check_run.run("tenant", self._survey_tenant)

    @property
    def _root(self) -> str:
        return graph_root(self._settings.authority, self._settings.graph_url) or ""

    async def _get_token(self, step_log: StepLog) -> None:
        token = self._access.token
        if token is None:
            return
        try:
            self._roles = roles_in(await token.authorization())
        except ClientSecretRefused:
            if _GUID.fullmatch(self._secret.reveal()):
                step_log.remedy = THAT_IS_ITS_ID
            raise
        step_log.evidence.append(f"{token.user} obtained a token")
        if self._roles:
            step_log.evidence.append(f"its permissions are {visible(', '.join(sorted(self._roles)))}")
        elif self._roles is not None:
            step_log.evidence.append("it names no permission, so only a role in Exchange Online can let it read")

    async def _find_mailbox(self, step_log: StepLog) -> None:
        if self._named and not self._candidates:
            raise MailboxNotFound(
                f"{self._named[0][:100]} is no e-mail address, and nobody who takes part has that name"
            )
        if not self._candidates:
            raise NobodyToTry
        try:
            self._mailbox = await self._access.source.resolve(self._candidates)
        except DENIED as failure:
            self._mailbox = await self._instead(failure, step_log)
            if self._mailbox is None:
                if self._others and self._names_no_calendars:
                    failure = GraphPermissionMissing(f"none of the calendars tried: {failure.detail}")
                await self._say_what_to_grant(failure, step_log)
                raise failure
        step_log.evidence.append(f"{self._mailbox.address} at {self._mailbox.url}")

    async def _read_calendar(self, step_log: StepLog) -> None:
        if self._mailbox is None:
            return
        try:
            found = await self._access.source.read_window(self._mailbox, self._window)
        except DENIED as failure:
            await self._say_what_to_grant(failure, step_log)
            raise
        step_log.evidence.append(f"{len(found)} appointments of {self._mailbox.address} from yesterday until tomorrow")
        if (limitation := self._access.source.limitation(self._mailbox)) is not None:
            raise limitation

    @property
    def _names_no_calendars(self) -> bool:
        """Whether the token can be read, and names no permission to read calendars."""
        return self._roles is not None and not any(each.lower().startswith(READS_CALENDARS) for each in self._roles)

    async def _instead(self, failure: ExchangeFailure, step_log: StepLog) -> Mailbox | None:
        """Return another mailbox that may be read, if it is a matter of each mailbox."""
        if failure.scope is not Scope.USER:
            return None
        another = await self._another(self._candidates[0], self._window, step_log)
        return another[0] if another is not None else None

    @property
    def _window(self) -> Window:
        now = self._calendar_clock.now()
        return Window(now - LOOK, now + LOOK)

    async def _survey_tenant(self, step_log: StepLog) -> None:
        if self._mailbox is None:
            return
        facts = await self._survey().run(self._mailbox)
        step_log.evidence.extend(in_words(facts))
        await self._learned(facts)

    async def _say_what_to_grant(self, failure: ExchangeFailure, step_log: StepLog) -> None:
        """Name the commands for what is missing, as far as the token shows it."""
        if self._roles is None:
            return
        app = impersonation.quoted(self._settings.client_id or "", "CLIENT-ID")
        if self._names_no_calendars:
            commands = "; ".join(consent.tenant_wide(app))
            step_log.remedy = f"{failure.remedy} For all mailboxes, with the Azure CLI: {commands}"
            step_log.evidence.append("the token names no permission to read calendars")
            return
        with contextlib.suppress(ExchangeFailure):
            facts = await self._survey().after_denial(self._candidates[0])
            if facts is not None:
                commands = "; ".join(consent.tenant_wide(app, READ))
                step_log.remedy = f"Give the application {READ} as well, with the Azure CLI: {commands}"
                step_log.evidence.append(
                    "free/busy times are answered, but this tenant asks for more to read calendars"
                )
                await self._learned(facts)

    def _survey(self) -> TenantSurvey:
        throttle = Throttle(self._settings.connections, self._clock, Random(), MOST)  # noqa: S311 - jitter, not a secret
        client = GraphClient(self._access.http, self._root, throttle, self._clock)
        mine = (self._mailbox.address,) if self._mailbox is not None else ()
        now = self._calendar_clock.now()
        return TenantSurvey(client, self._roles, (*mine, *self._known), self._facts(), batches=throttle.at_once, at=now)

    async def _learned(self, facts: TenantFacts) -> None:
        if self._keep is not None:
            await self._keep(facts)
