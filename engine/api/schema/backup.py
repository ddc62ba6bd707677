"""Messages of the local API about backups."""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.schema.secrets import ONE_LINE

SHORTEST_PASSPHRASE = 12


class BackupQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The passphrase to encrypt with; without it nothing can read the backup."""

    passphrase: Annotated[str, Meta(min_length=SHORTEST_PASSPHRASE, max_length=1024, pattern=ONE_LINE)]
