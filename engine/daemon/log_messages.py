"""Log messages for the events of the engine."""

import logging
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version

from engine.core.errors import Failure, slug_of
from engine.core.presence import missing_messages
from engine.core.users import User
from engine.daemon.log_formats import FIELDS
from engine.settings.model import EngineSettings, SiteSettings
from engine.sync.events import (
    AccountPaused,
    ConcernArose,
    ConcernOver,
    ConnectionLost,
    ConnectionRestored,
    Event,
    ListeningForPbx,
    PbxRejected,
    PresenceConfirmed,
    PresenceWithheld,
    ReadingRestricted,
    ReadingUnrestricted,
    Side,
    UserRecovered,
    UserTrouble,
)

logger = logging.getLogger("engine")


def log_settings(settings: SiteSettings) -> None:
    """Log the start, and the messages that the presence language lacks and shows in English."""
    pbx, exchange = settings.pbx, settings.exchange
    logger.info("calendar-engine %s: PBX %s at %s:%s", version("calendar-tui"), pbx.master, pbx.host, pbx.port)
    logger.info("Exchange %s as %s%s", exchange.type, exchange.user, _mode(settings.engine))
    missing = missing_messages(settings.presence.language)
    if missing:
        logger.warning("language %s lacks, and shows in English: %s", settings.presence.language, ", ".join(missing))


def log(event: Event) -> None:
    """Log one event; notes are left out, since they may contain the subject of an appointment."""
    more = {FIELDS: fields_of(event)}
    match event:
        case PresenceConfirmed(user, presence):
            logger.info("%s: presence set: %s", user.label, presence.activity or "available", extra=more)
        case PresenceWithheld(user, presence):
            shown = presence.activity or "available"
            logger.info("%s: presence would be set: %s (dry run)", user.label, shown, extra=more)
        case UserTrouble(user, failure):
            logger.warning("%s: %s. %s", user.label, failure, failure.remedy, extra=more)
        case UserRecovered(user):
            logger.info("%s: the problem is resolved", user.label, extra=more)
        case ConnectionLost(side, failure, None):
            logger.warning("%s: %s. %s", side, failure, failure.remedy, extra=more)
        case ConnectionLost(side, failure, datetime() as until):
            again = f"{until:%H:%M:%S}"
            logger.warning("%s: %s. %s Next try at %s UTC.", side, failure, failure.remedy, again, extra=more)
        case ConnectionRestored(side):
            logger.info("%s: working", side, extra=more)
        case ListeningForPbx(url, fingerprint):
            logger.info("listening for the PBX; URL of the App object: %s", url)
            logger.info("SHA-256 of the certificate presented to the PBX: %s", fingerprint)
        case PbxRejected(name, failure):
            logger.warning("PBX %s is not used: %s. %s", name, failure, failure.remedy, extra=more)
        case AccountPaused(failure, until):
            again = f"{until:%H:%M:%S}"
            logger.warning("%s. %s It resumes at %s UTC.", failure, failure.remedy, again, extra=more)
        case ReadingRestricted(failure):
            logger.warning("%s. %s", failure, failure.remedy, extra=more)
        case ConcernArose(side, failure):
            logger.warning("%s: %s. %s", side, failure, failure.remedy, extra=more)
        case ConcernOver(side, failure):
            logger.warning('%s: resolved: "%s"', side, failure.meaning, extra=more)
        case ReadingUnrestricted():
            logger.warning("Exchange lets the service account impersonate again: calendars are read with all details")


def fields_of(event: Event) -> Mapping[str, str]:
    """Return the fields by which the journal finds an event: EVENT, USER and USER_GUID, SIDE, and FAILURE."""
    user, side, failure = (getattr(event, name, None) for name in ("user", "side", "failure"))
    return {
        "EVENT": slug_of(type(event)),
        **({"USER": user.name, "USER_GUID": user.guid} if isinstance(user, User) else {}),
        **({"SIDE": side.value} if isinstance(side, Side) else {}),
        **({"FAILURE": failure.slug} if isinstance(failure, Failure) else {}),
    }


def _mode(engine: EngineSettings) -> str:
    """Return who is not written, in words."""
    if engine.dry_run:
        return "; dry run"
    return "; only pilots are written" if engine.pilots else ""
