"""Secrets that several engines share, and what each of them keeps on its own machine."""

from collections.abc import Mapping

from engine.store.errors import SharedDatabaseFailure
from engine.store.secret_store import SecretStore, SecretsUpdate, SecretVault, StoredSecret
from engine.store.secrets import DATABASE_PASSWORD


class ClusterSecrets:
    """Implements `SecretVault`: `shared` keeps what is the same for all engines.

    `local`, on this machine, keeps the password of the shared database, which cannot be kept in that itself, and a copy
    of the others: an engine that starts while the database is away still reads calendars.
    """

    def __init__(self, local: SecretStore, shared: SecretVault) -> None:
        self._local = local
        self._shared = shared

    def load(self) -> dict[str, StoredSecret]:
        """Return all stored secrets by name; while the database is away those that were the last."""
        here = self._local.load()
        try:
            found = _own(here) | _shared(self._shared.load())
        except SharedDatabaseFailure:
            return here
        if _plain(found) != _plain(here):
            self._local.store(found)
        return found

    def change(self, work: SecretsUpdate) -> None:
        """Replace all stored secrets by what `work` makes of them; without the database only its own password."""
        here = self._local.load()
        after = dict(work(dict(here)))
        changed = {name for name in {*here, *after} if _plain(here).get(name) != _plain(after).get(name)}
        if changed == {DATABASE_PASSWORD}:
            self._local.store(after)
            return
        self._shared.change(lambda stored: _shared(work(_own(here) | stored)))
        self._local.store(_own(after) | _shared(here))
        self.load()

    def rotate_key(self) -> None:
        """Re-encrypt everything with the first key of this machine, if all engines have it."""
        self._shared.rotate_key()
        self._local.store(self._local.load())


def _own(secrets: Mapping[str, StoredSecret]) -> dict[str, StoredSecret]:
    return {name: each for name, each in secrets.items() if name == DATABASE_PASSWORD}


def _shared(secrets: Mapping[str, StoredSecret]) -> dict[str, StoredSecret]:
    return {name: each for name, each in secrets.items() if name != DATABASE_PASSWORD}


def _plain(secrets: Mapping[str, StoredSecret]) -> dict[str, tuple[str, object]]:
    return {name: (each.value.reveal(), each.since) for name, each in secrets.items()}
