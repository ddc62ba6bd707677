"""What expires soon is a concern in the status and in the log, as seen on the connections that are made anyway."""

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.expiry import (
    Expiries,
    Expiring,
    ExpiryWarning,
    ListeningCertificateExpires,
    PbxCertificateExpires,
)
from engine.daemon.log_messages import log
from engine.server import convert
from engine.simulator.company import Company
from engine.simulator.world import World, corp_world
from engine.sync.events import ConcernArose, ConcernOver, Event, ListeningForPbx, Side
from engine.sync.expiry_watch import LOOK, ExpiryWatch
from engine.sync.problems import problems
from engine.tls.self_signed import self_signed
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import Site, running_engine
from tests.sync.test_listen import listening_engine

DAY = timedelta(days=1)
HOSTS = ("mail.corp.example", "autodiscover.corp.example", "localhost")
EWS_URL = "https://mail.corp.example/EWS/Exchange.asmx"


@pytest.fixture
def world() -> World:
    """A day on which the certificates of today's simulators end, if they are told so."""
    return corp_world(date(2035, 3, 5))


async def test_each_threshold_is_reported_once_and_the_end_of_it(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pauses, events = ManualClock(), list[Event]()
    expiries, now = Expiries(clock), clock.now()
    expiries.note(Expiring.PBX_CERTIFICATE, now + 31 * DAY, "pbx:443")

    async def days_pass(days: int) -> list[str]:
        events.clear()
        for _ in range(days):
            await clock.advance(DAY.total_seconds())
            await pauses.advance(LOOK.total_seconds())
        return [each.failure.meaning.removeprefix("The PBX certificate ") for each in arisen(events)]

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(ExpiryWatch(expiries, pauses, events.append).run())
        assert await days_pass(10) == ["expires in 30 days"]
        assert await days_pass(10) == ["expires in 14 days"]
        assert await days_pass(10) == ["expires in 3 days"]
        assert await days_pass(10) == ["has expired"]
        expiries.note(Expiring.PBX_CERTIFICATE, clock.now() + 400 * DAY, "pbx:443")
        assert await days_pass(1) == []
        assert [type(each) for each in events] == [ConcernOver]
        watching.cancel()
    for event in events:
        log(event)
    assert "has expired" in caplog.text


@pytest.mark.slow
async def test_the_certificates_of_pbx_and_exchange(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    company.pbx.tls = company.authority.issue("127.0.0.1", ends=clock.now() + 2 * DAY).context
    async with company:
        await company.exchange.show_certificate(company.authority.issue(*HOSTS, ends=clock.now() + 13 * DAY))
        async with running_engine(company, clock, tmp_path, {"exchange": {"ews_url": EWS_URL}}) as site:
            await site.settled()
            assert titles(site) == {
                "The Exchange certificate expires in 13 days",
                "The PBX certificate expires in 2 days",
            }
            [pbx] = [each for each in site.engine.status().expiring if isinstance(each, PbxCertificateExpires)]
            assert f"127.0.0.1:{company.pbx.port}: {clock.now() + 2 * DAY:%Y-%m-%d}" in pbx.detail
            await site.happens(ConcernArose, lambda each: each.side is Side.PBX)
            await site.happens(ConcernArose, lambda each: each.side is Side.EXCHANGE)
            picture, now = site.engine.status(), clock.now()
            concerns = tuple(map(convert.concern, problems(picture)))
            shown = convert.status(picture, concerns, now, now, site.engine.timezone)
            assert {each.trouble.type for each in shown.concerns} >= {
                "exchange-certificate-expires",
                "pbx-certificate-expires",
            }
            assert {each.what for each in shown.expiries} == {"PBX certificate", "Exchange certificate"}

            company.pbx.tls = company.authority.issue("127.0.0.1", ends=clock.now() + 400 * DAY).context
            await company.pbx.stop()
            await company.pbx.start()
            await company.exchange.show_certificate(company.authority.issue(*HOSTS, ends=clock.now() + 400 * DAY))
            await site.pass_time(minutes=15)
            await eventually(lambda: titles(site) == set())
            await eventually(lambda: len([each for each in site.events if isinstance(each, ConcernOver)]) == 2)


@pytest.mark.slow
async def test_the_certificate_that_is_presented_to_the_pbx(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    file = tmp_path / "listen.pem"
    made = {"today": datetime.now(UTC), "in time": clock.now() - 710 * DAY, "anew": clock.now()}
    expected = {"today": [timedelta()], "in time": [30 * DAY], "anew": []}
    async with company:
        for when, begin in made.items():
            file.write_bytes(b"".join(self_signed("calendar-engine", begin, key_size=2048)))
            async with listening_engine(company, clock, tmp_path, certificate=str(file)) as site:
                await site.happens(ListeningForPbx)
                expiring = site.engine.status().expiring
                assert [each.threshold for each in expiring] == expected[when]
                assert {type(each) for each in expiring} <= {ListeningCertificateExpires}


def arisen(events: list[Event]) -> list[ConcernArose]:
    return [each for each in events if isinstance(each, ConcernArose) and isinstance(each.failure, ExpiryWarning)]


def titles(site: Site) -> set[str]:
    return {each.meaning for each in site.engine.status().expiring}
