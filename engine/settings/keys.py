"""All settings keys: their parsers, help texts, and the effects of a change."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from engine.core.presence.model import AppointmentKind, PresenceSettings, Target
from engine.core.users import CandidateOrder
from engine.settings import parsers
from engine.settings.model import (
    Authentication,
    ClearWith,
    ClusterSettings,
    DebugLogSettings,
    EngineSettings,
    ExchangeSettings,
    ExchangeType,
    Mode,
    NodeRole,
    PbxLinkKind,
    PbxSettings,
    ResolveWith,
    ServerChoice,
    SiteSettings,
)
from engine.settings.parsers import ValueParser


@dataclass(frozen=True, slots=True)
class Key:
    """One key by its dotted name. `parse` parses its value or, if `many`, each entry of its list."""

    name: str
    parse: ValueParser
    many: bool = False

    @property
    def default(self) -> Any:
        """Return the default value, `MISSING` if there is none."""
        table, _, name = self.name.partition(".")
        for field in fields(SECTIONS[table]):
            if field.name == name:
                return field.default_factory() if field.default_factory is not MISSING else field.default
        return MISSING


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "pbx": PbxSettings,
        "presence": PresenceSettings,
        "exchange": ExchangeSettings,
        "debug_log": DebugLogSettings,
        "engine": EngineSettings,
        "cluster": ClusterSettings,
    }
)

_PBX = (
    Key("pbx.master", parsers.text),
    Key("pbx.link", parsers.EnumWord(PbxLinkKind)),
    Key("pbx.host", parsers.host),
    Key("pbx.port", parsers.IntRange(1, 65535)),
    Key("pbx.tls", parsers.boolean),
    Key("pbx.listen_address", parsers.listening_address),
    Key("pbx.listen_port", parsers.IntRange(1, 65535)),
    Key("pbx.listen_path", parsers.url_path),
    Key("pbx.listen_names", parsers.host, many=True),
    Key("pbx.certificate", parsers.file),
    Key("pbx.certificate_key", parsers.file),
    Key("pbx.domain", parsers.domain),
    Key("pbx.app", parsers.text),
    Key("pbx.ca_file", parsers.file),
    Key("pbx.fingerprint", parsers.fingerprint),
    Key("pbx.presence_contact", parsers.contact),
    Key("pbx.clear", parsers.EnumWord(ClearWith)),
    Key("pbx.writes_per_second", parsers.FloatRange(0.1, 1000)),
    Key("pbx.writes_in_flight", parsers.IntRange(1, 100)),
    Key("pbx.users", parsers.all_users),
    Key("pbx.users.hidden", parsers.boolean),
    *(
        Key(f"pbx.users.{side}.{names}", parsers.text, many=True)
        for side in ("include", "exclude")
        for names in ("names", "groups", "nodes", "locations", "templates")
    ),
)
_PRESENCE = (
    Key("presence.language", parsers.language),
    Key("presence.timezone", parsers.time_zone),
    Key("presence.show_subject", parsers.boolean),
    Key("presence.priority_words", parsers.text_or_nothing, many=True),
    Key("presence.no_priority_words", parsers.text_or_nothing, many=True),
    Key("presence.tentative_exception_organizer", parsers.mail_address),
    Key("presence.horizon_hours", parsers.FloatRange(0, 48)),
    Key("presence.note_max_length", parsers.IntRange(16, 1000)),
    *(Key(f"presence.mapping.{kind}", parsers.EnumWord(Target)) for kind in AppointmentKind),
)
_EXCHANGE = (
    Key("exchange.type", parsers.EnumWord(ExchangeType)),
    Key("exchange.user", parsers.account),
    Key("exchange.auth", parsers.EnumWord(Authentication)),
    Key("exchange.channel_binding", parsers.channel_binding),
    Key("exchange.autodiscover_url", parsers.https_url),
    Key("exchange.ews_url", parsers.https_url),
    Key("exchange.trusted_hosts", parsers.host, many=True),
    Key("exchange.server", parsers.EnumWord(ServerChoice)),
    Key("exchange.resolve_with", parsers.EnumWord(ResolveWith)),
    Key("exchange.candidate_order", parsers.EnumWord(CandidateOrder)),
    Key("exchange.max_subscriptions_per_connection", parsers.IntRange(1, 200)),
    Key("exchange.connections", parsers.IntRange(1, 100)),
    Key("exchange.mode", parsers.EnumWord(Mode)),
    Key("exchange.tenant_id", parsers.guid),
    Key("exchange.client_id", parsers.guid),
    Key("exchange.authority", parsers.https_url),
    Key("exchange.graph_url", parsers.https_url),
    Key("exchange.certificate", parsers.file),
    Key("exchange.certificate_key", parsers.file),
    Key("exchange.client_secret_expires", parsers.day),
    Key("exchange.poll_seconds", parsers.IntRange(10, 3600)),
    Key("exchange.quiet_hours", parsers.quiet_hours, many=True),
    Key("exchange.quiet_factor", parsers.IntRange(1, 60)),
    Key("exchange.proxy", parsers.proxy_url),
    Key("exchange.ca_file", parsers.file),
    Key("exchange.fingerprint", parsers.fingerprint),
)
_DEBUG_LOG = (
    Key("debug_log.ews", parsers.boolean),
    Key("debug_log.pbx", parsers.boolean),
    Key("debug_log.max_megabytes", parsers.IntRange(1, 1_000_000)),
    Key("debug_log.max_days", parsers.IntRange(1, 3650)),
    Key("debug_log.subjects", parsers.boolean),
    Key("debug_log.bodies_for_readers", parsers.boolean),
)
_ENGINE = (
    Key("engine.dry_run", parsers.boolean),
    Key("engine.pilots", parsers.text, many=True),
    Key("engine.state_dir", parsers.file),
    Key("engine.socket", parsers.file),
    Key("engine.socket_group", parsers.text),
    Key("engine.metrics_port", parsers.IntRange(1, 65535)),
)
_CLUSTER = (
    Key("cluster.database", parsers.database_url),
    Key("cluster.node", parsers.node_name),
    Key("cluster.role", parsers.EnumWord(NodeRole)),
    Key("cluster.lease_seconds", parsers.IntRange(5, 60)),
    Key("cluster.shards", parsers.IntRange(1, 1024)),
)

KEYS: Mapping[str, Key] = MappingProxyType(
    {key.name: key for key in (*_PBX, *_PRESENCE, *_EXCHANGE, *_DEBUG_LOG, *_ENGINE, *_CLUSTER)}
)
TABLES = frozenset(
    ".".join(steps[:depth]) for steps in (name.split(".") for name in KEYS) for depth in range(1, len(steps))
)


HELP: Mapping[str, str] = MappingProxyType(
    {
        "pbx.master": "PBX Name of the one PBX whose users are synchronised",
        "pbx.link": "Who opens the connection: the engine dials, or listens for the PBX",
        "pbx.host": "Name or IP address of the PBX, without https://",
        "pbx.port": "Port of the PBX",
        "pbx.tls": "Whether the connection to the PBX is encrypted",
        "pbx.listen_address": "IP address on which the engine listens for the PBX",
        "pbx.listen_port": "Port on which the engine listens for the PBX",
        "pbx.listen_path": "Path of the URL that the PBX connects to",
        "pbx.listen_names": "Names and addresses of this machine that the engine's own certificate is valid for",
        "pbx.certificate": "Certificate file (PEM) presented to a connecting PBX; without it the engine makes one",
        "pbx.certificate_key": "Private key file (PEM) of that certificate, if it is not in the same file",
        "pbx.domain": "Mail domain of users named without one; not set: the system name of the PBX",
        "pbx.app": "Name of the App object in the PBX that the engine logs in as",
        "pbx.ca_file": "File (PEM) with the authority that issued the PBX certificate",
        "pbx.fingerprint": "SHA-256 of the PBX's own certificate, instead of an authority",
        "pbx.presence_contact": "Presence contact of a user that is written",
        "pbx.clear": "How a presence is cleared",
        "pbx.writes_per_second": "Maximum number of presences written per second",
        "pbx.writes_in_flight": "Maximum number of written presences awaiting confirmation at once",
        "pbx.users": "All users take part; leave it out to select users with the keys below",
        "pbx.users.hidden": "Whether users hidden in the PBX take part",
        "pbx.users.include.names": "Only users whose name matches one of these patterns (* and ?) take part",
        "pbx.users.include.groups": "Only users in one of these groups take part",
        "pbx.users.include.nodes": "Only users of these nodes take part",
        "pbx.users.include.locations": "Only users of these PBXs take part",
        "pbx.users.include.templates": "Only users with one of these config templates take part",
        "pbx.users.exclude.names": "Users whose name matches one of these patterns (* and ?) do not take part",
        "pbx.users.exclude.groups": "Users in one of these groups do not take part",
        "pbx.users.exclude.nodes": "Users of these nodes do not take part",
        "pbx.users.exclude.locations": "Users of these PBXs do not take part",
        "pbx.users.exclude.templates": "Users with one of these config templates do not take part",
        "presence.language": "Language of the notes",
        "presence.timezone": "Time zone of the times in the notes",
        "presence.show_subject": "Whether notes show the subject of an appointment; never of private ones",
        "presence.priority_words": "Words in the title that give an appointment priority over others",
        "presence.no_priority_words": "Words in the title that make an appointment yield to others",
        "presence.tentative_exception_organizer": "Organizer whose tentative invitations count as a kind of their own",
        "presence.horizon_hours": "Hours ahead that notes announce what comes next; not set: until the end of the day",
        "presence.note_max_length": "Maximum length of a note in characters",
        "presence.mapping.busy": "Presence during busy appointments",
        "presence.mapping.tentative": "Presence during tentative appointments",
        "presence.mapping.tentative_exception": "Presence during tentative appointments of that organizer",
        "presence.mapping.oof": "Presence during absences (out of office)",
        "presence.mapping.working_elsewhere": "Presence while working elsewhere",
        "presence.mapping.no_data": "Presence during appointments without a state",
        "exchange.type": "Kind of Exchange, and the protocol used with it",
        "exchange.user": "Service account that reads the calendars, user@domain or DOMAIN\\user",
        "exchange.auth": "How the service account logs in on premises",
        "exchange.channel_binding": "Whether the log-in is bound to the TLS connection; off behind some load balancers",
        "exchange.autodiscover_url": "URL of the autodiscover service to ask for the responsible server",
        "exchange.ews_url": "EWS URL of the server, instead of autodiscover",
        "exchange.trusted_hosts": "Hosts outside the mail domain that autodiscover may send the log-in to",
        "exchange.server": "Which of the EWS URLs returned by autodiscover is used",
        "exchange.resolve_with": "Which account asks Exchange for a user's mailbox",
        "exchange.candidate_order": "Which of a user's addresses is tried first to find the mailbox",
        "exchange.max_subscriptions_per_connection": "Maximum number of mailboxes subscribed over one connection",
        "exchange.connections": "Maximum number of calendars read at once",
        "exchange.mode": "Whether appointments are read with details, or free/busy only",
        "exchange.tenant_id": "Tenant ID of the app registration (Exchange Online)",
        "exchange.client_id": "Client ID of the app registration (Exchange Online)",
        "exchange.authority": "Log-in service of a national cloud",
        "exchange.graph_url": "Microsoft Graph of a national cloud",
        "exchange.certificate": "Certificate file (PEM) of the app registration, instead of a client secret",
        "exchange.certificate_key": "Private key file (PEM) of that certificate",
        "exchange.client_secret_expires": "Day on which the client secret expires, to be warned before it",
        "exchange.poll_seconds": "Interval in seconds for reading calendars without change notifications",
        "exchange.quiet_hours": "Times and days when Microsoft Graph is asked less often, in presence.timezone",
        "exchange.quiet_factor": "How many times as long that interval is in quiet hours",
        "exchange.proxy": "Proxy through which Exchange and its log-in service are reached",
        "exchange.ca_file": "File (PEM) with the authority that issued the Exchange certificate",
        "exchange.fingerprint": "SHA-256 of Exchange's own certificate, trusted besides those of the authorities",
        "debug_log.ews": "Whether the traffic with Exchange is recorded for debugging",
        "debug_log.pbx": "Whether the messages of the PBX link are recorded for debugging",
        "debug_log.max_megabytes": "Maximum megabytes of traffic kept",
        "debug_log.max_days": "Number of days that traffic is kept",
        "debug_log.subjects": "Whether subjects stay readable in recorded traffic",
        "debug_log.bodies_for_readers": "Whether the read-only socket gives bodies, and names in exports",
        "engine.dry_run": "Compute everything, but write nothing to the PBX",
        "engine.pilots": "Write only users whose name matches one of these patterns (* and ?); everybody if empty",
        "engine.state_dir": "Directory where the engine keeps its state",
        "engine.socket": "Path of the local API's socket",
        "engine.socket_group": "Group whose members may use that socket",
        "engine.metrics_port": "Port on this machine where Prometheus reads metrics",
        "cluster.database": "URL of the PostgreSQL database through which several engines share the work",
        "cluster.node": "Name of this engine among them; not set: the name of the machine",
        "cluster.role": "Whether this engine shares the work, or stands by until no other engine can do it",
        "cluster.lease_seconds": "Seconds until another engine takes over the users of one that is gone",
        "cluster.shards": "Number of parts into which the users are divided",
    }
)


class Effect(StrEnum):
    """Part of the engine that a changed setting affects."""

    DECISIONS = "decisions"
    WRITING = "writing"
    USERS = "users"
    PBX_LINK = "PBX link"
    CALENDARS = "calendars"
    DEBUG_LOG = "debug log"
    NEXT_START = "next start"


RESTARTS = frozenset({Effect.PBX_LINK, Effect.CALENDARS})

DAY = 24.0

_EFFECTS = (
    ("pbx.users", Effect.USERS),
    ("pbx.writes_", Effect.WRITING),
    ("pbx.", Effect.PBX_LINK),
    ("presence.", Effect.DECISIONS),
    ("exchange.", Effect.CALENDARS),
    ("debug_log.", Effect.DEBUG_LOG),
    ("engine.dry_run", Effect.WRITING),
    ("engine.pilots", Effect.WRITING),
    ("engine.", Effect.NEXT_START),
    ("cluster.", Effect.NEXT_START),
)


def effect_of(key: str) -> Effect:
    """Return the part that a change of this key affects."""
    return next(effect for start, effect in _EFFECTS if key.startswith(start))


def effects_of(keys: Iterable[str], old: SiteSettings, new: SiteSettings) -> frozenset[Effect]:
    """Return the parts affected by a change of `keys` from `old` to `new`.

    Presence settings that need more appointment data than was read so far also affect the calendars.
    """
    effects = {effect_of(key) for key in keys}
    if Effect.DECISIONS in effects and _read_of(old) != _read_of(new):
        effects.add(Effect.CALENDARS)
    return frozenset(effects)


def _read_of(settings: SiteSettings) -> tuple[bool, str | None, float]:
    presence = settings.presence
    return (
        presence.needs_subjects,
        presence.tentative_exception_organizer,
        max(presence.horizon_hours or 0.0, DAY),
    )
