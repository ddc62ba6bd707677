"""Messages of the local API about the status of the engine."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.api.schema.cluster import ClusterState
from engine.api.schema.common import Trouble


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to the PBX or Exchange, working or failing `since` that time; before the first attempt, neither.

    A failing connection waits for its first or next attempt, for a call (the PBX has to connect), or for the users: the
    PBX is still sending them, or none has been looked up in Exchange yet. It was lost `losses` times within the last
    hour, for the first time at `first_lost`. While its answers are slow, half of them take `answer_seconds` or longer.
    """

    name: Literal["PBX", "Exchange", "Exchange Online"]
    works: bool
    since: datetime | None = None
    waits_for: Literal["first try", "next try", "call", "users"] | None = None
    trouble: Trouble | None = None
    retry_at: datetime | None = None
    losses: int = 0
    first_lost: datetime | None = None
    answer_seconds: float | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A user that a problem concerns."""

    guid: str
    label: str


SeverityName = Literal["down", "wrong presence", "no calendar", "degraded", "coming", "note"]
"""From the worst: nothing works on a side, or in the engine; the PBX shows what it should not; users without calendar;
presences are late or less exact; something will end; worth knowing."""


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A problem, known `since` that time, and the number of affected users, the first of them by name; `link` is set
    if it affects a whole link.

    Problems of the settings have no link and no users. While a link is down, what follows from that is no problem of
    its own.
    """

    trouble: Trouble
    severity: SeverityName = "down"
    since: datetime | None = None
    link: Literal["PBX", "Exchange", "Exchange Online"] | None
    count: int
    users: tuple[Affected, ...]


class HeldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change would clear the presences of `users` of `of_users`, `presences` of the `of_presences` that are shown
    now among them, and awaits confirmation."""

    users: int
    of_users: int
    presences: int
    of_presences: int


ApplicationProof = Literal["certificate file", "own certificate", "client secret"]
"""The file of exchange.certificate, a certificate that the engine has made, or the secret exchange.client_secret."""


class ExpiryState(msgspec.Struct, frozen=True, kw_only=True):
    """When a certificate or secret in use ends: of each kind the one that ends first; `place` is where it was seen."""

    what: Literal[
        "application certificate",
        "client secret",
        "Exchange certificate",
        "proxy certificate",
        "PBX certificate",
        "listening certificate",
        "EWS in Exchange Online",
    ]
    place: str
    ends: datetime


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The status at `now` (calendar time). Times in notes are in `timezone` (an IANA name).

    As long as nothing is set up, `concerns` contain the reason and the remedy.

    Of `users`, `resolved` have a readable calendar, `unread` were not read yet, `unresolved` have none. `up_to_date`
    ones show what their calendar says, and `pending` ones will as soon as it is written. The calendars
    of `watched` users send change notifications, the others are polled. `refused` presences were refused by the PBX.
    `oldest_reading` is that of the calendars which are not watched, `staleness` its age in seconds; where none can be
    watched, all are read every `poll_seconds`, which is more than usual until `quiet_until`. `concerns` begin
    with the most important. `open_files` is the number of file descriptors of the engine, `open_files_limit` its
    limit. `loop_lag` is the longest delay of the event loop in the last minute, in seconds.

    `application_proof` is what the application proves itself with at Microsoft Entra, null on premises. `expiries` are
    the known ends of certificates and secrets; the warnings about them are among the concerns.

    The presences of `live` users are written to the PBX: nobody's in a `dry_run`, else everybody's or those of the
    pilots. `withheld` others would show something different if they were written, of whom `withheld_cleared` would show
    nothing; `left` ones show what was written for them earlier. A `held` change would clear more than half of all
    presences, and is not made until it is confirmed. At `confirm_until` a change of the settings is rolled back unless
    it is confirmed. `pbx` is the name of the PBX in the settings, empty without any.

    Where several engines share their users, all numbers are those of this engine alone, and `cluster` tells of all.
    """

    version: str
    state: Literal["running", "not set up"] = "running"
    now: datetime
    started: datetime
    timezone: str
    pbx: str = ""
    links: tuple[LinkState, ...]
    users: int
    resolved: int
    up_to_date: int = 0
    pending: int = 0
    watched: int
    unread: int
    unresolved: int
    refused: int
    oldest_reading: datetime | None
    staleness: float | None
    poll_seconds: float | None = None
    quiet_until: datetime | None = None
    dry_run: bool = False
    live: int = 0
    withheld: int = 0
    withheld_cleared: int = 0
    left: int = 0
    held: HeldChange | None = None
    confirm_until: datetime | None = None
    concerns: tuple[Concern, ...]
    application_proof: ApplicationProof | None = None
    expiries: tuple[ExpiryState, ...] = ()
    open_files: int = 0
    open_files_limit: int = 0
    loop_lag: float = 0.0
    cluster: ClusterState | None = None
