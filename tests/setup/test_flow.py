"""The state machine of the set-up loses no input, and contains no secret."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from engine.settings.forms import differences, setting_forms
from engine.settings.keys import KEYS
from engine.settings.model import ExchangeType, SiteSettings
from engine.settings.reader import read_settings
from engine.setup.flow import (
    Flow,
    answered,
    begun,
    checked,
    digest,
    gone_to,
    needed_secrets,
    place_of,
    problems,
    problems_of,
    state_of,
    tried,
)
from engine.setup.pages import FLOWS, NAMES, OWN_KEYS, SECRETS, STEPS, Step, Values, places, step_named
from engine.setup.tasks import Task, task_of
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE

UTC = ZoneInfo("UTC")
COMPLETE = {
    "pbx.master": "headquarters",
    "pbx.host": "pbx.corp.example",
    "exchange.type": "on-premises",
    "exchange.user": "svc@corp.example",
}
TYPED = ("pbx.password", "exchange.password")
NOTHING: frozenset[str] = frozenset()
ASKED_FOR = sorted(
    {key for step in STEPS for link in ("dial", "listen") for key in step.keys({"pbx.link": link})} & set(KEYS)
)


def values_of(flow: Flow) -> Values:
    return {**{each.key: each.value for each in setting_forms(flow.text, UTC)}, **flow.own}


def read(text: str) -> SiteSettings:
    return read_settings(text, default_zone=UTC)


def with_answers(flow: Flow, changes: dict[str, Any], *secrets: str) -> Flow:
    return answered(flow, changes, secrets=secrets)


def state(flow: Flow, name: str) -> str:
    written = {each.key for each in differences("", flow.text)}
    found = problems(flow, values_of(flow), TYPED, read)
    return state_of(flow, values_of(flow), step_named(name), found, written)


def put_to_test(flow: Flow, name: str, *, well: bool = True) -> Flow:
    step = step_named(name)
    return checked(flow, step, digest(flow, values_of(flow), step), well=well)


def test_another_kind_of_exchange_leaves_the_other_steps_as_they_are() -> None:
    flow = with_answers(begun("", "all"), COMPLETE)
    before = {step.name: digest(flow, values_of(flow), step) for step in STEPS}
    flow = with_answers(flow, {"exchange.type": "cloud-graph"})
    after = {step.name: digest(flow, values_of(flow), step) for step in STEPS}
    assert {name for name in NAMES if after[name] != before[name]} == {"exchange", "access", "presence", "preview"}


def task(step: str, page: str, values: Values) -> Task:
    found = task_of(step, page, values, url="", certificate="")
    assert found is not None
    return found


def words(task: Task) -> str:
    return "\n".join(each.text for each in task.texts)


def missing(flow: Flow, *known: str) -> list[str]:
    return [each.key for each in problems(flow, values_of(flow), known, read)]


def test_every_key_that_is_asked_for_exists_and_a_page_shows_six_fields_at_most() -> None:
    for kind in (*ExchangeType, None):
        for link in ("dial", "listen"):
            values: Values = {"exchange.type": kind, "pbx.link": link, "exchange.proxy": "http://u@p.example"}
            for step in STEPS:
                assert set(step.keys(values)) <= {*KEYS, *OWN_KEYS, *SECRETS}
                assert all(
                    len(page.keys(values)) <= 6 for page in step.pages if page.kind in ("fields", "task", "choice")
                )


def test_what_is_missing_is_told_in_the_order_of_the_steps() -> None:
    flow = Flow(text="")
    assert missing(flow) == ["pbx.master", "pbx.host", "pbx.password", "exchange.type", "exchange.password"]
    flow = with_answers(flow, COMPLETE)
    assert missing(flow) == ["pbx.password", "exchange.password"]
    assert missing(flow, *TYPED) == []
    cloud = with_answers(flow, {"exchange.type": "cloud-ews", "exchange.user": None})
    assert missing(cloud, *TYPED) == ["exchange.tenant_id", "exchange.client_id", "exchange.client_secret"]
    for own in (OWN_CERTIFICATE, NEXT_CERTIFICATE):
        assert "exchange.client_secret" not in missing(cloud, *TYPED, own)
    with_certificate = with_answers(cloud, {"exchange.certificate": "/etc/app.pem", "exchange.certificate_key": "/k"})
    assert "exchange.client_secret" not in needed_secrets(values_of(with_certificate))

    both = with_answers(flow, {"exchange.type": "hybrid", "exchange.client_id": None})
    assert missing(both, *TYPED) == ["exchange.tenant_id", "exchange.client_id", "exchange.client_secret"]
    assert {"exchange.password", "exchange.client_secret"} <= set(needed_secrets(values_of(both)))


@pytest.mark.parametrize("kind", [*ExchangeType])
def test_the_password_of_a_proxy_is_asked_for_once_where_its_user_is_named(kind: str) -> None:
    flow = with_answers(Flow(text=""), {**COMPLETE, "exchange.type": kind})
    for proxy, asked in (("http://proxy.example:3128", 0), ("http://user@proxy.example:3128", 1), ("http://[", 0)):
        needed = needed_secrets(values_of(with_answers(flow, {"exchange.proxy": proxy})))
        assert needed.count("exchange.proxy_password") == asked


def test_the_commands_for_graph_name_the_application_of_the_site() -> None:
    client_id = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
    values = {"exchange.type": "cloud-graph", "exchange.client_id": client_id, "setup.group": "Phones"}
    told = words(task("exchange", "application", values))
    assert f"az ad app permission add --id '{client_id}'" in told
    assert "Get-DistributionGroup 'Phones'" in told
    assert "Calendars.ReadBasic.All" in told
    hostile = {**values, "exchange.client_id": "'; Remove-Mailbox anna #", "setup.group": "'; Remove-Item x #"}
    assert "Remove-" not in words(task("exchange", "application", hostile))
    ews = words(task("exchange", "application", {**values, "exchange.type": "cloud-ews"}))
    assert "full_access_as_app" in ews


def test_the_right_to_read_is_a_script_for_a_group_that_can_be_run_twice() -> None:
    values = {"exchange.type": "on-premises", "exchange.user": "CORP\\svc", "setup.group": "Phones"}
    [script] = [each.text for each in task("exchange", "right", values).texts if each.name == "script"]
    assert "Get-Group 'Phones'" in script
    assert "-User 'CORP\\svc'" in script
    assert script.count("New-ManagementScope") == script.count("Set-ManagementScope") == 1
    everybody = words(task("exchange", "right", {**values, "setup.group": ""}))
    assert "UserMailbox" in everybody
    assert task("exchange", "right", {**values, "exchange.mode": "free-busy"}).texts == ()
    hostile = {**values, "exchange.user": "x'; Remove-Mailbox", "setup.group": "$(Remove-Item x)"}
    assert "Remove-" not in words(task("exchange", "right", hostile)).replace("members of $(Remove-Item x)", "")


def test_a_wrong_answer_stays_and_is_a_problem_of_its_step() -> None:
    flow = with_answers(Flow(text=""), {**COMPLETE, "pbx.port": "https", "presence.mapping.busy": "occupied"})
    found = problems(flow, values_of(flow), TYPED, read)
    assert [each.key for each in problems_of(step_named("pbx"), values_of(flow), found)] == ["pbx.port"]
    assert [each.key for each in problems_of(step_named("presence"), values_of(flow), found)] == [
        "presence.mapping.busy"
    ]
    assert 'port = "https"' in flow.text


def test_listening_asks_for_other_things_and_says_other_things_to_click() -> None:
    dial, listen = {"pbx.link": "dial"}, {"pbx.link": "listen", "pbx.app": "calendar"}
    assert "pbx.host" in step_named("pbx").keys(dial)
    assert "pbx.host" not in step_named("pbx").keys(listen)

    def ticks(values: Values) -> dict[str, bool]:
        return {each.text: each.tick for each in task("pbx", "app", values).lines if each.tick is not None}

    assert ticks(dial) == {"PBX": True, "TableUsers": True, "Websocket": False}
    assert ticks(listen) == {"PBX": True, "TableUsers": True, "Websocket": True}
    told = words(task("pbx", "app", listen))
    assert "tick Websocket" in told
    assert "Name: calendar" in told


def test_a_check_holds_as_long_as_what_it_depends_on_is_the_same() -> None:
    flow = with_answers(Flow(text=""), COMPLETE)
    for name in ("pbx", "users", "exchange"):
        flow = put_to_test(flow, name)

    def done(changed: Flow) -> set[str]:
        return {name for name in ("pbx", "users", "exchange") if state(changed, name) == "done"}

    assert done(flow) == {"pbx", "users", "exchange"}
    assert done(with_answers(flow, {"presence.show_subject": True})) == {"pbx", "users", "exchange"}
    assert done(with_answers(flow, {"presence.language": "de"})) == {"pbx", "users", "exchange"}
    other = with_answers(flow, {"exchange.server": "internal"})
    assert done(other) == {"pbx", "users"}
    assert state(other, "exchange") == "changed"
    assert done(with_answers(other, {"exchange.server": None})) == {"pbx", "users", "exchange"}
    assert done(with_answers(flow, {}, "exchange.password")) == {"pbx", "users"}
    assert done(with_answers(flow, {"pbx.host": "other"})) == set()
    assert done(answered(flow, {}, own={"setup.user": "anna@corp.example"})) == {"pbx", "users"}
    assert state(put_to_test(flow, "users", well=False), "users") == "failed"
    assert state(with_answers(flow, {"pbx.port": "x"}), "pbx") == "failed"


def test_a_step_without_a_check_is_done_when_somebody_goes_on_from_it() -> None:
    flow = gone_to(Flow(text=""), "site", {}, NOTHING)
    assert state(flow, "site") == "open"
    left = gone_to(flow, "next", values_of(flow), NOTHING)
    assert (left.step, state(left, "site")) == ("users", "open")  # nobody has chosen the language
    assert state(with_answers(left, {"presence.language": "en"}), "site") == "done"


def test_a_check_needs_only_the_answers_of_its_step_and_those_it_needs() -> None:
    flow = with_answers(Flow(text=""), {"pbx.master": "m", "pbx.host": "h", "presence.horizon_hours": 10})
    flow = with_answers(flow, {"presence.mapping.busy": "nonsense", "exchange.user": "CORP\\svc"})
    chosen = read(tried(flow.text, values_of(flow), step_named("pbx")))
    assert (chosen.pbx.master, chosen.presence.horizon_hours) == ("m", None)
    flow = with_answers(flow, {**COMPLETE, "exchange.server": "internal"})
    assert read(tried(flow.text, values_of(flow), step_named("exchange"))).exchange.user == "svc@corp.example"
    with pytest.raises(KeyError):
        gone_to(flow, "nowhere", values_of(flow), NOTHING)


def test_pages_come_and_go_with_the_answers() -> None:
    flow = with_answers(Flow(text="", step="exchange", page="account"), COMPLETE)
    assert place_of(flow, values_of(flow), NOTHING)[1].name == "account"
    cloud = with_answers(flow, {"exchange.type": "cloud-graph"})
    assert place_of(cloud, values_of(cloud), NOTHING)[1].name == "kind"
    names = [page.name for _, page in places("all", values_of(cloud), NOTHING)]
    assert "application" in names
    assert "right" not in names
    assert "certificate" not in names
    found = frozenset({"pbx.fingerprint"})
    assert ("pbx", "certificate") in [(step.name, page.name) for step, page in places("all", {}, found)]


@pytest.mark.parametrize("kind", [kind for kind in FLOWS if kind != "all"])
def test_a_flow_of_one_step_visits_that_alone(kind: Any) -> None:
    flow = begun('[pbx]\nmaster = "m"\nhost = "h"\n[exchange]\ntype = "on-premises"\nuser = "s@c.example"\n', kind)
    step, page = place_of(flow, values_of(flow), NOTHING)
    assert (step.name, page.name) in {(each.name, one.name) for each, one in places(kind, values_of(flow), NOTHING)}
    assert step.name != "start"
    last = flow
    for _ in range(20):
        last = gone_to(last, "next", values_of(last), NOTHING)
    assert last.step in {each.split("/")[0] for each in FLOWS[kind].places}
    if kind == "graph":
        assert values_of(flow)["exchange.type"] == "cloud-graph"
    if kind == "password":
        assert page.keys(values_of(flow)) == ("exchange.password",)


PLAIN = st.one_of(
    st.booleans(), st.integers(-9, 70000), st.text(max_size=12), st.lists(st.text(max_size=5), max_size=3).map(tuple)
)


class AnyOrder(RuleBasedStateMachine):
    """Goes back and forth and answers anything, right or wrong, and always has every last answer."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = Flow(text="# by hand\n[engine]\ndry_run = true  # for now\n")
        self.typed: dict[str, Any] = {"engine.dry_run": True}
        self.own: dict[str, str] = {}

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
        self.flow = gone_to(self.flow, name, values_of(self.flow), NOTHING)

    @rule(step=st.sampled_from(STEPS), well=st.booleans())
    def check(self, step: Step, well: bool) -> None:
        self.flow = put_to_test(self.flow, step.name, well=well)

    @rule(key=st.sampled_from(OWN_KEYS), text=st.text(max_size=5))
    def answer_own(self, key: str, text: str) -> None:
        self.flow = answered(self.flow, {}, own={key: text})
        self.own[key] = text

    @rule(name=st.sampled_from(SECRETS))
    def type_secret(self, name: str) -> None:
        self.flow = with_answers(self.flow, {}, name)

    @rule()
    def start_the_engine_again(self) -> None:
        self.flow = msgspec.json.decode(msgspec.json.encode(self.flow), type=Flow)

    @invariant()
    def every_last_answer_is_there(self) -> None:
        found = {each.key: each.after for each in differences("", self.flow.text)}
        assert found == self.typed
        assert self.flow.own == {key: text for key, text in self.own.items() if text}

    @invariant()
    def somebody_is_at_a_page_of_the_flow(self) -> None:
        values = values_of(self.flow)
        assert place_of(self.flow, values, NOTHING) in places("all", values, NOTHING)

    def teardown(self) -> None:
        """It can say what is wrong, and leaves what is not its own."""
        assert self.flow.text.startswith("# by hand\n")
        problems(self.flow, values_of(self.flow), (), read)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=20, stateful_step_count=12)


@pytest.mark.parametrize("name", TYPED)
def test_a_secret_is_known_by_its_name_alone(name: str) -> None:
    flow = with_answers(Flow(text=""), COMPLETE, name)
    assert flow == replace(with_answers(Flow(text=""), COMPLETE), typed={name: 1})
    assert name not in missing(flow, name)
