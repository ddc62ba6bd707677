"""The settings file as a whole: its meaning, and that all its problems are reported at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_snapshot.plugin import Snapshot

from engine.core.errors import Fault
from engine.core.presence import DEFAULT_MAPPING, AppointmentKind, Target
from engine.core.users import UserFilter, UserSelection
from engine.settings.clouds import graph_root
from engine.settings.keys import KEYS, SECTIONS, TABLES
from engine.settings.model import (
    CLOUD_EWS_END,
    ClearWith,
    ClusterSettings,
    ExchangeType,
    NodeRole,
    ResolveWith,
    ServerChoice,
    SiteSettings,
    halves_of,
)
from engine.settings.problems import InvalidSetting, SettingsInvalid
from engine.settings.reader import read_settings

VIENNA = ZoneInfo("Europe/Vienna")
MINIMAL = """\
[pbx]
master = "master"
host = "pbx.example.com"
[exchange]
type = "on-premises"
user = "svc@example.com"
"""


def read(text: str) -> SiteSettings:
    return read_settings(text, default_zone=VIENNA)


def problems(text: str) -> list[InvalidSetting]:
    with pytest.raises(SettingsInvalid) as refusal:
        read(text)
    return list(refusal.value.problems)


def only(text: str) -> InvalidSetting:
    (problem,) = problems(text)
    return problem


def test_four_keys_are_enough_and_the_rest_has_its_default() -> None:
    settings = read(MINIMAL)
    assert (settings.pbx.master, settings.pbx.host, settings.pbx.port) == ("master", "pbx.example.com", 443)
    assert (settings.exchange.type, settings.exchange.user) == (ExchangeType.ON_PREMISES, "svc@example.com")
    assert settings.pbx.users == UserSelection()
    assert settings.presence.timezone is VIENNA
    assert settings.presence.mapping == DEFAULT_MAPPING
    assert settings.presence.horizon_hours is None
    assert not settings.engine.dry_run


def test_every_kind_of_value_reaches_its_place() -> None:
    settings = read(
        """
        presence.mapping.oof = "dnd"
        presence.mapping.no_data = "busy"
        presence.timezone = "Europe/Berlin"
        presence.priority_words = ["urgent", "wichtig"]
        presence.horizon_hours = 4
        engine = { dry_run = true, state_dir = "/srv/state" }
        [pbx]
        master = "master"
        host = "pbx.example.com"
        clear = "omit"
        writes_per_second = 2
        [pbx.users]
        hidden = false
        include = { names = ["a*"], groups = ["sales", "support"] }
        exclude.templates = ["Room"]
        [exchange]
        type = "on-premises"
        user = 'CORP\\svc'
        channel_binding = "off"
        ews_url = "https://mail.example.com/EWS/Exchange.asmx"
        server = "internal"
        resolve_with = "candidates"
        """
    )
    assert settings.presence.mapping == {
        **DEFAULT_MAPPING,
        AppointmentKind.OOF: Target.DND,
        AppointmentKind.NO_DATA: Target.BUSY,
    }
    assert settings.presence.timezone == ZoneInfo("Europe/Berlin")
    assert settings.presence.priority_words == ("urgent", "wichtig")
    assert settings.presence.horizon_hours == 4.0
    assert (settings.engine.dry_run, settings.engine.state_dir) == (True, Path("/srv/state"))
    assert (settings.pbx.clear, settings.pbx.writes_per_second) == (ClearWith.OMIT, 2.0)
    assert settings.pbx.users == UserSelection(
        hidden=False,
        include=UserFilter(names=("a*",), groups=("sales", "support")),
        exclude=UserFilter(templates=("Room",)),
    )
    assert (settings.exchange.user, settings.exchange.channel_binding) == (r"CORP\svc", False)
    assert (settings.exchange.server, settings.exchange.resolve_with) == (ServerChoice.INTERNAL, ResolveWith.CANDIDATES)


def test_all_users_is_the_word_all() -> None:
    assert read(MINIMAL.replace("[exchange]", 'users = "all"\n[exchange]')).pbx.users == UserSelection()


def test_dos_line_ends_do_no_harm() -> None:
    assert read(MINIMAL.replace("\n", "\r\n")) == read(MINIMAL)


WRONG = r"""
[pbx]
prot = 443
tls = "yes"
host = "https://pbx"
link = "listn"
certificate_key = "/key.pem"
listen_address = "eth0"
writes_per_second = nan
clear = "emty"
presence_contact = "tel:"
users = { hidden = 1, include = { names = ["a", 3,
  ""], nods = ["x"] } }
