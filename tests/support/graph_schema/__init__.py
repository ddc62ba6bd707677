"""Microsoft's own schema of Graph, cut down to a calendar reader, to check requests and simulated answers against.

graph-calendar.csdl.xml is cut from clean_v10_metadata/cleanMetadata.xml of github.com/microsoftgraph/msgraph-metadata
at f54f11b60956ea7b185ca0447b2b80805836ec7b (2026-08-20); LICENSE.msgraph-metadata is the licence of that repository.
What the CSDL cannot say (the form of batches, limits, `Prefer`) is checked by rules with the page that they come from.
samples/ holds answers and a request in the documented form, with invented content.
"""

import json
from pathlib import Path
from typing import Any

from tests.support.graph_schema.answers import AnswerChecks
from tests.support.graph_schema.requests import RequestChecks

_SAMPLES = Path(__file__).with_name("samples")


class Schema(AnswerChecks, RequestChecks):
    """All checks: `request`, `batch`, `collection`, `object`, `error` and `batch_answer` return lists of findings."""


def sample(name: str) -> Any:
    """Return a sample as decoded JSON."""
    return json.loads((_SAMPLES / f"{name}.json").read_text())


def error_samples() -> dict[str, Any]:
    """Return all samples of errors by name."""
    return {path.stem: sample(path.stem) for path in sorted(_SAMPLES.glob("error-*.json"))}
