"""Messages of the local API about the certificates of the application in Microsoft Entra: their public parts alone."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.common import Trouble
from engine.api.schema.status import ApplicationProof


class CloudCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The public part of a certificate that the engine has made; its key is never returned.

    The `next` one takes the place of the `current` one, or of the client secret, once Microsoft Entra accepts it.
    `sha1` is the thumbprint as the Entra portal shows it.
    """

    state: Literal["current", "next"]
    pem: str
    sha1: str
    sha256: str
    begins: datetime
    ends: datetime


class CloudCertificates(msgspec.Struct, frozen=True, kw_only=True):
    """The certificates that the engine has made, the current one first, and what the application in fact proves itself
    with (`application_proof`): a certificate file in the settings takes precedence.

    After a change: the parts `restarted` because they use a certificate, and why the engine cannot run yet.
    """

    client_id: str | None
    application_proof: ApplicationProof | None
    certificates: tuple[CloudCertificate, ...]
    restarted: tuple[str, ...] = ()
    trouble: Trouble | None = None
