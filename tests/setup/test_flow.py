"""The state machine of the set-up loses no input, and contains no secret."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.settings.forms import differences, setting_forms
from engine.settings.keys import KEYS
from engine.settings.model import ExchangeType, SiteSettings
from engine.settings.reader import read_settings
from engine.setup.flow import NAMES, Flow, answered, checked, gone_to, needed_secrets, problems, problems_of, tried
from engine.setup.steps import STEPS, Values, step_named
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE

UTC = ZoneInfo("UTC")
COMPLETE = {
    "pbx.master": "headquarters",
    "pbx.host": "pbx.corp.example",
    "exchange.type": "on-premises",
    "exchange.user": "svc@corp.example",
}
SECRETS = ("pbx.password", "exchange.password")
ASKED_FOR = sorted({key for step in STEPS for link in ("dial", "listen") for key in step.keys({"pbx.link": link})})


def values_of(flow: Flow) -> Values:
    return {each.key: each.value for each in setting_forms(flow.text, UTC)}


def read(text: str) -> SiteSettings:
    return read_settings(text, default_zone=UTC)


def with_answers(flow: Flow, changes: dict[str, Any], *secrets: str) -> Flow:
    return answered(flow, values_of(flow), changes, secrets=secrets)


def missing(flow: Flow, *known: str) -> list[str]:
    return [each.key for each in problems(flow, values_of(flow), known, read)]


def test_every_key_that_is_asked_for_exists() -> None:
    assert set(ASKED_FOR) <= set(KEYS)
    for kind in ExchangeType:
        assert {key for step in STEPS for key in step.keys({"exchange.type": kind})} <= set(KEYS)


def test_what_is_missing_is_told_in_the_order_of_the_steps() -> None:
    flow = Flow(text="")
    assert missing(flow) == ["pbx.master", "pbx.host", "pbx.password", "exchange.type", "exchange.password"]
    flow = with_answers(flow, COMPLETE)
    assert missing(flow) == ["pbx.password", "exchange.password"]
    assert missing(flow, *SECRETS) == []
    cloud = with_answers(flow, {"exchange.type": "cloud-ews", "exchange.user": None})
    assert missing(cloud, *SECRETS) == ["exchange.tenant_id", "exchange.client_id", "exchange.client_secret"]
    for own in (OWN_CERTIFICATE, NEXT_CERTIFICATE):
        assert "exchange.client_secret" not in missing(cloud, *SECRETS, own)
    with_certificate = with_answers(cloud, {"exchange.certificate": "/etc/app.pem", "exchange.certificate_key": "/k"})
    assert "exchange.client_secret" not in needed_secrets(values_of(with_certificate))

    both = with_answers(flow, {"exchange.type": "hybrid", "exchange.client_id": None})
    assert missing(both, *SECRETS) == ["exchange.tenant_id", "exchange.client_id", "exchange.client_secret"]
    assert {"exchange.password", "exchange.client_secret"} <= set(needed_secrets(values_of(both)))


@pytest.mark.parametrize("kind", [*ExchangeType])
def test_the_password_of_a_proxy_is_asked_for_once_where_its_user_is_named(kind: str) -> None:
    flow = with_answers(Flow(text=""), {**COMPLETE, "exchange.type": kind})
    for proxy, asked in (("http://proxy.example:3128", 0), ("http://user@proxy.example:3128", 1), ("http://[", 0)):
        needed = needed_secrets(values_of(with_answers(flow, {"exchange.proxy": proxy})))
        assert needed.count("exchange.proxy_password") == asked


def test_the_commands_for_graph_name_the_application_of_the_site() -> None:
    client_id = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
    values = {"exchange.type": "cloud-graph", "exchange.client_id": client_id}
    lines = step_named("credentials").guidance(values)
    assert any(line.startswith("az ad app permission add") and client_id in line for line in lines)
    assert any("New-ManagementRoleAssignment" in line for line in lines)
    assert "exchange.graph_url" in step_named("server").keys(values)
    hostile = step_named("credentials").guidance({**values, "exchange.client_id": "'; Remove-Mailbox anna #"})
    assert not [line for line in hostile if "Remove-Mailbox" in line]


def test_a_wrong_answer_stays_and_is_a_problem_of_its_step() -> None:
    flow = with_answers(Flow(text=""), {**COMPLETE, "pbx.port": "https", "presence.mapping.busy": "occupied"})
    found = problems(flow, values_of(flow), SECRETS, read)
    assert [each.key for each in problems_of(step_named("pbx"), values_of(flow), found)] == ["pbx.port"]
    assert [each.key for each in problems_of(step_named("presence"), values_of(flow), found)] == [
        "presence.mapping.busy"
    ]
    assert 'port = "https"' in flow.text


def test_listening_asks_for_other_things_and_says_other_things_to_click() -> None:
    pbx = step_named("pbx")
    dial, listen = {"pbx.link": "dial"}, {"pbx.link": "listen", "pbx.app": "calendar"}
    assert "pbx.host" in pbx.keys(dial)
    assert "pbx.host" not in pbx.keys(listen)
    assert any(line.startswith('Tick "Websocket"') for line in pbx.guidance(listen))
    assert any(line.startswith('Leave "Websocket"') for line in pbx.guidance(dial))
    assert all('"TableUsers"' in " ".join(pbx.guidance(values)) for values in (dial, listen))
    assert all(step.guidance({}) is not None for step in STEPS)


def test_a_check_holds_until_something_it_depends_on_is_another() -> None:
    flow = with_answers(Flow(text=""), COMPLETE)
    for name in ("pbx", "users", "server"):
        flow = checked(flow, name, well=True)
    assert with_answers(flow, {"presence.show_subject": True}).passed == ("pbx", "users", "server")
    assert with_answers(flow, {"exchange.server": "internal"}).passed == ("pbx", "users")
    assert with_answers(flow, {}, "exchange.password").passed == ("pbx", "users")
    assert with_answers(flow, {"pbx.presence_contact": "other:"}).passed == ()
    assert answered(flow, values_of(flow), {}, user="anna@corp.example").passed == ("pbx", "users")
    assert checked(flow, "users", well=False).passed == ("pbx", "server")


def test_a_check_needs_only_the_answers_up_to_its_step() -> None:
    flow = with_answers(Flow(text=""), {"pbx.master": "m", "pbx.host": "h", "presence.note_max_length": 100})
    flow = with_answers(flow, {"presence.mapping.busy": "nonsense", "exchange.user": "CORP\\svc"})
    chosen = read(tried(flow.text, values_of(flow), step_named("pbx")))
    assert (chosen.pbx.master, chosen.presence.note_max_length) == ("m", 100)
    flow = with_answers(flow, {**COMPLETE, "exchange.server": "internal"})
    assert read(tried(flow.text, values_of(flow), step_named("server"))).exchange.user == "svc@corp.example"
    with pytest.raises(KeyError):
        gone_to(flow, "nowhere")


PLAIN = st.one_of(
    st.booleans(), st.integers(-9, 70000), st.text(max_size=12), st.lists(st.text(max_size=5), max_size=3).map(tuple)
)


class AnyOrder(RuleBasedStateMachine):
    """Goes back and forth and answers anything, right or wrong, and always has every last answer."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = Flow(text="# by hand\n[engine]\ndry_run = true  # for now\n")
        self.typed: dict[str, Any] = {"engine.dry_run": True}

    @rule(key=st.sampled_from(ASKED_FOR), value=PLAIN)
    def answer(self, key: str, value: Any) -> None:
        self.flow = with_answers(self.flow, {key: value})
        self.typed[key] = value

    @rule(key=st.sampled_from(ASKED_FOR))
    def take_back(self, key: str) -> None:
        self.flow = with_answers(self.flow, {key: None})
        self.typed.pop(key, None)

    @rule(name=st.sampled_from(["next", "back", *NAMES]))
    def go(self, name: str) -> None:
        self.flow = gone_to(self.flow, name)

    @rule(name=st.sampled_from(NAMES), well=st.booleans())
    def check(self, name: str, well: bool) -> None:
        self.flow = checked(self.flow, name, well=well)

    @invariant()
    def every_last_answer_is_there(self) -> None:
        found = {each.key: each.after for each in differences("", self.flow.text)}
        assert found == self.typed

    def teardown(self) -> None:
        """It survives the disk, and can say what is wrong."""
        assert msgspec.json.decode(msgspec.json.encode(self.flow), type=Flow) == self.flow
        assert self.flow.step in NAMES
        assert self.flow.text.startswith("# by hand\n")
        problems(self.flow, values_of(self.flow), (), read)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=20, stateful_step_count=12)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_known_by_its_name_alone(name: str) -> None:
    flow = with_answers(Flow(text=""), COMPLETE, name)
    assert flow == with_answers(Flow(text=""), COMPLETE)
    assert name not in missing(flow, name)
