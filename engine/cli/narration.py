"""What the engine does, in words for a log."""

import logging

from engine.sync.happenings import (
    AccountPaused,
    Happening,
    LinkRecovered,
    LinkTrouble,
    PresenceConfirmed,
    PresenceWithheld,
    ReadingRestricted,
    ReadingUnrestricted,
    UserRecovered,
    UserTrouble,
)

logger = logging.getLogger("engine")


def log(happening: Happening) -> None:
    """Write one line; notes are left out, since they may hold the subject of an appointment."""
    match happening:
        case PresenceConfirmed(user, presence):
            logger.info("%s: presence set: %s", user.label, presence.activity or "available")
        case PresenceWithheld(user, presence):
            logger.info("%s: presence would be set: %s (dry run)", user.label, presence.activity or "available")
        case UserTrouble(user, failure):
            logger.warning("%s: %s. %s", user.label, failure, failure.remedy)
        case UserRecovered(user):
            logger.info("%s: calendar can be read again", user.label)
        case LinkTrouble(side, failure, until):
            logger.warning("%s: %s. %s Next try at %s UTC.", side, failure, failure.remedy, f"{until:%H:%M:%S}")
        case LinkRecovered(side):
            logger.info("%s: working", side)
        case AccountPaused(failure, until):
            logger.warning("%s. %s It goes on at %s UTC.", failure, failure.remedy, f"{until:%H:%M:%S}")
        case ReadingRestricted(failure):
            logger.warning("%s. %s", failure, failure.remedy)
        case ReadingUnrestricted():
            logger.warning("Exchange lets the service account impersonate again: calendars are read with all details")
