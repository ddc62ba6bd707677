"""The commands `backup` and `restore`, without a running engine."""

import io
import json
from pathlib import Path

import pytest

from engine.cli.main import main

PASSPHRASE = "correct horse battery staple\n"
SETTINGS = """
[pbx]
master = "headquarters"
host = "127.0.0.1"

[engine]
state_dir = "{directory}/state"
socket = "{directory}/engine.sock"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS.format(directory=tmp_path))
    return path


@pytest.mark.slow
def test_a_backup_is_written_once_and_restored_when_told(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: str, typed: str = PASSPHRASE) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main([*arguments, "--settings", str(file)]), *capsys.readouterr()

    backup = tmp_path / "engine.backup"
    assert run("secret", "set", "pbx.password", typed="Tr0ub4dor\n")[0] == 0
    status, _, err = run("backup", str(backup), typed="short\n")
    assert (status, "passphrase" in err, backup.exists()) == (2, True, False)
    status, out, _ = run("backup", "--json", str(backup))
    assert (status, json.loads(out)) == (0, {"file": str(backup), "bytes": backup.stat().st_size})
    assert backup.stat().st_mode & 0o777 == 0o600
    assert b"Tr0ub4dor" not in backup.read_bytes()
    made = backup.read_bytes()
    status, _, err = run("backup", str(backup))
    assert (status, "it exists" in err, backup.read_bytes() == made) == (2, True, True)

    text = file.read_text()
    file.write_text("# gone")
    status, _, err = run("restore", str(backup))
    assert (status, "--replace" in err, file.read_text()) == (2, True, "# gone")
    status, _, err = run("restore", "--replace", str(backup), typed="another passphrase\n")
    assert (status, "passphrase of the backup is wrong" in err, file.read_text()) == (1, True, "# gone")
    status, out, err = run("restore", "--replace", str(backup))
    assert (status, out, file.read_text()) == (0, "", text)
    assert "is in place" in err
    assert json.loads(run("secret", "list", "--json")[1])["secrets"][3]["origin"] == "store"

    status, _, err = run("restore", str(tmp_path / "engine.db"))
    assert (status, "cannot be read" in err) == (2, True)
    status, _, err = run("restore", str(file))
    assert (status, "no backup of calendar-engine" in err) == (2, True)
    status, _, err = run("restore", str(tmp_path / "state" / "engine.db"))
    assert (status, "database is in place" in err) == (0, True)
