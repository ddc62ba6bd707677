"""Messages of the local API about checks (`probes`) of settings and secrets that need not be in force."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Value

CheckSide = Literal["pbx", "exchange", "machine"]
MOST = Meta(max_length=200)


class ProbeQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check to run, with `settings` by dotted key and `secrets` by name instead of those in force.

    `user` is the user whose presence or calendar is read: for the PBX the Name of the user object, for Exchange an
    e-mail address, or any synchronised user. Unless `log_in`, only that is checked which costs no log-in, and settings
    that are missing or invalid count as not set.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}
    user: Annotated[str, MOST] = ""
    log_in: bool = True


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A change of settings that mends a finding: `settings` by dotted key, null for the default.

    `label` says what it does: use "headquarters". `certificates` are PEM texts to be saved, by the key of the setting
    that will name their file.
    """

    label: str
    settings: dict[str, Value] = {}
    certificates: dict[str, str] = {}


class RungAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a check: its finding, its duration (ms), and the remedy if it failed.

    `field` is the key of the setting, or the name of the secret, that is wrong, "" if it has to be mended elsewhere;
    `fixes` are changes that mend it, the best one first.
    Addresses of other mailboxes that Exchange offered are included only on the socket that allows changes.
    """

    name: str
    outcome: Literal["ok", "failed", "skipped"]
    evidence: tuple[str, ...]
    milliseconds: float
    trouble: Trouble | None
    remedy: str
    skipped_because: str
    field: str = ""
    fixes: tuple[Fix, ...] = ()


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A check as far as it has come: `names` are all its steps, `rungs` the steps that are done."""

    operation: Operation
    side: CheckSide
    names: tuple[str, ...]
    rungs: tuple[RungAccount, ...]
