"""What each released version left on a disk is understood by this one: settings, database, secrets and backups.

tests/fixtures holds what those versions wrote and read; it never changes. tests/store/test_upgrade.py has more about
databases.
"""

import shutil
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.core.secret import Secret
from engine.daemon.daemon import Installation, open_installation
from engine.daemon.restore import restore
from engine.settings.keys import KEYS
from engine.settings.reader import collect, dotted, leaves, read_settings
from engine.store.backup import opened
from engine.store.database import MIGRATIONS
from engine.store.presence import AcknowledgedPresences
from engine.store.settings_history import SettingsHistory
from engine.supervisor.settings_file import SettingsFile
from engine.sync.clocks import SystemClock
from tests.store.test_upgrade import GUID, KNOWN, written_by

FIXTURES = Path(__file__).parents[1] / "fixtures"
SETTINGS = {int(path.stem.removeprefix("schema-")): path for path in (FIXTURES / "settings").iterdir()}
"""A settings file with all keys of a version, none at its default, by the schema of the database beside it."""

SAME_AS_DEFAULT = {"exchange.mode"}
"""Its other value contradicts further keys."""


@pytest.mark.parametrize("path", SETTINGS.values(), ids=lambda path: path.stem)
def test_settings_have_the_effect_that_they_had(path: Path) -> None:
    text = path.read_text()
    read_settings(text, default_zone=ZoneInfo("UTC"))
    values = collect(tomllib.loads(text)).values
    for place, written in leaves(tomllib.loads(text)):
        key = KEYS[dotted(place)]
        assert values[key.name] == (tuple(map(key.parse, written)) if key.many else key.parse(written))
        assert (values[key.name] == key.default) is (key.name in SAME_AS_DEFAULT), key.name


async def what_is_known(found: Installation) -> tuple[str, int, bool]:
    """Return the password of the PBX, the number of versions of the settings, and whether the stored presence ends when
    it should; which one it is, is in doubt after a restore."""
    record = (await AcknowledgedPresences(found.database).load())[GUID]
    return (
        (await found.sources.known())["pbx.password"].reveal(),
        len(await SettingsHistory(found.database).versions()),
        record.expires == KNOWN.expires,
    )


@pytest.mark.parametrize("schema", range(1, len(MIGRATIONS) + 1))
async def test_an_installation_of_each_version_goes_on(tmp_path: Path, schema: int) -> None:
    state, settings = tmp_path / "state", tmp_path / "settings.toml"
    state.mkdir(mode=0o700)
    written_by(schema, state)
    for name in ("secrets.enc", "secrets.key"):
        shutil.copy(FIXTURES / "secrets" / name, state)
    text = SETTINGS[max(number for number in SETTINGS if number <= schema)].read_text()
    settings.write_text(text)
    async with open_installation(settings, None, {}, SystemClock(), state) as found:
        assert await what_is_known(found) == ("Tr0ub4dor", 2 if schema >= 2 else 0, True)
        assert found.given.dry_run
    assert settings.read_text() == text


async def test_a_backup_of_each_format_can_be_restored(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.toml")
    for path in (FIXTURES / "backups").iterdir():
        backup = opened(path.read_bytes(), Secret("correct horse battery staple"))
        assert backup.settings is not None
        moved = backup.settings.replace("/srv/calendar/state", str(tmp_path / "state"))
        (tmp_path / "state").mkdir(mode=0o700)
        state = restore(msgspec.structs.replace(backup, settings=moved), file, None, replace=True)
        async with open_installation(file.path, None, {}, SystemClock()) as found:
            assert await what_is_known(found) == ("Tr0ub4dor", 2, True)
        assert (state / "setup.json").exists()
