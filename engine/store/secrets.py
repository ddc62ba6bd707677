"""Secrets given in the environment or a protected file, and those that the settings need; never in the settings."""

import os
import re
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.core import bounded
from engine.core.errors import Failure, Fault, Scope
from engine.core.secret import Secret
from engine.settings.model import ApplicationProof, ExchangeSettings
from engine.settings.parsers import has_user
from engine.store.own_certificates import OwnCertificates, own_certificates
from engine.store.protection import exposure_of_file

DATABASE_PASSWORD = "cluster.password"  # noqa: S105 - its name

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "exchange.password": "CALENDAR_ENGINE_EXCHANGE_PASSWORD",
        "exchange.client_secret": "CALENDAR_ENGINE_EXCHANGE_CLIENT_SECRET",
        "exchange.proxy_password": "CALENDAR_ENGINE_EXCHANGE_PROXY_PASSWORD",
        "pbx.password": "CALENDAR_ENGINE_PBX_PASSWORD",
        DATABASE_PASSWORD: "CALENDAR_ENGINE_CLUSTER_PASSWORD",
    }
)
"""The environment variable of each secret."""


class SecretsFileUnreadable(Failure):
    """The file does not exist, or the engine's account may not open it."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The secrets file cannot be read"
    remedy = "Check its path, and that it belongs to the account that calendar-engine runs as."


class SecretsFileExposed(Failure):
    """Others can read the file, or could have written it."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The secrets file is not protected"
    remedy = (
        "Make it a regular file that belongs to the account calendar-engine runs as, with mode 0600 "
        "(chown and chmod 600), in a directory that only that account and root own and may write in. Change the "
        "passwords in it if others could read them."
    )


class SettingsDirectoryExposed(Failure):
    """Others could change the settings that determine where the passwords are sent."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The directory of the settings file is not protected, so no password is used"
    remedy = (
        "Make root or the account calendar-engine runs as the owner of it and of every directory above it, and allow "
        "nobody else to write there (chmod o-w). Then check that the settings are unchanged, and repeat the change "
        "or restart calendar-engine."
    )


class SecretsFileInvalid(Failure):
    """The file is not TOML, or contains anything but secrets. Its content is never quoted."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The secrets file is invalid"
    remedy = (
        "It must be TOML with only password = '…', client_secret = '…' or proxy_password = '…' in a table [exchange], "
        "and password = '…' in a table [pbx] or [cluster]; within single quotation marks, backslashes are literal."
    )


class SecretsMissing(Failure):
    """A secret that the settings need is neither stored nor given otherwise."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Passwords are missing"
    remedy = "Set each with calendar-engine secret set, or give it otherwise; see SECRETS in calendar-engine(8)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The passwords of the Exchange service account, of the App object in the PBX and for the proxy, and the client
    secret of the app registration; empty if the settings do not need it. `certificates` are the engine's own ones for
    that registration."""

    exchange_password: Secret = field(default=Secret(""), repr=False)
    exchange_client_secret: Secret = field(default=Secret(""), repr=False)
    exchange_proxy_password: Secret = field(default=Secret(""), repr=False)
    pbx_password: Secret = field(repr=False)
    certificates: OwnCertificates = field(default_factory=OwnCertificates)

    @property
    def all(self) -> tuple[Secret, ...]:
        """All that are ever sent, also those that are empty."""
        return (self.exchange_password, self.exchange_client_secret, self.exchange_proxy_password, self.pbx_password)

    def are_same(self, others: "Secrets", exchange: ExchangeSettings) -> bool:
        """Return whether of what the settings need these are the same as others."""

        def needed(secrets: Secrets) -> list[str]:
            certificates = secrets.certificates
            names = needed_secrets(exchange, has_certificate=bool(certificates.current))
            values: list[Secret] = [getattr(secrets, name.replace(".", "_")) for name in names]
            return [each.reveal() for each in (*values, certificates.current, certificates.next)]

        return needed(self) == needed(others)


