"""The request for a backup."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.backup import BackupQuestion


async def make_backup(api: ApiClient, passphrase: str) -> bytes:
    """Return a backup, encrypted under a passphrase. Raises a `ClientFailure`."""
    return await api.send(f"{VERSION_1}/backup", BackupQuestion(passphrase=passphrase))
