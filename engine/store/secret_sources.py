"""All sources of secrets combined: environment and secrets file override stored secrets."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from engine.core.secret import Secret
from engine.settings.model import ExchangeSettings, ExchangeType
from engine.settings.reader import read_cluster_settings
from engine.store.own_certificates import (
    NEXT_CERTIFICATE,
    OWN_CERTIFICATE,
    OwnCertificates,
    make_certificate,
    own_certificates,
)
from engine.store.protection import exposure_of_file
from engine.store.secret_store import SecretVault, StoredSecret
from engine.store.secrets import (
    DATABASE_PASSWORD,
    ENVIRONMENT,
    Secrets,
    SettingsDirectoryExposed,
    chosen_secrets,
    given_secrets,
    missing_secrets,
    secrets_in_environment,
)

SecretPlace = Literal["environment", "secrets file", "store"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecretProvenance:
    """Source of a secret (None: there is none), and the time it was stored, even if another source overrides it."""

    name: str
    place: SecretPlace | None
    stored_since: datetime | None


class SecretSources:
    """The environment, then the secrets file if given, then the `secret_store`, the only one that can be written.

    `now` returns the time to store with a secret; `settings_file` determines where secrets are sent. Every method may
    raise a failure of the file or of the store.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        file: Path | None,
        secret_store: SecretVault,
        now: Callable[[], datetime],
        *,
        settings_file: Path,
    ) -> None:
        self._environment = environment
        self._file = file
        self._secret_store = secret_store
        self._now = now
        self._settings_file = settings_file
        self._lock = asyncio.Lock()

    async def secrets(self, exchange: ExchangeSettings) -> Secrets:
        """Return the secrets for the engine. The secret store is read only if needed.

        Raises `SettingsDirectoryExposed`, and `SecretsMissing` with the names of all missing ones.
        """
        return await self._in_turn(lambda: self._secrets(exchange))

    async def database_password(self) -> Secret:
        """Return the password of the shared database, empty if there is none. Raises `SettingsDirectoryExposed`."""
        return await self._in_turn(self._database_password)

    async def known(self) -> Mapping[str, Secret]:
        """Return all secrets, by name."""
        return await self._in_turn(self._known)

    async def origins(self) -> tuple[SecretProvenance, ...]:
        """Return the origin of every possible secret; of the password of a shared database only where one is set, or
        there is one."""
        return await self._in_turn(self._origins)

    async def put(self, secrets: Mapping[str, Secret]) -> None:
        """Store secrets, replacing those with the same names."""
        await self.replace(put=secrets, drop=())

    async def replace(self, *, put: Mapping[str, Secret], drop: Collection[str]) -> None:
        """Store secrets, and remove those named in `drop`, in one step."""
        new = {name: StoredSecret(value, self._now()) for name, value in put.items()}

        def replaced(stored: dict[str, StoredSecret]) -> dict[str, StoredSecret]:
            return {name: each for name, each in stored.items() if name not in drop} | new

        await self._in_turn(lambda: self._secret_store.change(replaced))

    async def delete(self, name: str) -> bool:
        """Remove a stored secret; return whether there was one."""
        return await self._in_turn(lambda: self._delete(name))

    async def rotate_key(self) -> None:
        """Re-encrypt the stored secrets with a new key."""
        await self._in_turn(self._secret_store.rotate_key)

    async def certificates(self) -> OwnCertificates:
        """Return the certificates that the engine made for its application."""
        return own_certificates(await self.known())

    async def add_certificate(self, *, renew: bool) -> None:
        """Make and store a certificate, if there is none or, with `renew`, no next one."""
        await self._in_turn(lambda: self._add_certificate(renew=renew))

    async def certificate_accepted(self, certificate: Secret) -> None:
        """Put the next certificate in force if it is this one, in one step; the one before it is dropped."""
        await self._in_turn(lambda: self._put_in_force(certificate))

    async def delete_certificates(self) -> None:
        """Remove all certificates that the engine made."""
        await self._in_turn(lambda: self._store_certificates(OwnCertificates()))

    async def _in_turn(self, work: Callable[[], T]) -> T:
        async with self._lock:
            return await asyncio.to_thread(work)

    def _given(self) -> dict[str, Secret]:
        return given_secrets(self._environment, self._file)

    def _secrets(self, exchange: ExchangeSettings) -> Secrets:
        self._check_settings_file()
        found = self._given()
        may_have_certificate = exchange.type is not ExchangeType.ON_PREMISES and exchange.certificate is None
        if may_have_certificate or missing_secrets(found, exchange):
            found = self._known()
        return chosen_secrets(found, exchange)

    def _database_password(self) -> Secret:
        self._check_settings_file()
        return self._given().get(DATABASE_PASSWORD) or self._known().get(DATABASE_PASSWORD, Secret(""))

    def _check_settings_file(self) -> None:
        with suppress(OSError):  # if this cannot be checked, the settings cannot be read either
            exposed = exposure_of_file(self._settings_file)
            if exposed:
                raise SettingsDirectoryExposed(exposed)

    def _names_a_database(self) -> bool:
        try:
            text = self._settings_file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return False
        return bool(read_cluster_settings(text).database)

    def _known(self) -> dict[str, Secret]:
        return {name: each.value for name, each in self._secret_store.load().items()} | self._given()

    def _origins(self) -> tuple[SecretProvenance, ...]:
        given, stored = self._given(), self._secret_store.load()
        in_environment = secrets_in_environment(self._environment)
        origins = []
        for name in ENVIRONMENT:
            place: SecretPlace | None = "store" if name in stored else None
            if name in given:
                place = "environment" if name in in_environment else "secrets file"
            if place is None and name == DATABASE_PASSWORD and not self._names_a_database():
                continue
            origins.append(SecretProvenance(name, place, stored[name].since if name in stored else None))
        return tuple(origins)

    def _delete(self, name: str) -> bool:
        if name not in self._secret_store.load():
            return False
        self._secret_store.change(lambda stored: {each: stored[each] for each in stored if each != name})
        return True

    def _add_certificate(self, *, renew: bool) -> None:
        found, now = self._known(), self._now()
        present = own_certificates(found)
        if not present.lacks(now, renew=renew):
            return
        made = make_certificate(now)
        replaces_something = present.current or found.get("exchange.client_secret")
        self._store_certificates(
            OwnCertificates(present.current, made) if replaces_something else OwnCertificates(made)
        )

    def _put_in_force(self, certificate: Secret) -> None:
        if own_certificates(self._known()).next.reveal() == certificate.reveal():
            self._store_certificates(OwnCertificates(certificate))

    def _store_certificates(self, certificates: OwnCertificates) -> None:
        """Replace all of them in one step, so that an interruption leaves one that works."""
        now = self._now()
        both = ((OWN_CERTIFICATE, certificates.current), (NEXT_CERTIFICATE, certificates.next))
        new = {name: StoredSecret(value, now) for name, value in both if value}
        replaced = {name for name, _ in both}
        self._secret_store.change(
            lambda stored: {name: each for name, each in stored.items() if name not in replaced} | new
        )
