"""History of log-ins: in memory for this process, or across restarts (engine.store.logins)."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Protocol

from engine.logins.rules import Account, Attempts

AttemptsUpdate = Callable[[Attempts], Attempts]
"""Maps the remembered attempts to the new ones; if it raises, nothing is changed."""


class AttemptHistory(Protocol):
    """Remembers the log-ins of accounts."""

    async def change(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Apply `work` in one transaction, and return the new attempts."""
        ...

    async def begin(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Apply `work`, which adds a log-in that is about to be sent. Raises `Paused` where somebody else tries one."""
        ...

    async def accounts(self) -> dict[Account, Attempts]:
        """Return everything that is remembered."""
        ...

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return a value that identifies `credential` without revealing it."""
        ...


class RememberedAttempts:
    """Remembers the log-ins in memory, until this process ends."""

    def __init__(self) -> None:
        self._attempts: dict[Account, Attempts] = {}
        self._key = secrets.token_bytes(32)

    async def change(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Apply `work`, and return the new attempts."""
        self._attempts[account] = work(self._attempts.get(account, ()))
        return self._attempts[account]

    async def begin(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Apply `work`, and return the new attempts."""
        return await self.change(account, work)

    async def accounts(self) -> dict[Account, Attempts]:
        """Return everything that is remembered."""
        return dict(self._attempts)

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return a keyed hash; the key exists only in this object, so a fast hash is enough."""
        return hmac.digest(self._key, f"{account.key}\0{credential}".encode(), hashlib.sha256).hex()
