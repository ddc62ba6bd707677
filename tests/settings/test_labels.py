"""Every setting and every secret has a label that fits into a form."""

from engine.settings.keys import KEYS
from engine.settings.labels import LABELS
from engine.store.secrets import ENVIRONMENT


def test_every_key_and_every_secret_has_a_short_label() -> None:
    assert set(LABELS) == {*KEYS, *ENVIRONMENT}
    assert {label for label in LABELS.values() if len(label) > 18} == set()
