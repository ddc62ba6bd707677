"""Exports of the debug log as HAR, curl command or support bundle, by default without personal names."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from msgspec.structs import replace

from engine.api.schema import Status
from engine.api.schema.log import LogExportQuestion
from engine.debuglog.entry import LogEntry
from engine.debuglog.export import bundle, curl, har, versions, without_persons
from engine.debuglog.filter.model import Filter
from engine.debuglog.query import every
from engine.debuglog.redaction.pseudonyms import Pseudonyms
from engine.debuglog.statistics import figures
from engine.server import log
from engine.server.convert import VERSION
from engine.server.log import LogService
from engine.server.state import ApiState
from engine.settings.model import SiteSettings

LARGEST = 64 * 1024 * 1024
"""Maximum bytes of bodies in one export; older entries are left out."""

ABOUT = """\
A support bundle of calendar-engine {version}, created on {now}.

exchanges.har    requests to Exchange and messages of the PBX, with their answers (HAR 1.2), the newest first
statistics.json  figures by operation and code
settings.json    the settings, which contain no secrets
status.json      the status of the engine
versions.json    the versions of the software
filter.txt       the filter that selected the requests

Passwords, tokens and cookies are never recorded, so none are included.
{persons}
"""
WITH_PERSONS = "Addresses, names and subjects are included as recorded: share this with care."
WITHOUT_PERSONS = "Addresses are replaced by pseudonyms, names and subjects are blanked."


class LogExport:
    """Exports entries found by `log`, with the `settings` and the status of `api_state`."""

    def __init__(self, log: LogService, api_state: ApiState, settings: Callable[[], SiteSettings | None]) -> None:
        self._log = log
        self._api_state = api_state
        self._settings = settings

    def curl(self, kept: LogEntry) -> str:
        """Return one entry as a curl command."""
        return curl(kept)

    async def har(self, question: LogExportQuestion) -> bytes:
        """Return entries as an HTTP Archive."""
        this, now = self._log.now_filter(question.filter), self._log.now()
        return await self._log.reader.run(lambda connection: _har(connection, this, now, question))

    async def bundle(self, question: LogExportQuestion) -> bytes:
        """Return the support bundle as a zip file."""
        this, now = self._log.now_filter(question.filter), self._log.now()
        status, settings = self._api_state.status(), self._settings()

        def put_together(connection: sqlite3.Connection) -> bytes:
            persons = WITH_PERSONS if question.persons else WITHOUT_PERSONS
            files = {
                "README.txt": ABOUT.format(version=VERSION, now=now.isoformat(), persons=persons).encode(),
                "exchanges.har": _har(connection, this, now, question),
                "statistics.json": msgspec.json.encode(log.statistics(figures(connection, this, now))),
                "settings.json": _written(settings),
                "status.json": msgspec.json.encode(status if question.persons else _without_users(status)),
                "versions.json": msgspec.json.encode(versions()),
                "filter.txt": question.filter.encode(),
            }
            if not question.persons:
                pseudonyms = Pseudonyms()
                files = {name: pseudonyms.body(content) for name, content in files.items()}
            return bundle(files)

        return await self._log.reader.run(put_together)


def _har(connection: sqlite3.Connection, this: Filter, now: datetime, question: LogExportQuestion) -> bytes:
    chosen = _enough(every(connection, this, now, question.limit))
    if not question.persons:
        pseudonyms = Pseudonyms()
        chosen = (without_persons(kept, pseudonyms) for kept in chosen)
    return msgspec.json.encode(har(chosen, VERSION))


def _enough(exchanges: Iterator[LogEntry]) -> Iterator[LogEntry]:
    left = LARGEST
    for kept in exchanges:
        left -= len(kept.request) + len(kept.response)
        if left < 0:
            return
        yield kept


def _written(settings: SiteSettings | None) -> bytes:
    return msgspec.json.format(msgspec.json.encode(settings, enc_hook=str))


def _without_users(status: Status) -> Status:
    concerns = tuple(replace(each, users=(), trouble=replace(each.trouble, detail="")) for each in status.concerns)
    return replace(status, concerns=concerns)