def taken_environment(environment: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Return a copy of the environment and remove the secrets from it, for child processes and crash reports."""
    taken = dict(environment)
    for name in ENVIRONMENT.values():
        environment.pop(name, None)
    return taken


def secrets_in_environment(environment: Mapping[str, str]) -> dict[str, Secret]:
    """Return the secrets in `environment`, by name; an empty one counts as not given."""
    return {name: Secret(environment[variable]) for name, variable in ENVIRONMENT.items() if environment.get(variable)}


def secrets_in_file(file: Path) -> dict[str, Secret]:
    """Return the secrets in `file`, by name; an empty one counts as not given.

    Raises `SecretsFileUnreadable`, `SecretsFileExposed` or `SecretsFileInvalid`.
    """
    return {name: Secret(value) for name, value in _read(file).items() if value}


def given_secrets(environment: Mapping[str, str], file: Path | None) -> dict[str, Secret]:
    """Return the secrets from environment and file; the environment wins. Raises what `secrets_in_file` does."""
    return ({} if file is None else secrets_in_file(file)) | secrets_in_environment(environment)


def missing_secrets(found: Mapping[str, Secret], exchange: ExchangeSettings) -> tuple[str, ...]:
    """Return the names of the needed secrets that are missing."""
    needed = needed_secrets(exchange, has_certificate=bool(own_certificates(found).current))
    return tuple(name for name in needed if not found.get(name))


def chosen_secrets(found: Mapping[str, Secret], exchange: ExchangeSettings) -> Secrets:
    """Return the secrets for the engine. Raises `SecretsMissing` with the names of all missing ones."""
    missing = [f"{name} ({ENVIRONMENT[name]})" for name in missing_secrets(found, exchange)]
    if missing:
        raise SecretsMissing(", ".join(missing))
    nothing = Secret("")
    return Secrets(
        exchange_password=found.get("exchange.password", nothing),
        exchange_client_secret=found.get("exchange.client_secret", nothing),
        exchange_proxy_password=found.get("exchange.proxy_password", nothing),
        pbx_password=found["pbx.password"],
        certificates=own_certificates(found),
    )


def application_proof(
    exchange: ExchangeSettings, certificates: OwnCertificates, client_secret: Secret | None
) -> ApplicationProof | None:
    """Return what the application proves itself with: the certificate of the settings, else the engine's own one, else
    the client secret; None on premises, and if there is none of them."""
    if not exchange.type.has_application:
        return None
    if exchange.certificate is not None:
        return ApplicationProof.CERTIFICATE_FILE
    if certificates.current:
        return ApplicationProof.OWN_CERTIFICATE
    return ApplicationProof.CLIENT_SECRET if client_secret else None


def needed_secrets(exchange: ExchangeSettings, *, has_certificate: bool = False) -> Iterator[str]:
    """Yield the names of the secrets that the settings need; `has_certificate`: the engine's own one is in force."""
    if exchange.type.has_own_servers:
        yield "exchange.password"
    if exchange.type.has_application and exchange.certificate is None and not has_certificate:
        yield "exchange.client_secret"
    if has_user(exchange.proxy or ""):
        yield "exchange.proxy_password"
    yield "pbx.password"


def _read(file: Path) -> dict[str, str]:
    document = _parsed(file, _protected_content(file))
    entries = {
        f"{table}.{name}" if isinstance(content, dict) else table: value
        for table, content in document.items()
        for name, value in (content.items() if isinstance(content, dict) else [(table, content)])
    }
    unknown = [f"unknown entry {name}" for name in entries if name not in ENVIRONMENT]
    mistyped = [f"{name} is not text" for name in ENVIRONMENT if not isinstance(entries.get(name, ""), str)]
    if unknown or mistyped:
        raise SecretsFileInvalid(f"{file}: {', '.join(unknown + mistyped)}")
    return entries


def _parsed(file: Path, content: bytes) -> dict[str, Any]:
    try:
        return bounded.toml(content.decode("utf-8-sig"))  # without the byte order mark of some editors
    except UnicodeDecodeError:
        place = "not UTF-8"
    except ValueError as error:
        match = re.search(r"line \d+, column \d+", str(error))
        place = match[0] if match else "at its end"
    # Raised outside the handler: the original error contains content of the file, and would be kept as the context.
    raise SecretsFileInvalid(f"{file}: {place}")


def _protected_content(file: Path) -> bytes:
    try:
        exposed = exposure_of_file(file)
        if exposed:
            raise SecretsFileExposed(exposed)
        with open(file, "rb", opener=_open_at_once) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretsFileExposed(f"{file} is not a regular file")
            if status.st_uid != os.geteuid():
                raise SecretsFileExposed(f"{file} belongs to user {status.st_uid}, not to user {os.geteuid()}")
            if status.st_mode & 0o077:
                raise SecretsFileExposed(f"{file} has mode {stat.S_IMODE(status.st_mode):04o}")
            return stream.read(bounded.LARGEST + 1)
    except OSError as error:
        raise SecretsFileUnreadable(f"{file}: {error.strerror}") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open without blocking, in case it is a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)
