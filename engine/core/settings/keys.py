"""Every key of the settings file, one row each: what reading, suggestions, the example and the manual go by."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any

from engine.core.presence.model import Kind, PresenceSettings, Target
from engine.core.settings import addresses, values
from engine.core.settings.model import (
    Authentication,
    ClearWith,
    DebugLogSettings,
    EngineSettings,
    ExchangeSettings,
    ExchangeType,
    Mode,
    PbxLinkKind,
    PbxSettings,
    ResolveWith,
    ServerChoice,
)
from engine.core.settings.unavailable import UNAVAILABLE_KEYS
from engine.core.settings.values import Parser
from engine.core.users import CandidateOrder


@dataclass(frozen=True, slots=True)
class Key:
    """One key by its dotted name. `parse` reads its value or, where `many`, each entry of the list that it holds."""

    name: str
    parse: Parser
    many: bool = False

    @property
    def available(self) -> bool:
        """Tell whether the key has an effect in this version."""
        return self.name not in UNAVAILABLE_KEYS

    @property
    def default(self) -> Any:
        """Return the value that holds where the key is left out, `MISSING` where there is none."""
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
    }
)

_PBX = (
    Key("pbx.master", values.text),
    Key("pbx.link", values.Choice(PbxLinkKind)),
    Key("pbx.host", addresses.host),
    Key("pbx.port", values.Whole(1, 65535)),
    Key("pbx.tls", values.flag),
    Key("pbx.listen_address", addresses.listening_address),
    Key("pbx.listen_port", values.Whole(1, 65535)),
    Key("pbx.listen_path", addresses.url_path),
    Key("pbx.listen_names", addresses.host, many=True),
    Key("pbx.certificate", addresses.file),
    Key("pbx.certificate_key", addresses.file),
    Key("pbx.domain", addresses.domain),
    Key("pbx.app", values.text),
    Key("pbx.ca_file", addresses.file),
    Key("pbx.fingerprint", addresses.fingerprint),
    Key("pbx.presence_contact", addresses.contact),
    Key("pbx.clear", values.Choice(ClearWith)),
    Key("pbx.writes_per_second", values.Number(0.1, 1000)),
    Key("pbx.writes_in_flight", values.Whole(1, 100)),
    Key("pbx.users", values.everyone),
    Key("pbx.users.hidden", values.flag),
    *(
        Key(f"pbx.users.{side}.{names}", values.text, many=True)
        for side in ("include", "exclude")
        for names in ("names", "groups", "nodes", "locations", "templates")
    ),
)
_PRESENCE = (
    Key("presence.language", values.language),
    Key("presence.timezone", values.time_zone),
    Key("presence.show_subject", values.flag),
    Key("presence.priority_words", values.text_or_nothing, many=True),
    Key("presence.no_priority_words", values.text_or_nothing, many=True),
    Key("presence.tentative_exception_organizer", addresses.mail_address),
    Key("presence.horizon_hours", values.Number(0, 48)),
    Key("presence.note_max_length", values.Whole(16, 1000)),
    *(Key(f"presence.mapping.{kind}", values.Choice(Target)) for kind in Kind),
)
_EXCHANGE = (
    Key("exchange.type", values.Choice(ExchangeType)),
    Key("exchange.user", addresses.account),
    Key("exchange.auth", values.Choice(Authentication)),
    Key("exchange.channel_binding", values.channel_binding),
    Key("exchange.autodiscover_url", addresses.https_url),
    Key("exchange.ews_url", addresses.https_url),
    Key("exchange.trusted_hosts", addresses.host, many=True),
    Key("exchange.server", values.Choice(ServerChoice)),
    Key("exchange.resolve_with", values.Choice(ResolveWith)),
    Key("exchange.candidate_order", values.Choice(CandidateOrder)),
    Key("exchange.max_subscriptions_per_connection", values.Whole(1, 200)),
    Key("exchange.connections", values.Whole(1, 100)),
    Key("exchange.mode", values.Choice(Mode)),
    Key("exchange.tenant_id", addresses.guid),
    Key("exchange.client_id", addresses.guid),
    Key("exchange.authority", addresses.https_url),
    Key("exchange.graph_url", addresses.https_url),
    Key("exchange.certificate", addresses.file),
    Key("exchange.certificate_key", addresses.file),
    Key("exchange.poll_seconds", values.Whole(10, 3600)),
    Key("exchange.ca_file", addresses.file),
)
_DEBUG_LOG = (
    Key("debug_log.ews", values.flag),
    Key("debug_log.max_megabytes", values.Whole(1, 1_000_000)),
    Key("debug_log.max_days", values.Whole(1, 3650)),
    Key("debug_log.subjects", values.flag),
    Key("debug_log.bodies_for_readers", values.flag),
)
_ENGINE = (
    Key("engine.dry_run", values.flag),
    Key("engine.state_dir", addresses.file),
    Key("engine.socket", addresses.file),
    Key("engine.socket_group", values.text),
    Key("engine.metrics_port", values.Whole(1, 65535)),
)

KEYS: Mapping[str, Key] = MappingProxyType(
    {key.name: key for key in (*_PBX, *_PRESENCE, *_EXCHANGE, *_DEBUG_LOG, *_ENGINE)}
)
TABLES = frozenset(
    ".".join(steps[:depth]) for steps in (name.split(".") for name in KEYS) for depth in range(1, len(steps))
)
