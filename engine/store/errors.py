"""Failures of the state directory and the database in it."""

from engine.core.errors import Failure, Fault, Scope


class StoreFailure(Failure):
    """Base class of the failures of the store."""


class StoreUnusable(StoreFailure):
    """The state directory or its database cannot be opened, read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The state directory cannot be used"
    remedy = "Set engine.state_dir to a directory that the engine's account can write to, on a disk with free space."


class DiskUnusable(StoreUnusable):
    """The disk is full, read-only or broken: a problem that may pass or be repaired without changing the settings."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The state directory cannot be read or written at the moment"
    remedy = (
        "Free space on its disk, remount it writable, or repair it; calendar-engine then resumes saving its state "
        "by itself."
    )


class StoreDamaged(StoreFailure):
    """The database is damaged. Nothing was changed in it."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The database of acknowledged presences is damaged"
    remedy = "Move the file away and restart: the engine then reads every user's presence from the PBX."


class StoreForeign(StoreDamaged):
    """The database belongs to another program or a newer version."""

    fault = Fault.SETTINGS
    meaning = "This version cannot use the database in the state directory"
    remedy = "Start the newer calendar-engine, or give this one an engine.state_dir of its own."


class DatabasePutAside(StoreFailure):
    """The database was damaged when the engine started; it was replaced by an empty one."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The database was damaged and moved aside; its settings history and audit log are only there"
    remedy = (
        "Check the disk of the state directory, and remove that file when it is no longer needed. Presences were read "
        "back from the PBX; those of users who have left since may remain and must be cleared by hand."
    )


class PresencesNotKept(StoreFailure):
    """Confirmed presences cannot be saved. The engine goes on from memory."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Presences are kept in memory only, since the state directory cannot be written"
    remedy = (
        "Free space on the disk of the state directory, remount it writable, or repair it. The engine keeps "
        "working and saves everything once that is possible again; if it stops before then, it clears the presences "
        "it could not save."
    )


class VersionsNotKept(StoreFailure):
    """The version of the settings in force cannot be saved to the history."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The settings in force are not in the history, since the state directory cannot be written"
    remedy = (
        "Free space on the disk of the state directory, remount it writable, or repair it: they are then saved "
        "within a minute."
    )


class AuditNotKept(StoreFailure):
    """The audit log cannot be saved; its entries are in the log of the service all the same."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The audit log cannot be saved"
    remedy = (
        "Free space on the disk of the state directory, or make it writable again. Until then the entries are in the "
        "log of the service and in memory."
    )


class StateDirectoryExposed(StoreFailure):
    """Others can read, write or replace the state directory."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The state directory is not protected"
    remedy = (
        "Make it a directory that belongs to the account calendar-engine runs as, with mode 0700 (chown and chmod "
        "700), below directories in which only that account and root may write. Then check that its files are "
        "unchanged, and change the passwords in it if others could read them."
    )


class AlreadyRunning(StoreFailure):
    """Another engine holds the state directory."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another engine is running with this state directory"
    remedy = "Stop the other engine first, or give this one its own engine.state_dir."


class BackupUnusable(StoreFailure):
    """The file is no backup, or one that this version cannot read."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This file cannot be restored"
    remedy = "Name a file made by calendar-engine backup; restore it with the version that made it, or a newer one."


class BackupPassphraseWrong(StoreFailure):
    """The passphrase does not fit, or the beginning of the file was changed. Nothing was changed here."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The passphrase of the backup is wrong"
    remedy = "Type the passphrase that this backup was made with. If it is lost, nothing can read the backup."


class BackupChanged(StoreFailure):
    """The passphrase fits, but the content is not as it was written. Nothing was changed here."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The backup was changed or damaged since it was made"
    remedy = "Use another copy of it, or another backup; nothing of this one was used."


class RestoreWouldReplace(StoreFailure):
    """There is something that a restored backup would replace. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine on this machine is set up already"
    remedy = "Make a backup of it if it matters, then repeat the command with --replace."


class RestoreUnfinished(StoreFailure):
    """Restoring a backup was begun and cannot be finished. The engine does not start with half of it."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "A backup is restored only in part"
    remedy = (
        "Free space on the disks of the state directory and of the settings file, make both writable for the account "
        "calendar-engine runs as, and start it again; or repeat calendar-engine restore."
    )


class SharedDatabaseFailure(StoreFailure):
    """Base class of the failures of a database that several engines share."""

    scope = Scope.SERVICE


