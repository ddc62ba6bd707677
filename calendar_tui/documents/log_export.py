"""Names of exported files, and how many entries are in them."""

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from engine.api.resources.log import Export
from engine.display import counted
from engine.documents.quantities import size

ENDINGS: Mapping[Export, str] = MappingProxyType({"har": ".har", "bundle": ".zip"})

_ARCHIVE = "calendar-engine/exchanges.har"
"""The member of a support bundle that holds the entries."""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Archive(msgspec.Struct):
    log: _Log


def file_name(now: datetime) -> str:
    """Return the name that is proposed for a file, without its ending."""
    return f"calendar-log-{now:%Y%m%dT%H%M%SZ}"


def entries_in(kind: Export, data: bytes) -> int:
    """Return the number of entries in an export."""
    if kind == "bundle":
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            data = bundle.read(_ARCHIVE)
    return len(msgspec.json.decode(data, type=_Archive).log.entries)


def said_of(kind: Export, data: bytes, path: Path) -> str:
    """Return how many entries are in which file."""
    return f"{counted(entries_in(kind, data), 'entry', 'entries')}, {size(len(data))}: {path}"
