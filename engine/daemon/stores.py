"""Where an engine that works alone keeps what it has to remember; several engines share the same (`cluster_node`)."""

from dataclasses import dataclass
from pathlib import Path

from engine.core.clock import Clock
from engine.logins.history import AttemptHistory
from engine.store.audit import AuditStore, AuditTrail
from engine.store.database import Database
from engine.store.logins import LogInHistory
from engine.store.presence import AcknowledgedPresences, PresenceStore
from engine.store.settings_history import SettingsHistory
from engine.store.setup_state import SetupFile, SetupStore
from engine.store.tenants import SqliteTenants, TenantTable
from engine.supervisor.own_settings import OwnSettings
from engine.supervisor.settings_file import SettingsFile
from engine.supervisor.source import SettingsSource

SETUP = "setup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What outlives the process, apart from secrets and the debug log."""

    settings: SettingsSource
    presences: PresenceStore
    log_ins: AttemptHistory
    audit: AuditStore
    tenants: TenantTable
    setup: SetupStore


def own_stores(file: SettingsFile, database: Database, state: Path, clock: Clock) -> Stores:
    """Return the stores of an engine that works alone: its settings file, its database, its state directory."""
    return Stores(
        settings=OwnSettings(file, SettingsHistory(database), clock),
        presences=AcknowledgedPresences(database),
        log_ins=LogInHistory(database),
        audit=AuditTrail(database),
        tenants=SqliteTenants(database),
        setup=SetupFile(state / SETUP),
    )
