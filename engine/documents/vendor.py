"""The settings of the innovaphone Calendar App (13r3), and which of ours correspond to them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Role, Span, line, wrapped

PASSWORD, CLIENT_SECRET = "exchange.password", "exchange.client_secret"


class VendorSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting by the vendor's name, the keys of ours that correspond to it, and what differs."""

    name: str
    keys: tuple[str, ...]
    remark: str = ""


def _row(name: str, *keys: str, remark: str = "") -> VendorSetting:
    return VendorSetting(name=name, keys=keys, remark=remark)


MAPPING = "presence.mapping"
VENDOR_SETTINGS: tuple[VendorSetting, ...] = (
    _row("Master PBX Name", "pbx.master", remark="Also needed where there is one PBX only."),
    _row("Presence language", "presence.language"),
    _row("Presence timezone", "presence.timezone"),
    _row("Subject", "presence.show_subject", remark="Private subjects are never shown."),
    _row("Prioritized appointments need to contain in title", "presence.priority_words"),
    _row("Prioritized appointments must not contain in title", "presence.no_priority_words"),
    _row("Tentative exceptions", "presence.tentative_exception_organizer", f"{MAPPING}.tentative_exception"),
    _row(
        "Presence mapping",
        *(f"{MAPPING}.{kind}" for kind in ("busy", "tentative", "oof", "working_elsewhere", "no_data")),
    ),
    _row("Sync-Type", "exchange.type", remark="For Exchange Online choose cloud-graph: EWS ends there."),
    _row("User", "exchange.user", remark="The service account, by impersonation on premises."),
    _row("Password", PASSWORD, remark="A secret: it is stored encrypted, not in the settings file."),
    _row("Directory (tenant) ID", "exchange.tenant_id"),
    _row("Application (client) ID", "exchange.client_id"),
    _row("Client secret", CLIENT_SECRET, "exchange.certificate", remark="OAuth 2.0; better a certificate."),
    _row("Autodiscover Server URL", "exchange.autodiscover_url", "exchange.ews_url"),
    _row("Exchange-Server to use", "exchange.server"),
    _row("User for name resolving", "exchange.resolve_with", "exchange.candidate_order"),
    _row("Max subscriptions per connection", "exchange.max_subscriptions_per_connection"),
    _row("EWS debugging protocol", "debug_log.ews", remark="calendar-engine log on limits it to users and a time."),
)
"""In the order of the vendor's page."""

ALSO: Mapping[str, str] = MappingProxyType(
    {
        "exchange.user": "impersonation service account",
        "exchange.auth": "impersonation NTLM Kerberos password",
        "exchange.mode": "impersonation free busy",
        "exchange.type": "OAuth Office 365 Microsoft 365 Graph",
        "exchange.tenant_id": "OAuth Entra Azure",
        "exchange.client_id": "OAuth Entra Azure app registration",
        "exchange.certificate": "OAuth Entra Azure",
    }
)
"""More words by which administrators look for a setting."""


def also_called(key: str) -> str:
    """Return the other words for one of our keys: the vendor's, and what it has to do with."""
    return " ".join([*(each.name for each in VENDOR_SETTINGS if key in each.keys), ALSO.get(key, "")]).strip()


def vendor_document(settings: Sequence[VendorSetting], width: int) -> Document:
    """Return the settings by the vendor's names, each with our keys and a remark; the key of a line is ours."""
    room = max(columns(each.name) for each in settings) + 3
    lines: list[Line] = []
    for each in settings:
        for number, key in enumerate(each.keys):
            name = each.name if number == 0 else ""
            lines.append(line(f"   {name:<{room - 3}}  ", Span(key, Role.KEY), key=key))
        if each.remark:
            lines += wrapped(each.remark, width - 1, " " * (room + 4), Role.MUTED)
    return Document(lines)
