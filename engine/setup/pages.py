"""The steps of the set-up, the pages of each, and which of them a flow visits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Literal

from engine.core.presence.model import AppointmentKind
from engine.settings.editor import SettingValue
from engine.settings.model import ExchangeType, PbxLinkKind
from engine.settings.parsers import has_user

Values = Mapping[str, SettingValue | None]
"""Values by dotted key: the answers, or the defaults. Answers of the set-up alone begin with `setup.`."""

USER, GROUP, LEARN_USER, START, KEEP_WITHIN = (
    "setup.user",
    "setup.group",
    "setup.learn_user",
    "setup.start",
    "setup.keep_within",
)
OWN_KEYS = (USER, GROUP, LEARN_USER, START, KEEP_WITHIN)
"""The answers that are no settings: who is read, the group with the mailboxes, who is learned with, how to begin, and
the seconds within which that is to be kept."""

DRY_RUN, PILOTS = "engine.dry_run", "engine.pilots"
NOBODY, EVERYBODY = "nobody", "everybody"

SECRETS = ("pbx.password", "exchange.password", "exchange.client_secret", "exchange.proxy_password")


PageKind = Literal[
    "choice", "fields", "task", "certificate", "site", "users", "access", "presence", "learn", "preview", "start"
]
FlowName = Literal[
    "all",
    "pbx",
    "pbx-certificate",
    "site",
    "users",
    "exchange",
    "exchange-certificate",
    "password",
    "graph",
    "presence",
    "learn",
]


class Check(StrEnum):
    """A check that a step can run with the answers so far."""

    PBX = "pbx"
    USERS = "users"
    EXCHANGE = "exchange"
    ACCESS = "access"
    CALENDARS = "calendars"


Keys = Callable[[Values], tuple[str, ...]]


def _nothing(values: Values) -> tuple[str, ...]:
    return ()


def _always(values: Values) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: `keys` are those of its fields (settings, secrets, answers of the set-up), `advanced` those behind a
    key. It is visited where it `applies`; `only_if_found` names a finding of a check that it needs.
    Who goes on leaves it out once the check of its step has passed, if `is_left_out_when_passed`."""

    name: str
    title: Callable[[Values], str]
    kind: PageKind
    keys: Keys = _nothing
    advanced: Keys = _nothing
    applies: Callable[[Values], bool] = _always
    only_if_found: str = ""
    can_check: bool = False
    can_watch: bool = False
    is_left_out_when_passed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the set-up; what its check says also depends on the answers of the steps it `needs`."""

    name: str
    title: str
    pages: tuple[Page, ...]
    check: Check | None = None
    needs: tuple[str, ...] = ()
    is_optional: bool = False

    def keys(self, values: Values) -> tuple[str, ...]:
        """Return the keys of all fields of the pages that apply."""
        pages = [page for page in self.pages if page.applies(values)]
        return tuple(dict.fromkeys(key for page in pages for key in (*page.keys(values), *page.advanced(values))))

    def page(self, name: str) -> Page:
        """Return the page of that name. Raises KeyError."""
        for page in self.pages:
            if page.name == name:
                return page
        raise KeyError(name)


def _named(title: str) -> Callable[[Values], str]:
    return lambda _: title


def _listens(values: Values) -> bool:
    return values.get("pbx.link") == PbxLinkKind.LISTEN


def _kind(values: Values) -> ExchangeType | None:
    try:
        return ExchangeType(str(values.get("exchange.type") or ""))
    except ValueError:
        return None


def has_own_servers(values: Values) -> bool:
    """Return whether there are Exchange servers of one's own."""
    kind = _kind(values)
    return kind is None or kind.has_own_servers


def has_application(values: Values) -> bool:
    """Return whether an application in Entra reads calendars."""
    kind = _kind(values)
    return kind is not None and kind.has_application


def _only(*keys: str) -> Keys:
    return lambda _: keys


def _pbx_keys(values: Values) -> tuple[str, ...]:
    if _listens(values):
        return ("pbx.listen_port", "pbx.listen_names", "pbx.app", "pbx.password", "pbx.master")
    return ("pbx.host", "pbx.app", "pbx.password", "pbx.master")


def _pbx_advanced(values: Values) -> tuple[str, ...]:
    if _listens(values):
        return ("pbx.listen_address", "pbx.certificate", "pbx.certificate_key", "pbx.domain")
    return ("pbx.port", "pbx.tls", "pbx.ca_file", "pbx.fingerprint", "pbx.domain")


def _account_keys(values: Values) -> tuple[str, ...]:
    return ("exchange.user", "exchange.password", "exchange.ews_url", "pbx.domain", USER)


