"""Ways into the set-up: the later changes that it helps with, and which one mends which problem."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from engine.api.schema.setup import FlowName
from engine.documents.lines import Line, Role, Span, fitted, heading, line

FLOW_OF: Mapping[str, FlowName] = MappingProxyType(
    {
        "login-refused": "password",
        "client-secret-refused": "password",
        "client-secret-expired": "password",
        "certificate-not-trusted": "exchange-certificate",
        "pbx-certificate-not-trusted": "pbx-certificate",
        "pbx-login-refused": "pbx",
        "pbx-rights-missing": "pbx",
        "pbx-unreachable": "pbx",
        "not-a-pbx": "pbx",
        "wrong-pbx": "pbx",
        "autodiscover-failed": "exchange",
        "application-unknown": "exchange",
        "tenant-unknown": "exchange",
        "consent-missing": "exchange",
        "graph-permission-missing": "exchange",
        "impersonation-right-missing": "exchange",
        "cloud-ews-ends": "graph",
        "cloud-ews-ended": "graph",
        "ews-switched-off": "graph",
        "nobody-takes-part": "users",
    }
)
"""The part of the set-up that a problem leads to, by the name of its failure."""

CHANGES: Mapping[FlowName, tuple[str, str]] = MappingProxyType(
    {
        "all": ("Set up again…", "go through all steps; nothing changes before the end"),
        "password": ("Change the Exchange password…", "or the client secret: type it, try it"),
        "pbx": ("Change PBX…", "another address, App object, or way to connect"),
        "exchange": ("Change Exchange…", "another server, account or kind of Exchange"),
        "graph": ("Move to Graph…", "from Exchange Web Services to Microsoft Graph"),
    }
)
"""The changes that the settings offer below the list, each with what it is about."""

CHANGE = "set-up "
"""Begins the key of a line that opens the set-up."""


def change_lines(words: str) -> list[Line]:
    """Return a line for each change with every one of `words` in it."""
    wanted = words.casefold().split()
    fitting = {
        flow: (title, about)
        for flow, (title, about) in CHANGES.items()
        if all(word in f"{title} {about}".casefold() for word in wanted)
    }
    lines = [
        line("   ", fitted(title, 32), Span(about, Role.MUTED), key=f"{CHANGE}{flow}")
        for flow, (title, about) in fitting.items()
    ]
    return [line(), heading(" With the set-up"), *lines] if lines else []


def flow_of(key: str) -> FlowName | None:
    """Return the change that a line is about, None if it is about something else."""
    name = key.removeprefix(CHANGE) if key.startswith(CHANGE) else ""
    return next((flow for flow in get_args(FlowName) if flow == name), None)
