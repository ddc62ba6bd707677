"""What is typed becomes a value of its setting, or stays as it is."""

import pytest

from engine.settings.editor import SettingValue
from engine.settings.forms import setting_forms
from engine.setup.typed import value_typed

FORMS = {form.key: form for form in setting_forms("", None)}


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("pbx.port", "443", 443),
        ("pbx.port", "https", "https"),
        ("presence.horizon_hours", "1.5", 1.5),
        ("pbx.tls", "yes", True),
        ("pbx.tls", "maybe", "maybe"),
        ("pbx.listen_names", "a, b ,", ("a", "b")),
        ("pbx.listen_names", " , ", None),
        ("pbx.master", " 443 ", "443"),
        ("pbx.master", " ", None),
    ],
)
def test_what_is_typed_becomes_a_value_or_stays_as_it_is(key: str, typed: str, value: SettingValue | None) -> None:
    assert value_typed(FORMS[key], typed) == value
