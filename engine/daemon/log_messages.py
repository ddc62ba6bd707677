"""Log messages for the events of the engine."""

import logging
from datetime import datetime
from importlib.metadata import version

from engine.core.presence import missing_messages
from engine.settings.model import SiteSettings
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
    UserRecovered,
    UserTrouble,
)

logger = logging.getLogger("engine")


def log_settings(settings: SiteSettings) -> None:
    """Log the start, and the messages that the presence language lacks and shows in English."""
    pbx, exchange = settings.pbx, settings.exchange
    logger.info("calendar-engine %s: PBX %s at %s:%s", version("calendar-tui"), pbx.master, pbx.host, pbx.port)
    logger.info("Exchange %s as %s%s", exchange.type, exchange.user, "; dry run" if settings.engine.dry_run else "")
    missing = missing_messages(settings.presence.language)
    if missing:
        logger.warning("language %s lacks, and shows in English: %s", settings.presence.language, ", ".join(missing))


def log(event: Event) -> None:
    """Log one event; notes are left out, since they may contain the subject of an appointment."""
    match event:
        case PresenceConfirmed(user, presence):
            logger.info("%s: presence set: %s", user.label, presence.activity or "available")
        case PresenceWithheld(user, presence):
            logger.info("%s: presence would be set: %s (dry run)", user.label, presence.activity or "available")
        case UserTrouble(user, failure):
            logger.warning("%s: %s. %s", user.label, failure, failure.remedy)
        case UserRecovered(user):
            logger.info("%s: the problem is resolved", user.label)
        case ConnectionLost(side, failure, None):
            logger.warning("%s: %s. %s", side, failure, failure.remedy)
        case ConnectionLost(side, failure, datetime() as until):
            logger.warning("%s: %s. %s Next try at %s UTC.", side, failure, failure.remedy, f"{until:%H:%M:%S}")
        case ConnectionRestored(side):
            logger.info("%s: working", side)
        case ListeningForPbx(url, fingerprint):
            logger.info("listening for the PBX; URL of the App object: %s", url)
            logger.info("SHA-256 of the certificate presented to the PBX: %s", fingerprint)
        case PbxRejected(name, failure):
            logger.warning("PBX %s is not used: %s. %s", name, failure, failure.remedy)
        case AccountPaused(failure, until):
            logger.warning("%s. %s It resumes at %s UTC.", failure, failure.remedy, f"{until:%H:%M:%S}")
        case ReadingRestricted(failure):
            logger.warning("%s. %s", failure, failure.remedy)
        case ConcernArose(side, failure):
            logger.warning("%s: %s. %s", side, failure, failure.remedy)
        case ConcernOver(side, failure):
            logger.warning('%s: resolved: "%s"', side, failure.meaning)
        case ReadingUnrestricted():
            logger.warning("Exchange lets the service account impersonate again: calendars are read with all details")
