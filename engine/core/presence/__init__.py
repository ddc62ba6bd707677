"""Presence rules: from appointments to presence, note and explanation (docs/presence-rules.md)."""

from engine.core.appointments import Oddity
from engine.core.presence.decide import Decision, decide
from engine.core.presence.model import CLEARED, DEFAULT_MAPPING, AppointmentKind, Presence, PresenceSettings, Target
from engine.core.presence.reasons import AppointmentOutcome, Hidden, Reason, Rule
from engine.core.presence.translations import is_supported_language, missing_messages, supported_languages
from engine.core.presence.what_if import PresenceChange, PresenceDifference, differences, preview_day

__all__ = [
    "CLEARED",
    "DEFAULT_MAPPING",
    "AppointmentKind",
    "AppointmentOutcome",
    "Decision",
    "Hidden",
    "Oddity",
    "Presence",
    "PresenceChange",
    "PresenceDifference",
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
