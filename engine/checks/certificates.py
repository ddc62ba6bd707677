"""What can be done about a certificate that is not trusted: where the cursor belongs, and the fixes."""

from collections.abc import Sequence
from typing import Literal

from engine.checks.check import StepLog
from engine.checks.fixes import Fix
from engine.tls.certificate import Certificate
from engine.tls.verdict import Flaw

Table = Literal["pbx", "exchange"]
"""The table of the settings that says what is trusted."""

_CAN_BE_PINNED = frozenset({Flaw.SELF_SIGNED, Flaw.ISSUER_UNKNOWN, Flaw.OTHER_NAMES, Flaw.NAMELESS})


def note_flaw(
    step_log: StepLog, table: Table, flaw: Flaw, shown: Certificate | None, names: Sequence[Fix] = (), key: str = ""
) -> None:
    """Note what can be done about a certificate with a `flaw`.

    `names` are the fixes that use one of its names in the setting `key`. A certificate that has ended can be trusted
    all the same if nobody but itself vouches for it: most of those have nobody to renew them.
    """
    step_log.shown = shown
    ended_by_itself = flaw is Flaw.EXPIRED and shown is not None and shown.issued_by_itself
    if flaw not in _CAN_BE_PINNED and not ended_by_itself:
        step_log.field = ""
        return
    step_log.field = key if flaw is Flaw.OTHER_NAMES and names else f"{table}.fingerprint"
    if flaw is Flaw.OTHER_NAMES:
        step_log.fixes += names
    if shown is None:
        return
    step_log.fixes.append(Fix("trust exactly this certificate", {f"{table}.fingerprint": shown.fingerprint}))
    if flaw is Flaw.ISSUER_UNKNOWN and shown.authority:
        step_log.fixes.append(
            Fix(f"trust its issuer {shown.authority_name}", certificates={f"{table}.ca_file": shown.authority})
        )


def usable_names(shown: Certificate | None, most: int = 3) -> tuple[str, ...]:
    """Return the first names of a certificate that a server can be called by."""
    return tuple(name for name in shown.names if "*" not in name)[:most] if shown is not None else ()
