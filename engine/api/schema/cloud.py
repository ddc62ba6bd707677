"""Messages of the local API about the cloud: the certificates of the application in Microsoft Entra (their public parts
alone), and what is known of the tenant."""

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


class MissingMailbox(msgspec.Struct, frozen=True, kw_only=True):
    """How Microsoft Graph answers for an address that nobody has: HTTP status and error code, "" without one."""

    status: int
    code: str


class CloudTenant(msgspec.Struct, frozen=True, kw_only=True):
    """What checks of Exchange have found out about the tenant of the settings by Microsoft Graph.

    A fact is null that is not known. By the name of a fact, `learned` is when it was found out (calendar time), and
    `unknown` why it could not be. `findings` are all facts in words.

    `read_basic_suffices`: calendars can be read with Calendars.ReadBasic.All. `removable_roles` are permissions that
    the application has and does not need. `primary_address_works`: a calendar can be read by the primary address of a
    user who has another user principal name. `answers_zipped`: answers come compressed. `batches_at_once` were answered
    without being throttled.
    """

    tenant_id: str | None
    client_id: str | None
    read_basic_suffices: bool | None
    removable_roles: tuple[str, ...] | None
    primary_address_works: bool | None
    answers_zipped: bool | None
    missing_mailbox: MissingMailbox | None
    batches_at_once: int | None
    learned: dict[str, datetime]
    unknown: dict[str, str]
    findings: tuple[str, ...]
