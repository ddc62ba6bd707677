"""The commands `cloud certificate` and `cloud tenant`, without an engine and in a process of its own."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from engine.cli.main import main
from tests.support.command import command

pytestmark = pytest.mark.slow

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir(0o700)
    file = tmp_path / "settings.toml"
    file.write_text(
        f'[pbx]\nmaster = "m"\nhost = "pbx.example.com"\n[engine]\nstate_dir = "{state}"\n'
        f'[exchange]\ntype = "cloud-ews"\ntenant_id = "{CLIENT}"\nclient_id = "{CLIENT}"\n'
    )
    return file


def test_it_is_made_shown_renewed_and_removed(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["cloud", "certificate", *arguments, "--settings", str(file)])
        return status, *capsys.readouterr()

    assert "has made no certificate" in run("show")[1]
    assert run("show", "--out", str(tmp_path / "none.pem"))[0] == 2
    out = tmp_path / "public.pem"
    status, told, _ = run("--out", str(out))
    assert status == 0
    assert stat.S_IMODE(out.stat().st_mode) & 0o133 == 0
    certificate = x509.load_pem_x509_certificate(out.read_bytes())
    assert f"{certificate.not_valid_after_utc:%Y-%m-%d}" in told
    assert f"az ad app credential reset --id {CLIENT} --cert @{out} --append" in told
    assert out.read_text() in told
    assert "PRIVATE KEY" not in told + out.read_text()

    before = out.read_bytes()
    status, _, err = run("renew", "--out", str(out))
    assert (status, "File exists" in err) == (2, True)
    assert out.read_bytes() == before
    made: Any = json.loads(run("show", "--json")[1])
    assert [each["state"] for each in made["certificates"]] == ["current", "next"]
    assert "Next certificate" in run("renew")[1]
    assert run("delete")[0] == 0
    assert "has made no certificate" in run("show")[1]


def test_what_is_not_known_of_the_tenant_is_said_as_such(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cloud", "tenant", "--settings", str(file)]) == 0
    told = capsys.readouterr().out
    assert CLIENT in told
    assert told.count("not known: it was not tried") == 6
    assert "calendar-engine probe exchange finds out" in told
    file.write_text(file.read_text().partition("[exchange]")[0])
    assert main(["cloud", "tenant", "--settings", str(file)]) == 0
    assert "name no tenant" in capsys.readouterr().out


@pytest.mark.process
async def test_in_a_process_of_its_own(file: Path) -> None:
    ended = await command("cloud", "certificate", "--json", "--settings", str(file))
    assert ended.status == 0, ended.err
    [made] = json.loads(ended.out)["certificates"]
    again = await command("cloud", "certificate", "show", "--settings", str(file))
    assert made["sha1"] in again.out
    assert made["pem"] in again.out
    (file.parent / "state" / "secrets.key").write_text("not a key\n")
    lost = await command("cloud", "certificate", "show", "--settings", str(file))
    assert lost.status == 2
    assert "The key of the stored secrets cannot be used" in lost.err
    assert made["pem"].splitlines()[1] not in lost.out + lost.err
