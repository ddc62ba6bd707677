"""The messages of a log-in: what we say, given what the server said. No I/O."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import spnego
from spnego.channel_bindings import GssChannelBindings

from engine.core.secret import Secret
from engine.core.settings.model import Authentication
from engine.exchange.failures import LoginMethodNotOffered, NotUnderstood
from engine.exchange.http.challenges import offered
from engine.logins.rules import Account


@dataclass(frozen=True, slots=True)
class Credential:
    r"""Who logs in and how. `user` is `DOMAIN\user` or `user@domain`."""

    user: str
    password: Secret
    authentication: Authentication
    channel_binding: bool

    @property
    def account(self) -> Account:
        r"""What the server may lock: the same one for `DOMAIN\user` as for `user@domain`, since nobody can tell."""
        name = self.user.rpartition("\\")[2].partition("@")[0]
        return Account("exchange.password", name.casefold())

    def identity(self) -> str:
        """Return what another log-in would be made with."""
        return f"{self.user.casefold()}\0{self.password.reveal()}"


class Handshake:
    """NTLM, alone or wrapped in SPNEGO, over HTTP (RFC 4559, MS-NTHT): two messages on one connection.

    "Negotiate" means NTLM inside SPNEGO: Kerberos would need its libraries and a service principal name.
    """

    def __init__(self, credential: Credential, host: str) -> None:
        self._scheme = "NTLM" if credential.authentication is Authentication.NTLM else "Negotiate"
        self._host = host
        self._context = spnego.client(
            credential.user,
            credential.password.reveal(),
            hostname=host,
            service="http",
            protocol=self._scheme.lower(),
        )

    def opening(self) -> str:
        """Return the Authorization of the first message."""
        return self._authorization(self._context.step())

    def reply(self, headers: Mapping[str, str], binding: GssChannelBindings | None) -> str:
        """Return the Authorization of the second message, given the headers of the 401 that answered the first.

        Raises `LoginMethodNotOffered` without a challenge in them, `NotUnderstood` when it makes no sense.
        """
        offers = offered(headers)
        challenge = offers.get(self._scheme.lower())
        if not challenge:
            raise not_offered(self._host, self._scheme, offers)
        try:
            token = self._context.step(base64.b64decode(challenge, validate=True), channel_bindings=binding)
        except Exception as error:  # the parser of what the server sent does not promise which errors it raises
            raise NotUnderstood(f"the {self._scheme} challenge of {self._host}: {type(error).__name__}") from error
        return self._authorization(token)

    def _authorization(self, token: bytes | None) -> str:
        return f"{self._scheme} {base64.b64encode(token or b'').decode()}"


def basic_authorization(credential: Credential) -> str:
    """Return the Authorization of HTTP Basic (RFC 7617), which goes with every request."""
    return "Basic " + base64.b64encode(f"{credential.user}:{credential.password.reveal()}".encode()).decode()


def not_offered(host: str, scheme: str, offers: Mapping[str, str]) -> LoginMethodNotOffered:
    """Return the failure that says what was asked for and what there is."""
    return LoginMethodNotOffered(f"{host} does not take {scheme}; it offers {', '.join(sorted(offers)) or 'nothing'}")
