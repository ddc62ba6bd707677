"""Factory of checks for the settings and secrets to be tried."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checks.access import ExchangeAccess
from engine.checks.check import AnyCheck
from engine.checks.clock import MachineTime, machine_time
from engine.checks.everybody import EverybodyCheck, UserAccess
from engine.checks.exchange import ExchangeCheck
from engine.checks.exchange_reach import CloudReachCheck, ExchangeReachCheck, TypedAccount
from engine.checks.graph import GraphCheck
from engine.checks.hybrid import HybridCheck
from engine.checks.machine import MachineCheck
from engine.checks.mailboxes import CalendarsCheck, MailboxesCheck
from engine.checks.network import Lookup, look_up
from engine.checks.pbx import PATIENCE, PbxCheck
from engine.checks.pbx_reach import PbxReachCheck
from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.core.tenant import nothing_learned
from engine.core.users import User
from engine.exchange.http.wire import Network
from engine.exchange.source import Mailbox
from engine.pbx.events import PbxEvent
from engine.settings.model import ExchangeSettings, ExchangeType, PbxSettings, SiteSettings, halves_of
from engine.store.secrets import Secrets
from engine.store.tenants import KnownTenants
from engine.sync.link import Link

Progressed = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CheckFactory:
    """Makes checks; `make_link` and `make_access` build what a running engine would use, `make_network` how it reaches
    Exchange, without any password. `clock` is calendar time, `now` this machine's own.

    What is found out about a tenant of Microsoft 365 is kept in `tenants`, if there are any.
    """

    make_link: Callable[[SiteSettings, Secret, Callable[[PbxEvent], None]], Link]
    make_access: Callable[[SiteSettings, Secrets], ExchangeAccess]
    make_network: Callable[[ExchangeSettings], Network]
    clock: Clock
    network_clock: Clock
    user_agent: str
    exchange_lookup: Lookup = look_up
    patience: float = PATIENCE
    tenants: KnownTenants | None = None
    now: MachineTime = machine_time

    def machine(self, directories: Mapping[str, Path]) -> MachineCheck:
        """Return the check of this machine; `directories` are those that the engine writes, by what they are."""
        return MachineCheck(directories, self.network_clock)

    def pbx_reach(self, settings: PbxSettings, in_force: PbxSettings | None = None) -> PbxReachCheck:
        """Return the check of the way to the PBX, which costs no log-in; `in_force` are the settings of the running
        engine."""
        return PbxReachCheck(settings, self.network_clock, in_force=in_force, now=self.now)

    def exchange_reach(self, settings: SiteSettings, typed: TypedAccount | None = None) -> AnyCheck:
        """Return the check of the way to Exchange, which costs no log-in. `typed` is the service account if it has no
        mail domain."""
        if settings.exchange.type is ExchangeType.HYBRID:
            on_premises, online = halves_of(settings)
            return HybridCheck(self.exchange_reach(on_premises, typed), self.exchange_reach(online))
        network = functools.partial(self.make_network, settings.exchange)
        about = (settings.exchange, network, self.user_agent, self.network_clock)
        if settings.exchange.type is not ExchangeType.ON_PREMISES:
            return CloudReachCheck(*about, lookup=self.exchange_lookup, now=self.now)
        return ExchangeReachCheck(*about, lookup=self.exchange_lookup, now=self.now, typed=typed)

    def pbx(self, settings: SiteSettings, password: Secret, user: str = "") -> PbxCheck:
        """Return the check of the PBX; `user` is the Name of the user whose presence is read."""
        return PbxCheck(
            settings.pbx,
            functools.partial(self.make_link, settings, password),
            self.network_clock,
            user=user,
            patience=self.patience,
            now=self.now,
        )

    def exchange(
        self,
        settings: SiteSettings,
        secrets: Secrets,
        candidates: Sequence[str],
        known: Sequence[str] = (),
        others: Sequence[Sequence[str]] = (),
    ) -> ExchangeCheck | GraphCheck | HybridCheck:
        """Return the check of Exchange; `candidates` are the addresses of the user whose calendar is read, `known`
        those of other mailboxes, `others` those of each user who may be read instead."""
        by_graph: GraphCheck | None = None
        match settings.exchange.type:
            case ExchangeType.HYBRID:
                on_premises, online = halves_of(settings)
                return HybridCheck(
                    self._by_ews(on_premises, secrets, candidates, others),
                    self._by_graph(online, secrets, candidates, known, others),
                )
            case ExchangeType.CLOUD_GRAPH:
                return self._by_graph(settings, secrets, candidates, known, others)
            case ExchangeType.CLOUD_EWS:
                exchange = replace(settings.exchange, type=ExchangeType.CLOUD_GRAPH)
                by_graph = self._by_graph(replace(settings, exchange=exchange), secrets, candidates, known, others)
        return self._by_ews(settings, secrets, candidates, others, by_graph)

    def _by_ews(
        self,
        settings: SiteSettings,
        secrets: Secrets,
        candidates: Sequence[str],
        others: Sequence[Sequence[str]],
        by_graph: GraphCheck | None = None,
    ) -> ExchangeCheck:
        return ExchangeCheck(
            settings.exchange,
            functools.partial(self.make_access, settings, secrets),
            candidates,
            clock=self.network_clock,
            calendar_clock=self.clock,
            lookup=self.exchange_lookup,
            others=others,
            by_graph=by_graph,
            now=self.now,
        )

    def _by_graph(
        self,
        settings: SiteSettings,
        secrets: Secrets,
        candidates: Sequence[str],
        known: Sequence[str],
        others: Sequence[Sequence[str]],
    ) -> GraphCheck:
        key = settings.exchange.tenant_id or "", settings.exchange.client_id or ""
        return GraphCheck(
            settings.exchange,
            functools.partial(self.make_access, settings, secrets),
            candidates,
            clock=self.network_clock,
            calendar_clock=self.clock,
            lookup=self.exchange_lookup,
            others=others,
            known=known,
            facts=nothing_learned if self.tenants is None else functools.partial(self.tenants.facts, *key),
            now=self.now,
            secret=secrets.exchange_client_secret,
            keep=None if self.tenants is None else functools.partial(self.tenants.keep, *key),
        )

    def resolution(
        self, settings: SiteSettings, secrets: Secrets, users: Iterable[User], domain: str, progressed: Progressed
    ) -> MailboxesCheck:
        """Return the check of the mailboxes of `users`; `domain` is the system name of the PBX."""
        make_access = functools.partial(self.make_access, settings, secrets)
        order = settings.exchange.candidate_order
        return MailboxesCheck(users, domain, settings.pbx.users, order, make_access, self.network_clock, progressed)

    def everybody(
        self,
        settings: SiteSettings,
        secrets: Secrets,
        users: Sequence[User],
        domain: str,
        progressed: Progressed,
        before: Mapping[str, UserAccess] | None = None,
    ) -> EverybodyCheck:
        """Return the check of everybody's access; `domain` is the system name of the PBX, `before` are the results of
        an earlier one, whose failures alone are tried again."""
        make_access = functools.partial(self.make_access, settings, secrets)
        return EverybodyCheck(settings, users, domain, make_access, self.network_clock, self.clock, progressed, before)

    def calendars(
        self,
        settings: SiteSettings,
        secrets: Secrets,
        users: Sequence[User],
        mailboxes: Mapping[str, Mailbox],
        progressed: Progressed,
    ) -> CalendarsCheck:
        """Return the check of the calendars of `users`."""
        make_access = functools.partial(self.make_access, settings, secrets)
        return CalendarsCheck(
            users, mailboxes, settings.presence, make_access, self.network_clock, self.clock, progressed
        )