def _account_advanced(values: Values) -> tuple[str, ...]:
    names = ["autodiscover_url", "trusted_hosts", "server", "auth", "channel_binding", "ca_file", "fingerprint"]
    if not has_application(values):
        names.append("proxy")
    own = tuple(f"exchange.{name}" for name in names)
    return (*own, *_proxy_password(values), "exchange.resolve_with", "exchange.candidate_order")


def _application_keys(values: Values) -> tuple[str, ...]:
    secret = () if values.get("exchange.certificate") else ("exchange.client_secret",)
    return ("exchange.tenant_id", "exchange.client_id", *secret, *(() if has_own_servers(values) else (USER,)))


def _application_advanced(values: Values) -> tuple[str, ...]:
    address = "exchange.ews_url" if _kind(values) is ExchangeType.CLOUD_EWS else "exchange.graph_url"
    names = ("certificate", "certificate_key", "client_secret_expires", "authority", "proxy")
    own = (*(f"exchange.{name}" for name in names), *_proxy_password(values), address)
    rest = ("exchange.ca_file", "exchange.poll_seconds", "exchange.candidate_order", "pbx.domain")
    return (*own, *(key for key in rest if not has_own_servers(values) or key == "exchange.poll_seconds"))


def _proxy_password(values: Values) -> tuple[str, ...]:
    return ("exchange.proxy_password",) if has_user(str(values.get("exchange.proxy") or "")) else ()


def _refused_keys(values: Values) -> tuple[str, ...]:
    own = ("exchange.password",) if has_own_servers(values) else ()
    return (*own, *(("exchange.client_secret",) if has_application(values) else ()))


def _account_title(values: Values) -> str:
    return "The service account" if has_own_servers(values) else "The application in Entra"


SELECTION = tuple(
    f"pbx.users.{side}.{names}"
    for side in ("include", "exclude")
    for names in ("names", "groups", "nodes", "locations", "templates")
)
MAPPING = tuple(f"presence.mapping.{kind}" for kind in AppointmentKind)
_PRESENCE = ("show_subject", "priority_words", "no_priority_words", "tentative_exception_organizer")

_PBX_PAGES = (
    Page(name="link", title=_named("Who opens the connection?"), kind="choice", keys=_only("pbx.link")),
    Page(
        name="fields",
        title=lambda values: "How the PBX reaches the engine" if _listens(values) else "How the engine reaches the PBX",
        kind="fields",
        keys=_pbx_keys,
        advanced=_pbx_advanced,
        can_check=True,
    ),
    Page(name="certificate", title=_named("Is this your PBX?"), kind="certificate", only_if_found="pbx.fingerprint"),
    Page(
        name="app",
        title=_named("Do this in the PBX: I am watching"),
        kind="task",
        can_check=True,
        can_watch=True,
        is_left_out_when_passed=True,
    ),
)
_EXCHANGE_PAGES = (
    Page(
        name="kind",
        title=_named("Where are the calendars?"),
        kind="choice",
        keys=_only("exchange.type", "exchange.mode"),
    ),
    Page(
        name="account",
        title=_named("The service account"),
        kind="fields",
        keys=_account_keys,
        advanced=_account_advanced,
        applies=has_own_servers,
        can_check=True,
    ),
    Page(
        name="application",
        title=_named("Register the engine in Entra: I am watching"),
        kind="task",
        keys=_application_keys,
        advanced=_application_advanced,
        applies=has_application,
        can_check=True,
        can_watch=True,
    ),
    Page(
        name="password",
        title=_named("Exchange refuses the log-in"),
        kind="fields",
        keys=_refused_keys,
        only_if_found="password",
        can_check=True,
    ),
    Page(
        name="certificate",
        title=_named("Is this your Exchange?"),
        kind="certificate",
        only_if_found="exchange.fingerprint",
    ),
    Page(
        name="right",
        title=_named("Do this in the Exchange Management Shell: I am watching"),
        kind="task",
        keys=_only(GROUP),
        applies=has_own_servers,
        can_check=True,
        can_watch=True,
        is_left_out_when_passed=True,
    ),
)

