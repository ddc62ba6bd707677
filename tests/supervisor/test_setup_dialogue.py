"""The dialogue of the set-up with both simulators, from nothing to the first presence."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from engine.simulator.company import EXCHANGE_PASSWORD, EXCHANGE_USER, MASTER, PBX_PASSWORD, Company
from tests.support.clock import ManualClock
from tests.support.service import running_service

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.few]


async def test_few_questions_lead_to_the_first_presence(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    pbx = ["", "", company.pbx.host, PBX_PASSWORD.reveal(), MASTER]
    of_the_simulator = ["port", str(company.pbx.port), "ca_file", str(company.ca_file)]
    site = ["english", "berlin", ""]
    users = ["", ""]
    name = EXCHANGE_USER.partition("@")[0]
    trusted = ["ca_file", str(company.ca_file)]
    exchange = ["on-premises", "", "", name, EXCHANGE_PASSWORD.reveal(), *trusted, "", "f", ""]
    rest = ["", "", "", "", "start", "everybody", "", "y"]
    typed = [*pbx, *of_the_simulator, "", *site, *users, *exchange, *rest]
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.cli.main", "setup", "--socket", str(served.socket)),
            env=os.environ | {"COLUMNS": "80", "PYTHONUTF8": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate("".join(f"{line}\n" for line in typed).encode())
        told = output.decode()
        assert (process.returncode, "The set-up is applied." in told) == (0, True), told
        assert "✗ This cannot be checked yet: The settings cannot be used" in told
        assert 'f1  use "CORP\\svc-calendar"' in told
        assert len(typed) < 35
        await served.settled()
        assert company.pbx.ledger.writes
