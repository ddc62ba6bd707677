"""The steps of the guided set-up, with guidance for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.core.presence.model import AppointmentKind
from engine.exchange import impersonation
from engine.exchange.graph import consent
from engine.settings.editor import SettingValue
from engine.settings.model import ExchangeType, Mode, PbxLinkKind
from engine.settings.parsers import has_user

_Values = Mapping[str, SettingValue | None]


def pbx_objects(values: _Values) -> tuple[str, ...]:
    """Return how to configure the App object in the PBX, by the names shown there (innovaphone SDK, AppWebsocket)."""
    app = values.get("pbx.app") or "calendar"
    common = (
        "In the PBX, create an object of type App.",
        f'Name: "{app}", the same as pbx.app here.',
        "Password: one not used anywhere else, up to 15 ASCII characters; enter it here as the secret pbx.password.",
        'Tick "TableUsers" (PbxTableUsers) and "PBX" (PbxApi) among the APIs, and nothing else.',
    )
    if values.get("pbx.link") == PbxLinkKind.LISTEN:
        return (
            *common,
            'Tick "Websocket", so that the PBX connects to this machine.',
            "URL: the one shown by the check and logged by the engine when it listens; no file extension.",
            "Any firewall must let the PBX reach this machine on pbx.listen_port.",
        )
    return (
        *common,
        'Leave "Websocket" unticked: the engine connects to the PBX.',
        "Any firewall must let this machine reach the HTTPS port of the PBX.",
        "pbx.master is the PBX Name of the master PBX. Do not assign the App to users.",
    )


KINDS_OF_EXCHANGE = (
    'An Exchange Server of your own: "on-premises".',
    'Exchange Online: "cloud-graph". The other way, "cloud-ews", is switched off tenant by tenant now, and ends on '
    "2027-04-01.",
    'Both, each user where the mailbox is, as during a migration: "hybrid".',
)


MAKE_A_CERTIFICATE = (
    "Let the engine make a certificate, whose key never leaves it (calendar-engine cloud certificate), and upload its "
    "public part under Certificates & secrets. Or create a client secret there and copy its Value (not its Secret "
    "ID), or upload the certificate of exchange.certificate.",
)


def exchange_account(values: _Values) -> tuple[str, ...]:
    """Return what the service account, or the app registration, needs."""
    if values.get("exchange.type") == ExchangeType.HYBRID:
        halves = (ExchangeType.ON_PREMISES, ExchangeType.CLOUD_GRAPH)
        return tuple(line for half in halves for line in exchange_account({**values, "exchange.type": half}))
    if values.get("exchange.type") == ExchangeType.CLOUD_GRAPH:
        return _graph_application(str(values.get("exchange.client_id") or ""))
    if values.get("exchange.type") == ExchangeType.CLOUD_EWS:
        return (
            "In Entra, register an application, and note its Application (client) ID and Directory (tenant) ID.",
            "Give it the role Application EWS.AccessAsApp for the mailboxes concerned (RBAC for Applications in "
            "Exchange Online), or, for all mailboxes, the application permission full_access_as_app of Office 365 "
            "Exchange Online.",
            *MAKE_A_CERTIFICATE,
            'Microsoft shuts down EWS in Exchange Online on 2027-04-01: "cloud-graph" needs the same application.',
        )
    if values.get("exchange.mode") == Mode.FREE_BUSY:
        return ("An ordinary account with a mailbox is enough: like any user, it sees when others are busy.",)
    return (
        "Create a dedicated account for the engine, with a password that does not expire.",
        "Give it the role ApplicationImpersonation for the mailboxes concerned only, in the Exchange Management "
        "Shell. These commands may be repeated:",
        impersonation.grant(_account(values)),
        "The scope covers user and shared mailboxes; Set-ManagementScope narrows it, for instance to a group.",
        "Write it as user@domain if its mail domain is to be used to find Exchange, otherwise as DOMAIN\\user.",
    )


def _graph_application(client_id: str) -> tuple[str, ...]:
    app = impersonation.quoted(client_id, "CLIENT-ID")
    return (
        "In the Entra portal (entra.microsoft.com), under App registrations, register an application for this "
        "organizational directory only, without a redirect URI.",
        "Its overview shows the Application (client) ID and the Directory (tenant) ID.",
        *MAKE_A_CERTIFICATE,
        "Then either let it read all mailboxes: under API permissions, add Microsoft Graph, Application permissions, "
        'Calendars.ReadBasic.All, and press "Grant admin consent". With the Azure CLI:',
        *consent.tenant_wide(app),
        "Or, instead, only the direct members of a group, in PowerShell; these lines may be repeated:",
        *consent.scoped(app, "'ANNA@EXAMPLE.COM'"),
        "Changes take 30 minutes to 2 hours to have an effect.",
    )


def exchange_server(values: _Values) -> tuple[str, ...]:
    """Return the guidance on how Exchange is found."""
    if values.get("exchange.type") == ExchangeType.HYBRID:
        own = exchange_server({**values, "exchange.type": ExchangeType.ON_PREMISES})
        return (*own, "Leave exchange.graph_url empty, except for the cloud of the DoD.")
    if values.get("exchange.type") == ExchangeType.CLOUD_GRAPH:
        return (
            "Leave exchange.graph_url empty: it follows from exchange.authority, except for the cloud of the DoD.",
            "Name a user whose calendar may be read to test that everything works.",
        )
    if values.get("exchange.type") == ExchangeType.CLOUD_EWS:
        return ("Leave exchange.ews_url empty, except in a national cloud.",)
    return (
        "Leave everything empty to find the server by autodiscover in the mail domain of the service account.",
        "Otherwise set exchange.autodiscover_url, or exchange.ews_url (https://HOST/EWS/Exchange.asmx).",
        "A host outside the mail domain, as at a hosting provider, gets the password only if listed in "
        "exchange.trusted_hosts.",
        "Name a user whose calendar may be read to test that everything works.",
    )


def _account(values: _Values) -> str:
    """Return the service account in quotes, or a placeholder if PowerShell could read it as more than a name."""
    user = str(values.get("exchange.user") or "")
    return impersonation.quoted(user, "ACCOUNT")


Values = Mapping[str, SettingValue | None]
"""Values by dotted key: the answers, or the defaults."""


class Check(StrEnum):
    """A check that a step can run with the answers so far."""

    PBX = "pbx"
    USERS = "users"
    EXCHANGE = "exchange"
    RESOLUTION = "resolution"
    CALENDARS = "calendars"


def _nothing(values: Values) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class SetupStepForm:
    """A step of the set-up. Its `keys` of the settings, names of `secrets` and lines of `guidance` depend on the
    answers. `check` is the check it can run; with `asks_for_user`, for a user chosen in the front end."""

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


def _has_own_servers(values: Values) -> bool:
    return values.get("exchange.type") in (None, ExchangeType.ON_PREMISES, ExchangeType.HYBRID)


def _account_keys(values: Values) -> tuple[str, ...]:
    names: tuple[str, ...] = ("user", "auth", "channel_binding") if _has_own_servers(values) else ()
    if _is_cloud(values):
        names += ("tenant_id", "client_id", "authority", "certificate", "certificate_key")
        names += ("client_secret_expires", "proxy")
    return tuple(f"exchange.{name}" for name in names)


def _account_secrets(values: Values) -> tuple[str, ...]:
    names: tuple[str, ...] = ("exchange.password",) if _has_own_servers(values) else ()
    if not _is_cloud(values):
        return names
    own = () if values.get("exchange.certificate") else ("exchange.client_secret",)
    return (*names, *own, *_proxy_secrets(values))


def _server_secrets(values: Values) -> tuple[str, ...]:
    return () if _is_cloud(values) else _proxy_secrets(values)


def _proxy_secrets(values: Values) -> tuple[str, ...]:
    wants_password = has_user(str(values.get("exchange.proxy") or ""))
    return ("exchange.proxy_password",) if wants_password else ()


def _server_keys(values: Values) -> tuple[str, ...]:
    match values.get("exchange.type"):
        case ExchangeType.CLOUD_EWS:
            names: tuple[str, ...] = ("ews_url", "ca_file")
        case ExchangeType.CLOUD_GRAPH:
            names = ("graph_url", "ca_file", "poll_seconds")
        case ExchangeType.HYBRID:
            names = ("autodiscover_url", "ews_url", "trusted_hosts", "server", "graph_url", "ca_file", "poll_seconds")
        case _:
            names = ("autodiscover_url", "ews_url", "trusted_hosts", "server", "proxy", "ca_file")
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
    *(f"presence.mapping.{kind}" for kind in AppointmentKind),
)

STEPS = (
    SetupStepForm("language", "Language and time zone", lambda _: ("presence.language", "presence.timezone")),
    SetupStepForm("pbx", "Link to the PBX", _pbx_keys, lambda _: ("pbx.password",), pbx_objects, Check.PBX),
    SetupStepForm("users", "Who takes part", lambda _: (*_SELECTION, "pbx.users.hidden"), check=Check.USERS),
    SetupStepForm(
        "exchange", "Which Exchange", lambda _: ("exchange.type", "exchange.mode"), guidance=lambda _: KINDS_OF_EXCHANGE
    ),
    SetupStepForm("credentials", "Service account", _account_keys, _account_secrets, exchange_account),
    SetupStepForm(
        "server", "Finding Exchange", _server_keys, _server_secrets, exchange_server, Check.EXCHANGE, asks_for_user=True
    ),
    SetupStepForm("resolution", "Finding mailboxes", lambda _: _RESOLUTION, check=Check.RESOLUTION),
    SetupStepForm("presence", "What is shown", lambda _: _PRESENCE, check=Check.CALENDARS),
    SetupStepForm("review", "Review and apply", lambda _: ("engine.dry_run",)),
)


def step_named(name: str) -> SetupStepForm:
    """Return the step of that name. Raises KeyError."""
    for step in STEPS:
        if step.name == name:
            return step
    raise KeyError(name)
