"""A backup of a running service, restored elsewhere: everything is there again, and nothing is sent twice."""

from pathlib import Path
from typing import Any

import pytest

from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.daemon.restore import restore
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.store.backup import Backup, opened
from engine.supervisor.settings_file import SettingsFile
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

PASSPHRASE = "correct horse battery staple"


async def backup_of(served: ServedService) -> Backup:
    async with served.session().post("/v1/backup", json={"passphrase": PASSPHRASE}) as response:
        assert response.status == 200, await response.text()
        return opened(await response.read(), Secret(PASSPHRASE))


def restored(backup: Backup, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Restore it on a new machine, and return its directory."""
    (directory / "etc").mkdir(parents=True)
    monkeypatch.setenv("STATE_DIRECTORY", str(directory / "state"))
    restore(backup, SettingsFile(directory / "etc" / "calendar-engine.toml"), None, replace=False)
    return directory


def presences(company: Company) -> dict[str, Presence]:
    return {user.guid: company.pbx.calendar_presence(user.guid) for user in company.pbx.users}


async def at_rest(served: ServedService) -> None:
    """Wait until the PBX shows what is right, and nothing is under way any more."""
    await served.settled()
    await quiescence()
    await served.settled()


async def versions(served: ServedService) -> Any:
    return (await served.get("/v1/settings/history"))["versions"]


async def test_everything_is_there_again_and_no_presence_is_repeated(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    async with running_service(company, clock, tmp_path / "old", company.settings()) as served:
        await served.settled()
        await served.change({"presence.language": "de"})
        assert (await served.ask("POST", "/v1/setup", {}))[0] < 300
        backup = await backup_of(served)
        history, audit = await versions(served), (await served.get("/v1/audit"))["entries"]
        assert audit[0]["action"] == "backup"
        assert PASSPHRASE not in str(audit)
        # Presences go on changing after the backup: what it says about them is not true any more.
        await clock.advance(3 * 3600)
        await at_rest(served)
    text = (tmp_path / "old" / "etc" / "calendar-engine.toml").read_text()
    assert {name: each.value.reveal() for name, each in backup.secrets.items()} == {
        "exchange.password": EXCHANGE_PASSWORD.reveal(),
        "pbx.password": PBX_PASSWORD.reveal(),
    }
    written, shown = len(company.pbx.ledger.writes), presences(company)
    assert written

    directory = restored(backup, tmp_path / "new", monkeypatch)
    async with running_service(company, clock, directory, None, with_secrets=False) as served:
        await at_rest(served)
        for write in company.pbx.ledger.writes[written:]:
            assert shown[write.guid] != Presence(write.activity or "", write.note or "")
            shown[write.guid] = Presence(write.activity or "", write.note or "")
        assert await versions(served) == history
        assert (await served.get("/v1/audit"))["entries"] == audit
        assert (await served.get("/v1/setup"))["flow"] == "all"
        await clock.advance(24 * 3600)
        await served.settled()
        assert len(company.pbx.ledger.writes) > written
    assert (directory / "etc" / "calendar-engine.toml").read_text() == text
    on_disk = b"".join(each.read_bytes() for each in directory.rglob("*") if each.is_file())
    assert EXCHANGE_PASSWORD.reveal().encode() not in on_disk
    assert PBX_PASSWORD.reveal().encode() not in on_disk
    assert not (directory / "state" / "restore.pending").exists()


async def test_a_passphrase_that_is_easily_guessed_is_refused(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        for passphrase in ("", "too short", "two\nlines and more"):
            status, answer = await served.ask("POST", "/v1/backup", {"passphrase": passphrase})
            assert (status, answer["fields"][0]["pointer"]) == (400, "/passphrase")
