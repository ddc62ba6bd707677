"""What a check tries: the answers of its step and of those before it, with stand-ins for what only comes later."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.core.settings.edit import Value, edited
from engine.core.settings.keys import KEYS
from engine.core.setup.flow import NAMES
from engine.core.setup.steps import STEPS, Step, Values

_NO_EXCHANGE_YET: Mapping[str, Value | None] = MappingProxyType(
    {key: None for key in KEYS if key.startswith("exchange.")}
    | {"exchange.type": "on-premises", "exchange.user": "nobody@localhost.invalid"}
)


def tried(text: str, values: Values, step: Step) -> str:
    """Return the text of a settings file for the check of `step`: what later steps ask for is as if not answered."""
    here = NAMES.index(step.name)
    if here < NAMES.index("server"):
        text = edited(text, _NO_EXCHANGE_YET)
    later = {key for each in STEPS[here + 1 :] for key in each.keys(values)}
    earlier = {key for each in STEPS[: here + 1] for key in each.keys(values)}
    return edited(text, dict.fromkeys(later - earlier - _NO_EXCHANGE_YET.keys()))
