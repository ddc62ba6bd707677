"""Builds the debug log: recorder, owners of mailboxes, and its routes of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.core.clock import Clock
from engine.debuglog.query import LogReader
from engine.debuglog.recorder import Capture
from engine.exchange.addresses import smtp_address
from engine.exchange.diagnosis import ServiceAccount
from engine.exchange.graph.requests import OF_A_USER, user_in
from engine.server.handlers.log import LogExportRoutes, LogRoutes
from engine.server.http import Routes
from engine.server.log import LogService
from engine.server.log_export import LogExport
from engine.server.state import ApiState
from engine.settings.model import ExchangeType, SiteSettings
from engine.store.secrets import Secrets
from engine.sync.events import Event, UserChanged
from engine.sync.views import EngineView


class DebugLog:
    """The debug log in `state_dir`, configured by the latest settings and secrets. `clock` is calendar time."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.capture = Capture(state_dir, clock)
        self._reader = LogReader(self.capture.path)
        self._clock = clock
        self._settings: SiteSettings | None = None

    def apply_settings(self, settings: SiteSettings) -> None:
        """Apply new settings."""
        self._settings = settings
        self.capture.apply(settings.debug_log)

    def add_secrets(self, secrets: Secrets) -> None:
        """Add secrets to redact wherever they occur."""
        self.capture.add_secrets(secrets.all)

    def parts(self, engine: EngineView, api_state: ApiState) -> tuple[Routes, ...]:
        """Return its routes of the API; from now on mailboxes are attributed to the users of `engine`."""
        owners = MailboxOwners(engine)
        self.capture.whose = owners.label
        self.capture.address_of = owners.address
        self.capture.whom = owners.whom
        log_service = LogService(
            api_state, self.capture, self._reader, self._account, self._clock, self._bodies_for_readers
        )
        part = LogRoutes(log_service)
        return part, LogExportRoutes(part, LogExport(log_service, api_state, lambda: self._settings))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Context manager that keeps it open."""
        await self.capture.open()
        try:
            yield
        finally:
            await self.capture.close()
            await self._reader.close()

    def _bodies_for_readers(self) -> bool:
        return self._settings is not None and self._settings.debug_log.bodies_for_readers

    def _account(self) -> ServiceAccount:
        return ServiceAccount("") if self._settings is None else account_of(self._settings)


def account_of(settings: SiteSettings) -> ServiceAccount:
    """Return the account named in commands for administrators."""
    exchange = settings.exchange
    if exchange.type is ExchangeType.ON_PREMISES:
        return ServiceAccount(exchange.user)
    client_id, by_certificate = exchange.client_id or "", exchange.certificate is not None
    if exchange.type is ExchangeType.HYBRID:
        return ServiceAccount(exchange.user, by_certificate, client_id)
    return ServiceAccount(client_id, by_certificate)


class MailboxOwners:
    """Maps mailboxes to users, kept up to date by events of the engine."""

    def __init__(self, engine: EngineView) -> None:
        self._engine = engine
        self._labels: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._guids: dict[str, str] = {}
        for guid in engine.guids():
            self._learn(guid)
        engine.observe(self._observe)

    def label(self, mailbox: str) -> str:
        """Return the label of the user of a mailbox, "" if there is none.

        Until a mailbox is resolved, it is matched by the user's name in any domain.
        """
        address = mailbox.lower()
        return self._labels.get(address) or self._by_name.get(address.partition("@")[0], "")

    def address(self, mailbox: str) -> str:
        """Return the address of a mailbox that a request to Graph names by the object id of its user."""
        return self._addresses.get(mailbox.lower(), mailbox)

    def whom(self, about: str) -> tuple[str, tuple[str, ...]]:
        """Return label and addresses of the user with this guid or name in the PBX, the mailbox first."""
        name = about.lower()
        user = self._engine.summary(self._guids.get(name, name))
        if user is None:
            return "", ()
        addresses = filter(None, (user.mailbox, *map(smtp_address, user.user.addresses)))
        return user.user.label, tuple(dict.fromkeys(addresses))

    def _observe(self, event: Event) -> None:
        if isinstance(event, UserChanged):
            self._learn(event.guid)

    def _learn(self, guid: str) -> None:
        user = self._engine.summary(guid)
        if user is not None:
            self._by_name[user.user.name.lower()] = user.user.label
            self._guids[user.user.name.lower()] = guid
            if user.mailbox and OF_A_USER in user.mailbox_url:
                self._addresses[user_in(user.mailbox_url).lower()] = user.mailbox
            for address in filter(None, (user.mailbox, *map(smtp_address, user.user.addresses))):
                self._labels[address.lower()] = user.user.label
