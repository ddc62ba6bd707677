"""Where the shared database is, and how a connection to it is opened: encrypted, verified, and given up in time."""

import os
import pwd
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from engine.core.secret import Secret
from engine.store.errors import DatabaseAddressUnusable

CONNECT_WITHIN = 2
"""Seconds for each host; libpq waits no shorter than that."""

_OF_THE_ENGINE: Mapping[str, str | int] = MappingProxyType(
    {
        "target_session_attrs": "read-write",
        "connect_timeout": CONNECT_WITHIN,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 2000,
        "client_encoding": "UTF8",
        "passfile": "/nonexistent",
    }
)
"""Of several hosts the one that accepts changes; a host that is gone is noticed within seconds. No password comes from
anywhere but the engine's own secrets."""


_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where Debian and Red Hat keep the authorities that the system trusts. libpq's own "system" does not do: the OpenSSL
within the wheel looks where nothing is."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """The parameters of libpq for one database, and the password of the role, empty if it needs none."""

    parameters: Mapping[str, str | int]
    password: Secret = field(default=Secret(""), repr=False)

    @property
    def role(self) -> str:
        """The role to connect as; as libpq does it, the one of the account's name if none is given."""
        return str(self.parameters.get("user") or pwd.getpwuid(os.geteuid()).pw_name)

    @property
    def is_proved_by_password(self) -> bool:
        """Whether the role most likely needs a password: not at a socket of this machine, or with a certificate."""
        hosts = str(self.parameters.get("host", "")).split(",")
        return not ("sslcert" in self.parameters or all(each.startswith(("/", "@")) for each in hosts))

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return f"{self.parameters.get('host') or 'local socket'}, database {self.parameters.get('dbname', '')}"

    def with_password(self) -> dict[str, str | int]:
        """Return all parameters, to connect with."""
        password = self.password.reveal()
        return {**self.parameters, "password": password} if password else dict(self.parameters)


def database_address(url: str, password: Secret | None = None, *, node: str = "", role: str = "") -> DatabaseAddress:
    """Return the address that a URL or a text of parameters names; `node` is shown among the database's sessions.

    `role` replaces the one that the URL names.

    Raises `DatabaseAddressUnusable` if it is none, if it contains a password, or if it would allow connections to
    another machine whose certificate is not verified.
    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except ProgrammingError:
        given = None  # raised below, because the error quotes the address, which may contain a password
    if given is None:
        raise DatabaseAddressUnusable("it cannot be read")
    if {"password", "passfile", "service"} & given.keys():
        raise DatabaseAddressUnusable("the password belongs to the secrets, not into the address")
    if not given.get("dbname"):
        raise DatabaseAddressUnusable("it names no database")
    hosts = given.get("host", "").split(",")
    if "hostaddr" in given or not all(host.startswith(("/", "@")) for host in hosts):
        mode = given.setdefault("sslmode", "verify-full")
        if mode != "verify-full":
            raise DatabaseAddressUnusable(f"with sslmode={mode} the certificate would not be verified")
        if not all(hosts):
            raise DatabaseAddressUnusable("it names no host")
        given.setdefault("sslrootcert", _trusted_authorities())
    if role:
        given["user"] = role
    name = f"calendar-engine {node}".strip()
    parameters = MappingProxyType({**given, **_OF_THE_ENGINE, "application_name": name})
    return DatabaseAddress(parameters, password or Secret(""))


def _trusted_authorities() -> str:
    found = (ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    return next((each for each in found if each and Path(each).exists()), "system")
