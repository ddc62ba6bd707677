"""From the rungs of a probe to the API's words."""

from datetime import timedelta

from engine.api import wire
from engine.api.convert import converted
from engine.api.schema.probes import RungAccount
from engine.probes.ladder import Rung


def rung_account(rung: Rung, *, in_full: bool) -> RungAccount:
    """Return one rung, `in_full` for those who may see what is confidential."""
    return converted(
        rung,
        RungAccount,
        outcome=rung.outcome.value,
        evidence=(*rung.evidence, *rung.confidential) if in_full else rung.evidence,
        milliseconds=round(rung.duration / timedelta(milliseconds=1), 1),
        trouble=wire.trouble(rung.failure, in_full=in_full) if rung.failure else None,
    )
