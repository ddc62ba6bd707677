"""The settings file of a running engine: edited, unreadable, on a full disk, in other encodings, or a link."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.settings.keys import KEYS
from engine.simulator.company import Company
from engine.store.audit import AuditRecord, AuditTrail
from engine.store.database import Database
from engine.store.errors import StoreUnusable
from engine.supervisor.settings_file import system_zone
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import changes_of, running_service

pytestmark = pytest.mark.few


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Lisbon", "Europe/Lisbon"),
        ("Mars/Olympus", "UTC"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        (__file__, "UTC"),
    ],
)
def test_a_machine_without_a_time_zone_that_can_be_named_has_utc(
    monkeypatch: pytest.MonkeyPatch, zone: str, expected: str
) -> None:
    """One without any at all, such as a small container, is like the second (localtime(5))."""
    monkeypatch.setenv("TZ", zone)
    assert system_zone().key == expected


@pytest.mark.slow
async def test_an_edit_by_hand_is_noticed_and_checked(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    anna = company.world.person("anna.mueller")
    good = company.settings()
    async with running_service(company, clock, tmp_path, good) as served:
        await served.settled()
        served.file.write_text(good.replace("[presence]", '[presence]\nlanguage = "de"'))
        await eventually(lambda: "Beschäftigt" in company.pbx.calendar_presence(anna.guid).note)
        assert (await served.get("/v1/settings"))["version"]["action"] == "edited by hand"

        served.file.write_text(good.replace("[presence]", "[presence]\nlanguage = 7"))
        await eventually(lambda: served.service.file_trouble is not None)
        assert "edit-not-in-force" in await served.concerns()
        settings = await served.get("/v1/settings")
        assert [each["key"] for each in settings["problems"]] == ["presence.language"]
        assert (await served.get("/v1/status"))["state"] == "running"
        assert "Beschäftigt" in company.pbx.calendar_presence(anna.guid).note

        await served.ask("POST", "/v1/settings/rollback")
        assert await served.value("presence.language") == "de"
        assert "edit-not-in-force" not in await served.concerns()

        served.file.unlink()
        await eventually(lambda: served.service.file_trouble is not None)
        assert (await served.get("/v1/status"))["state"] == "running"


@pytest.mark.slow
async def test_an_edit_is_read_when_asked_to_even_if_the_file_looks_the_same(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        served.service.look_soon()
        served.file.unlink()
        await eventually(lambda: served.service.file_trouble is not None)
        assert "edit-not-in-force" in await served.concerns()


async def test_settings_that_cannot_be_written(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        served.service.file.path = Path("/proc/nobody-can-make-this/settings.toml")
        body = {"changes": changes_of(company.settings())}
        status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
        assert (status, problem["type"]) == (500, "settings-unwritable")
        await served.service.begin()
        assert [version.action for version in served.service.versions] == ["found"]


@pytest.mark.slow
async def test_nothing_changes_where_a_change_cannot_be_remembered(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = served.file.read_bytes()

        def full(*_: object) -> None:
            raise StoreUnusable("engine.db: database or disk is full")

        body = {"changes": {"presence.language": "de"}}
        with monkeypatch.context() as disk:
            disk.setattr(Database, "_transact", full)
            status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
            assert (status, problem["type"]) == (422, "store-unusable")
        assert served.file.read_bytes() == before
        assert await served.value("presence.language") != "de"


@pytest.mark.slow
async def test_the_audit_log_survives_a_full_disk(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = AuditTrail.add
    refused: list[int] = []

    async def full(self: AuditTrail, records: Sequence[AuditRecord]) -> None:
        refused.append(len(records))
        raise StoreUnusable("engine.db: database or disk is full")

    async with running_service(company, clock, tmp_path, company.settings()) as served:
        monkeypatch.setattr(AuditTrail, "add", full)
        await served.change({"presence.language": "de"})
        await eventually(lambda: refused == [1])
        monkeypatch.setattr(AuditTrail, "add", add)
        await served.change({"presence.language": "fr"})
    async with running_service(company, clock, tmp_path, None) as served:
        assert len((await served.get("/v1/audit"))["entries"]) == 2


async def test_a_file_that_cannot_be_read_is_not_overwritten(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    content = (company.settings() + "# Gruß vom Vorgänger\n").encode("latin-1")
    async with running_service(company, clock, tmp_path, "") as served:
        served.file.write_bytes(content)
        body = {"changes": changes_of(company.settings())}
        status, problem = await served.ask("PATCH", "/v1/settings", body, If_Match="*")
        assert (status, problem["type"]) == (422, "settings-unreadable")
        _, check = await served.ask("POST", "/v1/settings/check", body)
        assert check["trouble"]["type"] == "settings-unreadable"
        assert served.file.read_bytes() == content


@pytest.mark.slow
async def test_a_file_with_a_byte_order_mark_can_be_changed(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, "\ufeff" + company.settings()) as served:
        await served.settled()
        await served.change({"presence.language": "de"})
        assert await served.value("presence.language") == "de"
        assert not served.file.read_bytes().startswith(b"\xef\xbb\xbf")


async def test_mode_and_symbolic_links_stay(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        real = tmp_path / "real.toml"
        served.file.rename(real)
        real.chmod(0o600)
        served.file.symlink_to(real)
        await served.change({"presence.language": "de"})
        assert served.file.is_symlink()
        assert stat.S_IMODE(real.stat().st_mode) == 0o600
        assert 'language = "de"' in real.read_text()
        assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


async def test_every_setting_has_its_form(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        settings = {each["key"]: each for each in (await served.get("/v1/settings"))["settings"]}
    assert set(settings) == set(KEYS)
    assert all(each["help"] for each in settings.values())
    port = settings["pbx.port"]
    assert (port["kind"], port["low"], port["high"], port["default"]) == ("whole number", 1, 65535, 443)
    assert (port["value"], port["origin"], port["effect"], port["restarts"]) == (
        company.pbx.port,
        "file",
        "PBX link",
        True,
    )
    assert settings["presence.mapping.busy"]["words"] == ["available", "busy", "away", "dnd", "ignore"]
    assert settings["exchange.ews_url"]["origin"] == "none"
