"""What somebody has to do in the PBX, in Exchange or in Entra, with the values of the site filled in."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.exchange import impersonation
from engine.exchange.graph import consent
from engine.settings.model import ExchangeType, Mode, PbxLinkKind
from engine.setup.pages import GROUP, Values, has_application, has_own_servers

# The vendors' menus, in this one table.
APP_OBJECTS = "PBX Manager › Objects › new object › App"
SHELL = "Exchange Management Shell"
REGISTRATIONS = "entra.microsoft.com › App registrations › New registration"
CERTIFICATES = "Certificates & secrets › Certificates › Upload certificate"
CLIENT_SECRETS = "Certificates & secrets › Client secrets › New client secret"
PERMISSIONS = "API permissions › Add a permission › Microsoft Graph › Application permissions"
CONSENT = "Grant admin consent"


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One line: `number` of the step it begins, 0 if it belongs to the one before; a `value` to type there; a check
    mark to set or to leave out; the name of a `secret` to type there."""

    text: str
    number: int = 0
    value: str = ""
    tick: bool | None = None
    secret: str = ""


@dataclass(frozen=True, slots=True)
class TaskText:
    """A text to copy or to save as `file`."""

    name: str
    label: str
    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Task:
    """What to do, and texts for doing it."""

    lines: tuple[TaskLine, ...]
    texts: tuple[TaskText, ...]


def app_object(values: Values, url: str) -> Task:
    """Return how to configure the App object in the PBX, by the names shown there (innovaphone SDK, AppWebsocket).

    `url` is the one for the App object while the engine listens, "" if it is not known yet.
    """
    listens = values.get("pbx.link") == PbxLinkKind.LISTEN
    app = str(values.get("pbx.app") or "calendar")
    lines = [
        TaskLine(APP_OBJECTS, 1),
        TaskLine("Name", 2, value=app),
        TaskLine("Password", secret="pbx.password"),  # noqa: S106 - the name of a secret
    ]
    if listens:
        lines.append(TaskLine("URL", value=url or "shown here once the engine listens"))
    lines += [
        TaskLine("PBX", 3, tick=True),
        TaskLine("TableUsers", tick=True),
        TaskLine("Websocket", tick=listens),
        TaskLine("OK. Give the App to no user.", 4),
    ]
    if listens:
        port = values.get("pbx.listen_port") or 8443
        lines.append(TaskLine(f"A firewall must let the PBX reach this machine on port {port}."))
    return _with_colleague_text(tuple(lines), "pbx-app-object", ())


def right_to_read(values: Values) -> Task:
    """Return how the service account gets the right to read the calendars of the mailboxes concerned."""
    account = impersonation.quoted(str(values.get("exchange.user") or ""), "ACCOUNT")
    if values.get("exchange.mode") == Mode.FREE_BUSY:
        text = "An ordinary account with a mailbox is enough: like any user, it sees when others are busy."
        return Task((TaskLine(text),), ())
    group = str(values.get(GROUP) or "")
    script = (
        impersonation.grant_to_group(account, impersonation.quoted_group(group))
        if group
        else (impersonation.grant(account),)
    )
    lines = (
        TaskLine(f"In the {SHELL}, run this script; it may be repeated.", 1),
        *(TaskLine("", value=line) for line in script),
        TaskLine(
            f"It covers the members of {group} alone."
            if group
            else "It covers user and shared mailboxes; name a group to cover its members alone."
        ),
    )
    texts = (TaskText("script", "PowerShell", _text(script), "calendar-engine-right.ps1"),)
    return _with_colleague_text(lines, "exchange-right", texts)


def application(values: Values, certificate: str) -> Task:
    """Return how to register the application in Entra; `certificate` is the public part (PEM) of the engine's own one,
    "" if there is none."""
    client_id = str(values.get("exchange.client_id") or "")
    app = impersonation.quoted(client_id, "CLIENT-ID")
    by_ews = values.get("exchange.type") == ExchangeType.CLOUD_EWS
    permission = "full_access_as_app" if by_ews else "Calendars.ReadBasic.All"
    upload = (
        TaskLine(CERTIFICATES, 2, value="calendar-engine.pem")
        if certificate
        else TaskLine(f"{CLIENT_SECRETS}; copy its Value, not its Secret ID", 2)
    )
    place = PERMISSIONS.replace("Microsoft Graph", "Office 365 Exchange Online") if by_ews else PERMISSIONS
    lines = (
        TaskLine(REGISTRATIONS, 1),
        TaskLine("name", value="calendar-engine"),
        TaskLine("this directory only, no redirect URI"),
        upload,
        TaskLine(place, 3, value=permission),
        TaskLine(CONSENT),
    )
    texts = [TaskText("certificate", "certificate", certificate, "calendar-engine.pem")] if certificate else []
    if not by_ews:
        texts += [
            TaskText("az", "az commands", _text(consent.tenant_wide(app)), "calendar-engine-consent.sh"),
            TaskText("group", "PowerShell for a group", _text(_scoped(app, values)), "calendar-engine-group.ps1"),
        ]
    return _with_colleague_text(lines, "entra-application", tuple(texts))


def task_of(step: str, page: str, values: Values, *, url: str, certificate: str) -> Task | None:
    """Return the task of a page, None if there is nothing to do over there."""
    match step, page:
        case "pbx", "app":
            return app_object(values, url)
        case "exchange", "right" if has_own_servers(values):
            return right_to_read(values)
        case "exchange", "application" if has_application(values):
            return application(values, certificate)
        case _:
            return None


def _scoped(app: str, values: Values) -> tuple[str, ...]:
    group = impersonation.quoted_group(str(values.get(GROUP) or ""))
    user = impersonation.quoted(str(values.get("setup.user") or ""), "ANNA@EXAMPLE.COM")
    return tuple(line.replace("'GROUP'", group) for line in consent.scoped(app, user))


def _with_colleague_text(lines: tuple[TaskLine, ...], name: str, texts: tuple[TaskText, ...]) -> Task:
    whole = [*_in_words(lines), *(f"\n{each.label}:\n\n{each.text}" for each in texts)]
    colleague = TaskText("colleague", "text for a colleague", _text(whole), f"{name}.txt")
    return Task(lines, (*texts, colleague))


def _in_words(lines: tuple[TaskLine, ...]) -> Iterator[str]:
    for line in lines:
        start = f"{line.number}. " if line.number else "   "
        match line:
            case TaskLine(text="", value=value):
                continue
            case TaskLine(text=text, tick=bool() as tick):
                yield f"{start}{'tick' if tick else 'do not tick'} {text}"
            case TaskLine(text=text, secret=str() as secret) if secret:
                yield f"{start}{text}: (I will give it to you separately)"
            case TaskLine(text=text, value=value):
                yield f"{start}{text}: {value}" if value else f"{start}{text}"


def _text(lines: "tuple[str, ...] | list[str]") -> str:
    return "\n".join(lines) + "\n"