class DatabaseAway(SharedDatabaseFailure):
    """The database cannot be reached or cannot be written to. Without it nothing is written to the PBX either."""

    fault = Fault.SERVER
    meaning = "The shared database cannot be used at the moment, so no presence is written"
    remedy = (
        "Check that PostgreSQL is running and accepts changes, and that this machine reaches it. Presences stay as "
        "they are; within seconds of the database's return calendar-engine goes on by itself."
    )


class DatabaseSlow(SharedDatabaseFailure):
    """The database did not answer in time. What was asked for may have been done or not."""

    fault = Fault.SERVER
    meaning = "The shared database answers too slowly"
    remedy = (
        "Nothing to do at first: it is retried. If it persists, check the load of PostgreSQL and the network between "
        "it and this machine."
    )


class DatabaseRefused(SharedDatabaseFailure):
    """The database does not let this engine in, or not do what it has to."""

    fault = Fault.CREDENTIALS
    meaning = "The shared database refuses this engine"
    remedy = (
        "Check the role, its password (calendar-engine secret set cluster.password) and its rights, and that the "
        "database exists; the log of PostgreSQL says more."
    )


class DatabaseNotPrepared(SharedDatabaseFailure):
    """The tables of calendar-engine are missing in the database, or older than this version needs them."""

    fault = Fault.SETTINGS
    meaning = "The shared database is not prepared for this version of calendar-engine"
    remedy = (
        "Check that it is the right database. A new one is prepared with calendar-engine cluster join --create, one of "
        "an older version with calendar-engine cluster migrate."
    )


class DatabaseNeedsAdministrator(SharedDatabaseFailure):
    """The role may not make what is missing in the database. Nothing was changed."""

    fault = Fault.SETTINGS
    meaning = "This role may not prepare the shared database"
    remedy = (
        "Name one that may make roles and tables with --as ROLE; or let the administrator of the database execute what "
        "the same command prints with --sql, and repeat it without --create."
    )


class DatabaseClientMissing(SharedDatabaseFailure):
    """The library that speaks to PostgreSQL is not installed."""

    fault = Fault.SETTINGS
    meaning = "The client of PostgreSQL is not installed"
    remedy = (
        "Install it where calendar-engine is: pipx inject calendar-tui 'psycopg[binary]', or pip install "
        "'calendar-tui[cluster]'. The Debian package brings it along."
    )


class DatabaseOfNewerVersion(SharedDatabaseFailure):
    """Newer engines have changed the database so that this version cannot use it."""

    fault = Fault.SETTINGS
    meaning = "The shared database was changed by a newer version of calendar-engine"
    remedy = "Upgrade calendar-engine on this machine to the version of the other engines."


class DatabaseAddressUnusable(SharedDatabaseFailure):
    """The address of the database is no address of PostgreSQL, or one that is not safe."""

    fault = Fault.SETTINGS
    meaning = "The address of the shared database cannot be used"
    remedy = (
        "Write it as postgresql://role@host/database, without a password. Connections to other machines are encrypted "
        "and their certificates verified; sslrootcert=FILE names the authority if it is one of your own."
    )


class SettingsChangedElsewhere(StoreFailure):
    """The settings that a change was made of are no longer those in force. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings were changed at another engine in the meantime"
    remedy = "Look at them as they are now, and repeat the change if it is still wanted."


class SharedDatabaseInUse(StoreFailure):
    """There is something in the shared database that what an engine brings would be mixed with. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The shared database is in use already"
    remedy = "Join the engines that use it, or name an empty database."


class NoSharedDatabase(StoreFailure):
    """The settings name no database to share."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "No shared database is set"
    remedy = (
        "Set it first: calendar-engine config set cluster.database=postgresql://calendar_engine@db.example.com/calendar"
    )


class NotJoined(StoreFailure):
    """The engine has not joined the cluster that its settings file names. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This engine has not joined the cluster: its settings file still has all settings"
    remedy = (
        "To let it work alone, remove the table [cluster] from the file. If joining was interrupted, finish it: "
        "calendar-engine cluster join."
    )


class OtherEnginesRemain(StoreFailure):
    """Other engines of the cluster have not left it, and would find nothing any more. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Other engines of the cluster are stopped, and have not left it"
    remedy = (
        "Start one of them if the cluster is to go on, or let each leave it: calendar-engine cluster leave. With "
        "--last this engine takes everything back, and the others find nothing any more."
    )
