"""All users change within one second over the real link: the pace is kept, and only the newest value is written."""

from pathlib import Path

import pytest

from tests.sync.flood import IN_FLIGHT, flood

pytestmark = pytest.mark.slow


async def test_five_hundred_users_changing_at_once(tmp_path: Path) -> None:
    seen = await flood(500, per_second=50, speed=10, directory=tmp_path)
    assert seen.wrong == 0
    assert seen.writes - seen.stale == 500
    assert seen.stale <= 50 + IN_FLIGHT, "only what was sent within the second in which everything changed"
    assert seen.busiest_second <= 50 + IN_FLIGHT
    assert seen.most_at_once <= IN_FLIGHT
    assert seen.most_tasks < 50
