"""Where log-ins are remembered: for as long as this process lives, or over restarts (engine.store.logins)."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Protocol

from engine.logins.rules import Account, Attempts

Work = Callable[[Attempts], Attempts]
"""From what is remembered to what is to be; it may raise, and nothing has changed then."""


class History(Protocol):
    """Remembers the log-ins of accounts."""

    async def change(self, account: Account, work: Work) -> Attempts:
        """Do `work` in one transaction, and return what is remembered after it."""
        ...

    async def accounts(self) -> dict[Account, Attempts]:
        """Return everything that is remembered."""
        ...

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return what tells `credential` from others without giving it away."""
        ...


class RememberedHistory:
    """Remembers for as long as this process lives."""

    def __init__(self) -> None:
        self._attempts: dict[Account, Attempts] = {}
        self._key = secrets.token_bytes(32)

    async def change(self, account: Account, work: Work) -> Attempts:
        """Do `work`."""
        self._attempts[account] = work(self._attempts.get(account, ()))
        return self._attempts[account]

    async def accounts(self) -> dict[Account, Attempts]:
        """Return everything that is remembered."""
        return dict(self._attempts)

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return a keyed hash; its key is nowhere but in here, so it may be a fast one."""
        return hmac.digest(self._key, f"{account.key}\0{credential}".encode(), hashlib.sha256).hex()
