"""Hypothesis settings, and strategies for arbitrary messages: known names, values of any type."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

unhurried = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests whose machine may be busy with others."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["guid", "anna", "calendar:"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

_ROW_NAMES = st.sampled_from(
    ["guid", "h323", "cn", "loc", "node", "hide", "pseudo", "h323-email", "config", "emails", "grps"]
)
_rows = st.dictionaries(_ROW_NAMES, json_values, max_size=6)

_TYPES = st.sampled_from(
    [
        *("AppChallenge", "AppChallengeResult", "AppLogin", "AppLoginResult", "PbxInfo", "AppInfo", "KeepAlive"),
        *("ReplicateStartResult", "ReplicateNextResult", "ReplicateAdd", "ReplicateUpdate", "ReplicateDel"),
        *("SetPresenceResult", "PresenceUpdate", "PresenceState", "SubscribePresenceResult", "Unheard"),
    ]
)

_NAMES = st.sampled_from(
    [
        *("src", "challenge", "ok", "domain", "pbx", "apis", "error", "errorText"),
        *("presence", "contact", "activity", "note"),
    ]
)

messages = st.builds(
    lambda rest, mt, api, columns: {**rest, **mt, **api, **columns},
    st.dictionaries(_NAMES, json_values, max_size=5),
    st.fixed_dictionaries({}, optional={"mt": _TYPES | json_values}),
    st.fixed_dictionaries({}, optional={"api": st.sampled_from(["PbxApi", "PbxTableUsers"]) | json_values}),
    st.fixed_dictionaries({}, optional={"columns": _rows | json_values}),
)
