"""The settings of one machine and those that engines share: told apart, and put together again."""

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.settings.keys import KEYS
from engine.settings.local_keys import check_local_file, combined, is_local, local_part, shared_part, without_cluster
from engine.settings.problems import SettingsInvalid
from engine.settings.reader import read_settings

TEXT = """\
# Of the company.
[pbx]
master = "master"  # one of two
link = "listen"
listen_port = 8444
listen_names = ["a.example.com"]
users = "all"

[presence.mapping]
busy = "dnd"

[exchange]
type = "cloud-graph"
tenant_id = "00000000-0000-0000-0000-000000000000"
client_id = "00000000-0000-0000-0000-000000000000"
client_secret_expires = 2027-11-30

[engine]
dry_run = true
socket_group = "admins"

[cluster]
database = "postgresql://db.example.com/calendar"
node = "a"
"""


def test_the_keys_of_a_machine_are_those_of_the_protocol() -> None:
    assert [key for key in KEYS if is_local(key)] == [
        "pbx.listen_address",
        "pbx.listen_port",
        "pbx.listen_path",
        "pbx.listen_names",
        "pbx.certificate",
        "pbx.certificate_key",
        "pbx.ca_file",
        "exchange.certificate",
        "exchange.certificate_key",
        "engine.state_dir",
        "engine.socket",
        "engine.socket_group",
        "engine.metrics_port",
        "cluster.database",
        "cluster.node",
        "cluster.role",
        "cluster.lease_seconds",
        "cluster.shards",
    ]


def test_what_is_told_apart_makes_the_same_settings_when_it_is_put_together() -> None:
    local, shared = local_part(TEXT), shared_part(TEXT)
    assert "# one of two" in shared
    assert "listen_port" not in shared
    assert "master" not in tomllib.loads(local)["pbx"]
    check_local_file(local, "file")
    together = combined(local, shared)
    assert tomllib.loads(together) == tomllib.loads(TEXT)
    assert read_settings(together, default_zone=ZoneInfo("UTC")).pbx.listen_port == 8444

    # Each says only what it has a say in, as a text from before the engine had joined others.
    assert tomllib.loads(combined(local, TEXT.replace("8444", "1"))) == tomllib.loads(TEXT)
    assert read_settings(combined("this is no TOML", shared), default_zone=ZoneInfo("UTC")).cluster.database == ""


def test_the_example_file_is_told_apart_with_its_comments() -> None:
    example = (Path(__file__).parents[2] / "packaging" / "calendar-engine.toml").read_text()
    assert shared_part(example) == example
    local = local_part(example)
    check_local_file(local, "file")
    assert [line for line in example.splitlines() if line not in local.splitlines()] == [
        'master = "master"',
        'host = "pbx.example.com"',
        'type = "on-premises"',
        'user = "calendar-sync@example.com"',
    ]


def test_a_shared_key_in_the_file_is_told_with_its_line_and_its_remedy() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        check_local_file('[engine]\nsocket = 7\npilots = 8\n[pbx]\nhots = "a"\nusers.hidden = false\n', "file")
    assert [(each.key, each.line) for each in refused.value.problems] == [
        ("engine.socket", 2),
        ("engine.pilots", 3),
        ("pbx.hots", 5),
        ("pbx.users.hidden", 6),
    ]
    assert str(refused.value.problems[1]) == (
        "line 3: engine.pilots is the same for all engines, and not read from this file. Remove it here, as "
        "calendar-engine cluster join does; calendar-engine config set engine.pilots changes it for all."
    )
    with pytest.raises(SettingsInvalid, match="this is not TOML"):
        check_local_file("[engine", "file")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ('[engine]\nsocket = "/s"\n\n[cluster]  # new\nnode = "a"\n', '[engine]\nsocket = "/s"\n\n'),
        ('[cluster]\nnode = "a"\n\n[pbx]\n', "[pbx]\n"),
        ('[cluster]\n# on the other machine: b\nnode = "a"\n', "[cluster]\n# on the other machine: b\n"),
        ('cluster.node = "a"\n[pbx]\n', "[pbx]\n"),
        ('[pbx]\nhost = """\n[cluster]\n[x]"""\n', '[pbx]\nhost = """\n[cluster]\n[x]"""\n'),
    ],
)
def test_the_table_of_the_cluster_is_removed_with_its_head(text: str, rest: str) -> None:
    assert without_cluster(text) == rest
