"""What has to be done in the PBX and in Exchange, in the words that are on the screen there."""

from collections.abc import Mapping

from engine.core import impersonation
from engine.core.settings.edit import Value
from engine.core.settings.model import ExchangeType, Mode, PbxLinkKind

_Values = Mapping[str, Value | None]


def pbx_objects(values: _Values) -> tuple[str, ...]:
    """Return what to click in the PBX, name by name (innovaphone SDK, AppWebsocket)."""
    app = values.get("pbx.app") or "calendar"
    common = (
        "In the PBX, create an object of the type App.",
        f'Name: "{app}", the same as pbx.app here.',
        "Password: one that nobody uses elsewhere, up to 15 ASCII characters; it is the secret pbx.password here.",
        'Tick "TableUsers" (PbxTableUsers) and "PBX" (PbxApi) among the APIs, and nothing else.',
    )
    if values.get("pbx.link") == PbxLinkKind.LISTEN:
        return (
            *common,
            'Tick "Websocket", so that the PBX connects to this machine.',
            "URL: the one that the check shows, or that the engine logs when it listens; no file extension.",
            "A firewall must let the PBX reach this machine at pbx.listen_port.",
        )
    return (
        *common,
        'Leave "Websocket" unticked: the engine connects to the PBX.',
        "A firewall must let this machine reach the HTTPS port of the PBX.",
        "pbx.master is the PBX Name of the master PBX. Do not assign the App to users.",
    )


def exchange_account(values: _Values) -> tuple[str, ...]:
    """Return what the service account, or the app registration, needs."""
    if values.get("exchange.type") == ExchangeType.CLOUD_EWS:
        return (
            "In Entra, register an application, and note its Application (client) ID and Directory (tenant) ID.",
            "Give it the role Application EWS.AccessAsApp for the mailboxes concerned (RBAC for Applications in "
            "Exchange Online), or, for all mailboxes, the application permission full_access_as_app of Office 365 "
            "Exchange Online.",
            "Make a client secret, or upload the certificate that exchange.certificate names.",
            "Microsoft ends EWS in Exchange Online on 2027-04-01.",
        )
    if values.get("exchange.mode") == Mode.FREE_BUSY:
        return ("An ordinary account with a mailbox is enough: it sees when others are busy as everybody does.",)
    return (
        "Make an account for the engine alone, with a password that does not expire.",
        "Give it the role ApplicationImpersonation for the mailboxes concerned alone, in the Exchange Management "
        "Shell. This may be typed again and again:",
        impersonation.grant(_account(values)),
        "It takes in the mailboxes of people and shared ones; Set-ManagementScope narrows it, for instance to a group.",
        "Write it as user@domain where its mail domain shall be used to find Exchange, else as DOMAIN\\user.",
    )


def exchange_server(values: _Values) -> tuple[str, ...]:
    """Return how Exchange is found."""
    if values.get("exchange.type") == ExchangeType.CLOUD_EWS:
        return ("Leave exchange.ews_url out, except in a national cloud.",)
    return (
        "Leave everything out to have the server found by autodiscover in the mail domain of the service account.",
        "Else set exchange.autodiscover_url, or exchange.ews_url (https://HOST/EWS/Exchange.asmx), which needs none.",
        "A host outside the mail domain gets the password only if exchange.trusted_hosts names it, as at a hoster.",
        "Name a user whose calendar may be read to see whether everything works.",
    )


def _account(values: _Values) -> str:
    """Return the service account in quotes, or a placeholder for what PowerShell could take for more than a name."""
    user = str(values.get("exchange.user") or "")
    return impersonation.quoted(user, "ACCOUNT")
