"""Types of the settings: every key of the settings file with its default. No parsing."""

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from engine.core.presence.model import PresenceSettings
from engine.core.users import CandidateOrder, User, UserSelection, is_named

CLOUD_EWS_END = date(2027, 4, 1)
"""The day EWS in Exchange Online shuts down (Microsoft, "Deprecation of EWS in Exchange Online")."""


class PbxLinkKind(StrEnum):
    """Side that opens the connection between PBX and engine."""

    DIAL = "dial"
    LISTEN = "listen"


class ClearWith(StrEnum):
    """Form of "no presence": an empty activity and note, neither of them, or the activity "online"."""

    EMPTY = "empty"
    OMIT = "omit"
    ONLINE = "online"


class ExchangeType(StrEnum):
    """Kind of Exchange, and the protocol used with it."""

    ON_PREMISES = "on-premises"
    CLOUD_GRAPH = "cloud-graph"
    HYBRID = "hybrid"
    CLOUD_EWS = "cloud-ews"

    @property
    def has_own_servers(self) -> bool:
        """Whether there is an Exchange on premises, which a service account logs in to."""
        return self in (ExchangeType.ON_PREMISES, ExchangeType.HYBRID)

    @property
    def has_graph(self) -> bool:
        """Whether calendars are read by Microsoft Graph."""
        return self in (ExchangeType.CLOUD_GRAPH, ExchangeType.HYBRID)

    @property
    def has_application(self) -> bool:
        """Whether there is an Exchange Online, which an application logs in to."""
        return self is not ExchangeType.ON_PREMISES


class ApplicationProof(StrEnum):
    """What an application proves itself with at the log-in service of Microsoft Entra."""

    CERTIFICATE_FILE = "certificate file"
    OWN_CERTIFICATE = "own certificate"
    CLIENT_SECRET = "client secret"  # noqa: S105 - what it is


class Authentication(StrEnum):
    """Login method of the service account on premises."""

    NTLM = "ntlm"
    NEGOTIATE = "negotiate"
    BASIC = "basic"


class ServerChoice(StrEnum):
    """Choice between the two EWS URLs that autodiscover returns."""

    EXTERNAL = "external"
    INTERNAL = "internal"


class ResolveWith(StrEnum):
    """Account that resolves a user's address: the service account, or each candidate itself, impersonated."""

    SERVICE_ACCOUNT = "service-account"
    CANDIDATES = "candidates"


class Mode(StrEnum):
    """Amount of data read: appointments by impersonation, or free/busy only."""

    DETAILS = "details"
    FREE_BUSY = "free-busy"


class NodeRole(StrEnum):
    """Part of one of several engines: it has its share of the users, or all of them while no other engine can."""

    SHARE = "share"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxSettings:
    """The [pbx] table. `domain` is the system name, needed only if the PBX does not report it.

    `listen_names` are the names in the engine's own certificate; empty = those found on this machine.
    """

    master: str
    host: str = ""
    port: int = 443
    tls: bool = True
    link: PbxLinkKind = PbxLinkKind.DIAL
    domain: str = ""
    listen_address: str = "0.0.0.0"  # noqa: S104 - the PBX is another machine
    listen_port: int = 8443
    listen_path: str = "/calendar/sync/engine"
    listen_names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    app: str = "calendar"
    ca_file: Path | None = None
    fingerprint: str | None = None
    presence_contact: str = "calendar:"
    clear: ClearWith = ClearWith.EMPTY
    writes_per_second: float = 50.0
    writes_in_flight: int = 10
    users: UserSelection = field(default_factory=UserSelection)

    @property
    def place(self) -> str:
        """The PBX in words, by which what was written to it is remembered."""
        return f"{self.master} {self.host if self.link is PbxLinkKind.DIAL else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """The [exchange] table."""

    type: ExchangeType
    user: str = ""
    auth: Authentication = Authentication.NTLM
    channel_binding: bool = True
    autodiscover_url: str | None = None
    ews_url: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    server: ServerChoice = ServerChoice.EXTERNAL
    resolve_with: ResolveWith = ResolveWith.SERVICE_ACCOUNT
    candidate_order: CandidateOrder = CandidateOrder.NAME
    max_subscriptions_per_connection: int = 200
    connections: int = 8
    mode: Mode = Mode.DETAILS
    tenant_id: str | None = None
    client_id: str | None = None
    authority: str | None = None
    graph_url: str | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    client_secret_expires: date | None = None
    poll_seconds: int = 120
    quiet_hours: tuple[str, ...] = ("20:00-06:00", "saturday", "sunday")
    quiet_factor: int = 5
    proxy: str | None = None
    ca_file: Path | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugLogSettings:
    """The [debug_log] table."""

    ews: bool = False
    pbx: bool = False
    max_megabytes: int = 256
    max_days: int = 7
    subjects: bool = False
    bodies_for_readers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The [engine] table. None means the platform's default."""

    dry_run: bool = False
    pilots: tuple[str, ...] = ()
    state_dir: Path | None = None
    socket: Path | None = None
    socket_group: str | None = None
    metrics_port: int | None = None

    def writes(self, user: User) -> bool:
        """Return whether the presence of this user is written: of nobody in a dry run, of pilots alone if there are
        any."""
        return not self.dry_run and (not self.pilots or is_named(self.pilots, user))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """The [cluster] table. Without a `database` the engine works alone; without a `node` it has the machine's name.

    `lease_seconds` and `shards` are what a new cluster begins with.
    """

    database: str = ""
    node: str | None = None
    role: NodeRole = NodeRole.SHARE
    lease_seconds: int = 10
    shards: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """A whole settings file."""

    pbx: PbxSettings
    exchange: ExchangeSettings
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    debug_log: DebugLogSettings = field(default_factory=DebugLogSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)


def halves_of(settings: SiteSettings) -> tuple[SiteSettings, SiteSettings]:
    """Return the settings of the two halves of a hybrid organisation: on premises, and in Exchange Online.

    The proxy is the one on the way to Microsoft: the own servers are reached directly. The fingerprint is theirs.
    """
    exchange = settings.exchange
    return (
        replace(settings, exchange=replace(exchange, type=ExchangeType.ON_PREMISES, proxy=None)),
        replace(settings, exchange=replace(exchange, type=ExchangeType.CLOUD_GRAPH, fingerprint=None)),
    )
