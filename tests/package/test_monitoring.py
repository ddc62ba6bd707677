"""Alert rules and dashboard use metrics that exist, in expressions that Prometheus accepts."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.test_metrics import OF_THE_CLUSTER, PREFIX
from tests.support.served_engine import people, served_engine

PACKAGING = Path(__file__).parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "calendar-engine.rules.yml"
DASHBOARD: dict[str, Any] = json.loads((PACKAGING / "grafana" / "calendar-engine.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
WITHOUT_CERTIFICATES = {"calendar_engine_expires_in_seconds"}
"""Exposed only with a label for each certificate that was seen."""

OF_A_CLUSTER = {f"{PREFIX}{name}" for name in OF_THE_CLUSTER}
"""Exposed only by engines that share their users."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


def used_in(text: str) -> set[str]:
    return set(re.findall(r"\bcalendar_engine_[a-z_]+", text))


async def test_every_metric_that_is_used_exists(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        await served.settled()
        async with served.session().get("/v1/metrics") as response:
            exposed = await response.text()
    families = list(text_string_to_metric_families(exposed))
    names = {sample.name for family in families for sample in family.samples} | WITHOUT_CERTIFICATES
    assert {family.name for family in families} >= WITHOUT_CERTIFICATES
    assert used_in(RULES.read_text()) <= names | OF_A_CLUSTER
    assert used_in(json.dumps(DASHBOARD)) <= names


def test_the_dashboard_is_whole() -> None:
    panels = DASHBOARD["panels"]
    assert DASHBOARD["uid"] == "calendar-engine"
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        x, y, width, height = (panel["gridPos"][key] for key in "xywh")
        own = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
        assert x + width <= 24
        assert not own & cells, panel["title"]
        cells |= own
        assert [target["refId"] for target in panel["targets"]] == ["A", "B"][: len(panel["targets"])]
    assert all('instance=~"$instance"' in expression for expression in EXPRESSIONS)


async def promtool(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        "promtool", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@needs_promtool
@pytest.mark.process
async def test_the_rules_alert_when_they_should() -> None:
    for arguments in (("check", "rules", str(RULES)), ("test", "rules", str(RULES.with_suffix(".test.yml")))):
        status, output = await promtool(*arguments)
        assert status == 0, output


@needs_promtool
@pytest.mark.process
async def test_the_expressions_of_the_dashboard_are_accepted(tmp_path: Path) -> None:
    """As recording rules, for promtool of Debian 12 knows no dashboards."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    status, output = await promtool("check", "rules", str(file))
    assert (status, f"{len(rules)} rules found" in output) == (0, True), output
