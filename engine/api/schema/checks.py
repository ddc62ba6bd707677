"""Probes in the words of the local API: settings and secrets are tried that need not be in force."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Value

Side = Literal["pbx", "exchange"]
MOST = Meta(max_length=200)


class ProbeQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be tried: `settings` by their dotted key and `secrets` by their name in place of those in force.

    `user` is who a presence or calendar is looked at of: for the PBX the Name of the user object, for Exchange an
    e-mail address, or any user that takes part.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}
    user: Annotated[str, MOST] = ""


class RungAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried: what was seen, how long it took (ms), and what to do where it failed.

    The addresses of others that Exchange offered are told only where the socket allows to change things.
    """

    name: str
    outcome: Literal["ok", "failed", "skipped"]
    evidence: tuple[str, ...]
    milliseconds: float
    trouble: Trouble | None
    remedy: str
    skipped_because: str


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A probe as far as it has come: `names` are all its rungs, `rungs` those that are done."""

    operation: Operation
    side: Side
    names: tuple[str, ...]
    rungs: tuple[RungAccount, ...]
