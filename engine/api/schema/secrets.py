"""Messages of the local API about secrets: their names, origins and ages, never a value."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble


class SecretOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """One possible secret. The environment or a secrets file takes precedence over the stored value; `origin` is
    null if there is none. `age` is that of the stored one, in seconds."""

    name: str
    origin: Literal["environment", "secrets file", "store"] | None
    needed: bool
    stored_since: datetime | None
    age: float | None


class SecretOrigins(msgspec.Struct, frozen=True, kw_only=True):
    """All possible secrets; `needed` are those that the settings in force require."""

    secrets: tuple[SecretOrigin, ...]


ONE_LINE = r"^[^\x00-\x1f\x7f]+$(?![\s\S])"
"""The end is checked twice, because "$" alone allows a final line break in Python."""


class SecretQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value of a secret; it can be stored, but is never returned."""

    value: Annotated[str, Meta(min_length=1, max_length=4096, pattern=ONE_LINE)]


class SecretChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a change: the parts `restarted` because they use the secret, and why the engine cannot run yet."""

    name: str
    restarted: tuple[str, ...]
    trouble: Trouble | None