STEPS = (
    Step(name="pbx", title="PBX", pages=_PBX_PAGES, check=Check.PBX),
    Step(
        name="site",
        title="Site",
        pages=(
            Page(
                name="site",
                title=_named("Language and time of the notes"),
                kind="site",
                keys=_only("presence.language", "presence.timezone"),
            ),
        ),
    ),
    Step(
        name="users",
        title="Users",
        pages=(
            Page(
                name="users",
                title=_named("Who takes part"),
                kind="users",
                keys=lambda _: (*SELECTION, "pbx.users.hidden"),
                can_check=True,
            ),
        ),
        check=Check.USERS,
        needs=("pbx",),
    ),
    Step(name="exchange", title="Exchange", pages=_EXCHANGE_PAGES, check=Check.EXCHANGE, needs=("pbx", "users")),
    Step(
        name="access",
        title="Access",
        pages=(Page(name="access", title=_named("May every calendar be read?"), kind="access", can_check=True),),
        check=Check.ACCESS,
        needs=("pbx", "users", "exchange"),
    ),
    Step(
        name="presence",
        title="Presence",
        pages=(
            Page(
                name="presence",
                title=_named("What an appointment shows"),
                kind="presence",
                keys=lambda _: (*MAPPING, *(f"presence.{name}" for name in _PRESENCE)),
                advanced=_only("presence.horizon_hours"),
                can_check=True,
            ),
        ),
        check=Check.CALENDARS,
        needs=("pbx", "users", "exchange", "site"),
    ),
    Step(
        name="learn",
        title="PBX test",
        pages=(
            Page(
                name="learn",
                title=_named("Learn how this PBX behaves"),
                kind="learn",
                keys=_only(LEARN_USER, "pbx.clear", "presence.note_max_length"),
                can_check=True,
            ),
        ),
        needs=("pbx",),
        is_optional=True,
    ),
    Step(
        name="preview",
        title="Preview",
        pages=(Page(name="preview", title=_named("What would change"), kind="preview", can_check=True),),
        needs=("pbx", "users", "exchange", "site", "presence"),
    ),
    Step(
        name="start",
        title="Go live",
        pages=(
            Page(
                name="start",
                title=_named("Ready. How do you want to begin?"),
                kind="start",
                keys=_only(START, PILOTS, KEEP_WITHIN),
            ),
        ),
    ),
)
NAMES = tuple(step.name for step in STEPS)


def _asked() -> Iterator[str]:
    """Yield the keys that are asked for with any of the answers on which that depends."""
    for link, kind, certificate in product(PbxLinkKind, ExchangeType, ("", "file")):
        values = {
            "pbx.link": link.value,
            "exchange.type": kind.value,
            "exchange.certificate": certificate,
            "exchange.proxy": "http://user@proxy",
        }
        for step in STEPS:
            yield from step.keys(values)


ASKED = frozenset(_asked())
"""The keys that some page asks for, whatever was answered: no other step depends on them."""
WITH_REACH = ("pbx", "exchange")
"""The steps that have a check which costs no log-in."""


def step_named(name: str) -> Step:
    """Return the step of that name. Raises KeyError."""
    for step in STEPS:
        if step.name == name:
            return step
    raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowKind:
    """What a set-up is about: the `places` it visits, each a step or `step/page`, with `answers` given beforehand, and
    what is known to be the case (`found`)."""

    title: str
    places: tuple[str, ...]
    answers: Mapping[str, SettingValue | None] = field(default_factory=dict)
    found: frozenset[str] = frozenset()


FLOWS: Mapping[FlowName, FlowKind] = MappingProxyType(
    {
        "all": FlowKind(title="Set-up", places=NAMES),
        "pbx": FlowKind(title="Change PBX", places=("pbx",)),
        "pbx-certificate": FlowKind(
            title="PBX certificate", places=("pbx/certificate",), found=frozenset({"pbx.fingerprint"})
        ),
        "site": FlowKind(title="Language and time zone", places=("site",)),
        "users": FlowKind(title="Who takes part", places=("users",)),
        "exchange": FlowKind(title="Change Exchange", places=("exchange", "access")),
        "exchange-certificate": FlowKind(
            title="Exchange certificate",
            places=("exchange/certificate",),
            found=frozenset({"exchange.fingerprint"}),
        ),
        "password": FlowKind(
            title="Log in to Exchange again", places=("exchange/password",), found=frozenset({"password"})
        ),
        "graph": FlowKind(
            title="Move to Microsoft Graph",
            places=("exchange", "access"),
            answers=MappingProxyType({"exchange.type": ExchangeType.CLOUD_GRAPH.value}),
        ),
        "presence": FlowKind(title="What is shown", places=("presence",)),
        "learn": FlowKind(title="Learn the PBX", places=("learn",)),
    }
)


def places(flow: FlowName, values: Values, found: frozenset[str]) -> tuple[tuple[Step, Page], ...]:
    """Return the pages that a flow visits with these answers, in order; `found` names what checks have found."""
    return tuple(_places(FLOWS[flow], values, found))


def _places(kind: FlowKind, values: Values, found: frozenset[str]) -> Iterator[tuple[Step, Page]]:
    wanted = set(kind.places)
    for step in STEPS:
        for page in step.pages:
            if step.name not in wanted and f"{step.name}/{page.name}" not in wanted:
                continue
            if page.applies(values) and (not page.only_if_found or page.only_if_found in (found | kind.found)):
                yield step, page
