"""Benchmark of 10,000 users: the initial copy, and a change of all of them within one second."""

from pathlib import Path

from tests.sync.flood import IN_FLIGHT, flood

USERS = 10_000
PER_SECOND = 50
SPEED = 8.0
"""Four hundred writes in a real second: what the simulator and we can do on one core beside everything else."""


async def test_ten_thousand_users_changing_at_once(tmp_path: Path) -> None:
    seen = await flood(USERS, per_second=PER_SECOND, speed=SPEED, directory=tmp_path)
    print(
        f"\n{USERS:,} users copied in {seen.copied_in:.1f} s ({seen.copied_in / USERS * 1e6:.0f} µs a row, with the "
        f"simulator); {seen.writes:,} writes of which {seen.stale} of an older value; most within a second "
        f"{seen.busiest_second}, most at once {seen.most_at_once}, most tasks {seen.most_tasks}; "
        f"memory grew by {seen.grown_by / USERS:,.0f} bytes a user"
    )
    assert seen.wrong == 0
    assert seen.writes - seen.stale == USERS
    assert seen.stale <= PER_SECOND + IN_FLIGHT
    assert seen.busiest_second <= PER_SECOND + IN_FLIGHT
    assert seen.most_at_once <= IN_FLIGHT
    assert seen.grown_by < 5000 * USERS