password = "hunter2"
language = "de"
[presence]
timezone = "europe/berln"
language = 1
horizon_hours = 49
mapping.busy = "dindg"
mapping.holiday = "away"
priority_words = "abc"
show-subject = true
tentative_exception_organizer = "office"
[exchange]
type = "on-premises"
user = 'CORP\svc'
ca_file = "ca.pem"
ews-url = "https://svc:hunter2@mail.example.com"
mode = "freebusy"
[debuglog]
ews = true
[[engine]]
dry_run = true
"""


CLOUD = """
[pbx]
master = "master"
host = "pbx.example.com"
[exchange]
type = "cloud-ews"
tenant_id = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
client_id = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
"""


def test_the_cloud_needs_an_application_instead_of_a_user() -> None:
    exchange = read(CLOUD).exchange
    assert (exchange.type, exchange.user, exchange.ews_url) == (ExchangeType.CLOUD_EWS, "", None)
    without = "\n".join(line for line in CLOUD.splitlines() if "_id" not in line)
    assert {problem.key for problem in problems(without)} == {"exchange.tenant_id", "exchange.client_id"}


@pytest.mark.parametrize(("given", "missing"), [("certificate", "certificate_key"), ("certificate_key", "certificate")])
def test_a_certificate_needs_its_key_and_the_other_way_round(given: str, missing: str) -> None:
    [problem] = problems(f'{CLOUD}{given} = "/etc/app.pem"\n')
    assert problem.key == f"exchange.{missing}"


def test_cloud_ews_ends_on_its_day_and_says_what_to_do() -> None:
    day_before = CLOUD_EWS_END - timedelta(days=1)
    assert read_settings(CLOUD, default_zone=VIENNA, today=day_before).exchange.type is ExchangeType.CLOUD_EWS
    with pytest.raises(SettingsInvalid) as refusal:
        read_settings(CLOUD, default_zone=VIENNA, today=CLOUD_EWS_END)
    [problem] = refusal.value.problems
    assert (problem.key, problem.line) == ("exchange.type", 6)
    assert "2027-04-01" in problem.reason
    assert "cloud-graph" in problem.remedy


GRAPH = CLOUD.replace("cloud-ews", "cloud-graph")
HYBRID = CLOUD.replace("cloud-ews", "hybrid")
CHINA = 'authority = "https://login.partner.microsoftonline.cn"\n'
US = 'authority = "https://login.microsoftonline.us/"\n'


def test_graph_needs_an_application_and_may_read_free_busy() -> None:
    exchange = read(f'{GRAPH}mode = "free-busy"\n').exchange
    assert (exchange.type, exchange.quiet_factor) == (ExchangeType.CLOUD_GRAPH, 5)
    without = "\n".join(line for line in GRAPH.splitlines() if "_id" not in line)
    assert {problem.key for problem in problems(without)} == {"exchange.tenant_id", "exchange.client_id"}


def test_both_kinds_of_exchange_need_what_each_needs() -> None:
    settings = read(f'{HYBRID}user = "svc@corp.example"\nproxy = "http://proxy.example.com:3128"\n')
    own_servers, online = (half.exchange for half in halves_of(settings))
    assert (own_servers.type, own_servers.user, own_servers.proxy) == (
        ExchangeType.ON_PREMISES,
        "svc@corp.example",
        None,
    )
    assert (online.type, online.proxy) == (ExchangeType.CLOUD_GRAPH, "http://proxy.example.com:3128")
    without = "\n".join(line for line in HYBRID.splitlines() if "_id" not in line)
    missing = {"exchange.user", "exchange.tenant_id", "exchange.client_id"}
    assert {problem.key for problem in problems(without)} == missing
    of_graph = problems(f'{HYBRID}user = "svc@corp.example"\npoll_seconds = 10\n')
    assert [problem.key for problem in of_graph] == ["exchange.poll_seconds"]


@pytest.mark.parametrize(
    ("lines", "reason", "remedy"),
    [
        (
            f'{CHINA}graph_url = "https://graph.microsoft.com"\n',
            "is of the worldwide cloud, but the tokens come from the cloud in China",
            'Write authority = "https://login.microsoftonline.com", or the graph_url of that cloud.',
        ),
        (
            'graph_url = "https://graph.svc.sovcloud.de/v1.0"\n',
            "is of Delos, but the tokens come from login.microsoftonline.com",
            'Write authority = "https://login.sovcloud-identity.de", or the graph_url of that cloud.',
        ),
    ],
)
def test_a_graph_of_another_cloud_than_its_tokens_is_refused(lines: str, reason: str, remedy: str) -> None:
    problem = only(GRAPH + lines)
    assert (problem.key, problem.reason, problem.remedy) == ("exchange.graph_url", reason, remedy)


@pytest.mark.parametrize(
    ("lines", "root"),
    [
        ("", "https://graph.microsoft.com"),
        (CHINA, "https://microsoftgraph.chinacloudapi.cn"),
        (US, "https://graph.microsoft.us"),
        (f'{US}graph_url = "https://dod-graph.microsoft.us/"\n', "https://dod-graph.microsoft.us"),
        ('graph_url = "https://localhost:8443"\n', "https://localhost:8443"),
        (f'{CHINA}graph_url = "https://localhost"\n', "https://localhost"),
    ],
)
def test_where_graph_is_follows_from_the_log_in_service(lines: str, root: str) -> None:
    exchange = read(GRAPH + lines).exchange
    assert graph_root(exchange.authority, exchange.graph_url) == root


def test_a_cloud_whose_graph_knows_no_calendars_is_refused() -> None:
    problem = only(GRAPH + 'authority = "https://login.sovcloud-identity.sg"\n')
    assert (problem.key, problem.reason) == (
        "exchange.authority",
        "is of GovSG, where Microsoft Graph has no calendars",
    )


def test_an_unknown_log_in_service_needs_the_url_of_its_graph() -> None:
    assert only(GRAPH + 'authority = "https://login.example.com"\n').key == "exchange.graph_url"


def test_without_a_cluster_an_engine_works_alone_and_with_one_it_needs_a_database() -> None:
    assert read(MINIMAL).cluster.database == ""
    assert read(f"{MINIMAL}[cluster]\n") == read(MINIMAL)
    url = "postgresql://me@db.example.com/calendar"
    cluster = read(f'{MINIMAL}[cluster]\ndatabase = "{url}"\nrole = "standby"\n').cluster
    assert cluster == ClusterSettings(database=url, role=NodeRole.STANDBY)
    assert only(f'{MINIMAL}[cluster]\nnode = "a"\n').key == "cluster.database"
    secret = only(f'{MINIMAL}[cluster]\ndatabase = "{url}"\npassword = "hunter2"\n')
    assert (secret.key, "hunter2" in str(secret)) == ("cluster.password", False)


def test_graph_is_asked_every_half_minute_at_most() -> None:
    problem = only(f"{GRAPH}poll_seconds = 29\n")
    assert (problem.key, "30 seconds" in problem.reason) == ("exchange.poll_seconds", True)
    assert read(CLOUD + "poll_seconds = 29\n").exchange.poll_seconds == 29


def test_quiet_hours_may_be_written_in_several_ways() -> None:
    written = read(f'{GRAPH}quiet_hours = ["8:00 - 9:00", "Sun"]\n').exchange.quiet_hours
    assert written == ("08:00-09:00", "sunday")
    assert read(f"{GRAPH}quiet_hours = []\n").exchange.quiet_hours == ()


def test_free_busy_impersonates_nobody() -> None:
    [problem] = problems(f'{CLOUD}mode = "free-busy"\n')
    assert problem.key == "exchange.mode"
    [problem] = problems(f'{MINIMAL}mode = "free-busy"\nresolve_with = "candidates"\n')
    assert problem.key == "exchange.resolve_with"


def test_every_mistake_is_told_at_once_with_its_line(snapshot: Snapshot) -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        read_settings(WRONG, default_zone=VIENNA, source="/etc/calendar-engine.toml")
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.fault is Fault.SETTINGS
    assert "\n" not in str(refusal.value)
    lines = (f"  {problem}\n" for problem in refusal.value.problems)
    snapshot.assert_match(f"{refusal.value.meaning}: {refusal.value.source}\n{''.join(lines)}", "every_mistake.txt")


def test_an_empty_file_lacks_what_is_mandatory() -> None:
    assert [(each.key, each.line, each.reason) for each in problems("")] == [
        ("pbx.master", None, "is missing"),
        ("exchange.type", None, "is missing"),
        ("pbx.host", None, "is missing"),
    ]


def test_a_missing_key_is_told_with_the_line_of_its_table() -> None:
    problem = only(MINIMAL.replace('user = "svc@example.com"', ""))
    assert (problem.key, problem.line) == ("exchange.user", 4)


def test_a_wrong_value_is_not_missing_too() -> None:
    assert only(MINIMAL.replace('"pbx.example.com"', "1")).reason == "must be text, not a whole number"
    assert only(MINIMAL.replace('"on-premises"', '"premises"')).key == "exchange.type"
    assert only(MINIMAL.replace("[exchange]", 'link = "lisn"\n[exchange]').replace("host", "#")).key == "pbx.link"


def test_a_table_that_is_a_value_does_not_lack_its_keys_too() -> None:
    assert only('pbx = 1\nexchange = {type = "on-premises", user = "svc@example.com"}').key == "pbx"


def test_a_value_that_should_be_a_table_and_the_other_way_round() -> None:
    assert only(MINIMAL + "[exchange.auth]\nx = 1").reason == "must be a value, not a table"
    assert only(MINIMAL + "[[presence]]\nlanguage = 'de'").reason == "must be a table, not a list"


@pytest.mark.parametrize("address", ["autodiscover_url", "ews_url"])
def test_a_user_without_a_mail_domain_needs_to_be_told_where_exchange_is(address: str) -> None:
    text = MINIMAL.replace('"svc@example.com"', r"'CORP\svc'")
    problem = only(text)
    assert (problem.key, problem.line) == ("exchange.user", 6)
    assert read(f"{text}{address} = 'https://mail.example.com/x'").exchange.user == r"CORP\svc"
    assert only(f"{text}{address} = 'http://mail.example.com/x'").key == f"exchange.{address}"


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("[pbx2]", "Did you mean pbx?"),
        ("[presence.maping]", "Did you mean presence.mapping?"),
        ("[engine]\nshow_subject = true", "Did you mean presence.show_subject?"),
        ("[engine]\ndry-run = true", "Did you mean engine.dry_run?"),
        ("[engine]\nca_file = '/x'", "Did you mean exchange.ca_file?"),
        ("[presence]\nWrites_per_second = 1", "Did you mean pbx.writes_per_second?"),
        (
            "[engine]\nxyzzy = 1",
            "The keys of [engine] are dry_run, pilots, state_dir, socket, socket_group, metrics_port.",
        ),
        (
            "[debug_log]\nxyzzy = 1",
            "The keys of [debug_log] are ews, pbx, max_megabytes, max_days, subjects, bodies_for_readers",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(line: str, suggestion: str) -> None:
    assert only(MINIMAL + line).remedy.startswith(suggestion)


@pytest.mark.parametrize(
    "key", ["exchange.password", "exchange.proxy_password", "exchange.client_secret", "pbx.Password"]
)
def test_a_secret_in_the_file_is_sent_where_it_belongs_and_not_repeated(key: str) -> None:
    table, name = key.split(".")
    problem = only(MINIMAL.replace(f"[{table}]", f"[{table}]\n{name} = 'hunter2'"))
    assert problem.key == key
    assert problem.remedy == "Move it to the secrets file."
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("text", "line", "reason", "hint"),
    [
        (MINIMAL + "[pbx]", 7, "column 5: this is not TOML: Cannot declare ('pbx',) twice", ""),
        ("\n\na b = 1", 3, "column 3: this is not TOML: ", ""),
        (f"a = {'1' * 5000}", 1, "column 5005: this is not TOML: ", ""),
        ("a = [\n1,\n", 3, "column 1: this is not TOML: ", ""),
        ('[exchange]\nuser = "CORP\\svc"', 2, "column 15: this is not TOML: ", r"'DOMAIN\user'"),
    ],
)
def test_what_is_no_toml_is_told_with_line_and_column(text: str, line: int, reason: str, hint: str) -> None:
    problem = only(text)
    assert problem.line == line
    assert problem.reason.startswith(reason)
    assert hint in problem.remedy


def test_the_rows_are_the_fields_of_the_model() -> None:
    single = {name for name in KEYS if name.count(".") == 1}
    hints = {f"{table}.{field}" for table, model in SECTIONS.items() for field in get_type_hints(model)}
    assert single == hints - {"presence.mapping"}
    assert {name.rpartition(".")[2] for name in KEYS if name.startswith("presence.mapping.")} == set(AppointmentKind)
    assert {name.rpartition(".")[2] for name in KEYS if name.startswith("pbx.users.exclude.")} == set(
        UserFilter.__struct_fields__
    )
    assert set(SECTIONS) <= TABLES


NAMES = sorted({*KEYS, *TABLES, "pbx.prot", "x", "x.y", "presence.mapping.x", "exchange.password"})
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        "1",
        "true",
        '"x"',
        "[]",
        "['a', 1]",
        "{}",
        "1.5",
        "nan",
        "1979-05-27",
        "'a@b.de'",
        "'/x'",
        '"all"',
        '"on-premises"',
    ]
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12))
def test_any_toml_gives_settings_or_named_problems_that_are_on_their_lines(chosen: dict[str, str]) -> None:
    text = "".join(f"{name} = {value}\n" for name, value in chosen.items())
    try:
        settings = read(text)
    except SettingsInvalid as refusal:
        for problem in refusal.problems:
            assert problem.reason
            if problem.key in chosen and problem.line is not None:
                assert text.splitlines()[problem.line - 1].startswith(problem.key)
    else:
        assert settings.pbx.master


@given(st.text(max_size=60) | st.text(alphabet="ab=[]{}.,'\"\\#1 \t\r\n\v\u2028", max_size=30))
def test_any_text_gives_settings_or_a_settings_failure(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        read(text)
