"""The steps of the set-up in their order: what each asks for, what it says, and what it can try on the real servers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.core.presence.model import Kind
from engine.core.settings.edit import Value
from engine.core.settings.model import ExchangeType, PbxLinkKind
from engine.core.setup.guidance import exchange_account, exchange_server, pbx_objects

Values = Mapping[str, Value | None]
"""Values by dotted key as they are answered, or else the defaults."""


class Check(StrEnum):
    """What a step can try, with the answers so far."""

    PBX = "pbx"
    USERS = "users"
    EXCHANGE = "exchange"
    RESOLUTION = "resolution"
    CALENDARS = "calendars"


def _nothing(values: Values) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `keys` of the settings and names of `secrets` that it asks for depend on the answers, and so do the
    lines of `guidance`. `check` is what it can try; with `asks_for_user`, for a user of the front end's choice."""

    name: str
    title: str
    keys: Callable[[Values], tuple[str, ...]]
    secrets: Callable[[Values], tuple[str, ...]] = _nothing
    guidance: Callable[[Values], tuple[str, ...]] = _nothing
    check: Check | None = None
    asks_for_user: bool = False


def _pbx_keys(values: Values) -> tuple[str, ...]:
    if values.get("pbx.link") == PbxLinkKind.LISTEN:
        way: tuple[str, ...] = ("listen_address", "listen_port", "listen_names", "certificate", "certificate_key")
    else:
        way = ("host", "port", "tls", "ca_file", "fingerprint")
    return tuple(f"pbx.{name}" for name in ("link", *way, "master", "app", "domain"))


def _is_cloud(values: Values) -> bool:
    return values.get("exchange.type") not in (None, ExchangeType.ON_PREMISES)


def _account_keys(values: Values) -> tuple[str, ...]:
    if _is_cloud(values):
        names: tuple[str, ...] = ("tenant_id", "client_id", "authority", "certificate", "certificate_key")
    else:
        names = ("user", "auth", "channel_binding")
    return tuple(f"exchange.{name}" for name in names)


def _account_secrets(values: Values) -> tuple[str, ...]:
    if not _is_cloud(values):
        return ("exchange.password",)
    return () if values.get("exchange.certificate") else ("exchange.client_secret",)


def _server_keys(values: Values) -> tuple[str, ...]:
    found = ("autodiscover_url", "ews_url", "trusted_hosts", "server", "ca_file")
    names = ("ews_url", "ca_file") if _is_cloud(values) else found
    return tuple(f"exchange.{name}" for name in names)


_SELECTION = tuple(
    f"pbx.users.{side}.{names}"
    for side in ("include", "exclude")
    for names in ("names", "groups", "nodes", "locations", "templates")
)
_RESOLUTION = ("exchange.resolve_with", "exchange.candidate_order")
_PRESENCE = (
    *("presence.show_subject", "presence.priority_words", "presence.no_priority_words"),
    *("presence.tentative_exception_organizer", "presence.horizon_hours"),
    *(f"presence.mapping.{kind}" for kind in Kind),
)

STEPS = (
    Step("language", "Language and time zone", lambda _: ("presence.language", "presence.timezone")),
    Step("pbx", "Link to the PBX", _pbx_keys, lambda _: ("pbx.password",), pbx_objects, Check.PBX),
    Step("users", "Who takes part", lambda _: (*_SELECTION, "pbx.users.hidden"), check=Check.USERS),
    Step("exchange", "Which Exchange", lambda _: ("exchange.type", "exchange.mode")),
    Step("credentials", "Service account", _account_keys, _account_secrets, exchange_account),
    Step("server", "Finding Exchange", _server_keys, _nothing, exchange_server, Check.EXCHANGE, asks_for_user=True),
    Step("resolution", "Finding mailboxes", lambda _: _RESOLUTION, check=Check.RESOLUTION),
    Step("presence", "What is shown", lambda _: _PRESENCE, check=Check.CALENDARS),
    Step("review", "Review and apply", lambda _: ("engine.dry_run",)),
)


def step_named(name: str) -> Step:
    """Return a step. Raises KeyError."""
    for step in STEPS:
        if step.name == name:
            return step
    raise KeyError(name)
