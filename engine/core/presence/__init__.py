"""From appointments to presence: the rules, the words, and why (spec: the presence rules in README and man pages)."""

from engine.core.presence.account import Oddity, Outcome, Reason, Rule
from engine.core.presence.catalogue import is_supported_language, missing_messages, supported_languages
from engine.core.presence.decide import Decision, decide
from engine.core.presence.model import CLEARED, DEFAULT_MAPPING, Kind, Presence, PresenceSettings, Target
from engine.core.presence.what_if import Change, Difference, differences, preview_day

__all__ = [
    "CLEARED",
    "DEFAULT_MAPPING",
    "Change",
    "Decision",
    "Difference",
    "Kind",
    "Oddity",
    "Outcome",
    "Presence",
    "PresenceSettings",
    "Reason",
    "Rule",
    "Target",
    "decide",
    "differences",
    "is_supported_language",
    "missing_messages",
    "preview_day",
    "supported_languages",
]
