"""What can go wrong between this program and the engine beyond what every client of the API knows."""

from engine.api.client.failures import AnswerNotUnderstood


class VersionsDiffer(AnswerNotUnderstood):
    """The engine speaks another version of the API."""

    meaning = "Engine and calendar-tui do not fit together"
    remedy = "Install calendar-tui of the same version as the engine, and restart whichever is the older one."
