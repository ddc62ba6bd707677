"""calendar-engine-api(7): its examples work as printed, and it describes every request."""

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from engine.api.schema import Sort, Topic
from tests.support.served_engine import ServedEngine, an_exchange, people, served_engine

MANUAL = (Path(__file__).parents[2] / "man" / "calendar-engine-api.7").read_text()
EXAMPLES = [
    line
    for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", MANUAL, re.M | re.S)
    for line in block.replace("\\\n", "").split("\n")
    if line
]
USERS = people(3)


def requests() -> set[tuple[str, str]]:
    found = set()
    for method, path in re.findall(r"^\.It Li (GET|POST|PATCH|PUT|DELETE) (/v1\S*(?: Ns .*)?)$", MANUAL, re.M):
        path = path.replace(" Ns Ar ", "{").replace(" Ns Li /", "}/")
        found.add((method, path + "}" if path.count("{") > path.count("}") else path))
    return found


async def test_the_manual_has_every_request(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        paths = (await served.get("/v1/openapi.json"))["paths"]
    assert requests() == {(method.upper(), path) for path, each in paths.items() for method in each}


def test_the_manual_has_every_topic_and_way_to_sort() -> None:
    topics = re.findall(r"^\.It Li (\w+)$", MANUAL.partition(".Sh EVENTS")[2], re.M)
    assert set(topics) == set(get_args(Topic))
    line = next(line for line in MANUAL.splitlines() if line.startswith(".Pq Li name"))
    assert set(re.findall(r"\w+", line)) - {"Pq", "Li", "No", "or"} == set(get_args(Sort))


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_examples_run_as_they_are_printed(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= len(requests())
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        await an_exchange(served)
        for example in EXAMPLES:
            status, output = await curl(served, example)
            refused = "/v1/cluster/" in example  # of an engine that works alone
            assert status == (28 if "/v1/events" in example else 22 if refused else 0), (example, output)
            expected = ("",) if refused or "-o /dev/null" in example else ("{", "# HELP", "id: ", "<", "curl ")
            assert output.startswith(expected), (example, output)
        assert {entry.action for entry in served.api_state.audit.entries()} == {
            *("resync", "reresolve", "cancel", "change_settings", "confirm_settings", "roll_back_settings"),
            *("retry_log_ins", "probe", "access", "begin_setup", "check_setup", "apply_setup"),
            "take_over_setup",
            *("go_live", "go_back", "begin_presence_test", "remove"),
            *("make_cloud_certificate", "renew_cloud_certificate", "delete_cloud_certificates"),
            *("set_secret", "rotate_secrets_key", "delete_secret", "log", "backup"),
        }


async def curl(served: ServedEngine, example: str) -> tuple[int, str]:
    """Run an example with a shell; --fail makes curl tell, and a stream ends after half a second (status 28)."""
    limit = "0.5" if "/v1/events" in example else "20"
    command = example.replace("curl ", f"curl --silent --fail --max-time {limit} ", 1)
    post = "" if "-X " in command else "-X POST "  # curl before 7.82 knows no --json
    command = command.replace("--json ", f"{post}-H content-type:application/json --data ")
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        command,
        env=os.environ | {"SOCKET": str(served.socket), "GUID": USERS[1].guid},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()
