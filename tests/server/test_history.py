"""The history of users is limited, and outlasts connections to the PBX."""

from pathlib import Path

from engine.api.schema import PastChange, Shown
from engine.server import state
from engine.server.state import PresenceHistory
from tests.support.eventually import eventually
from tests.support.served_engine import NINE, people, served_engine

USERS = people(2)


async def test_a_user_who_is_gone_for_a_moment_has_a_history_afterwards(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        path = f"/v1/users/{USERS[0].guid}"
        before = (await served.get(path))["history"]
        assert before
        served.link.remove(USERS[0].guid)
        await eventually(lambda: served.api_state.engine.summary(USERS[0].guid) is None)
        served.link.tell(USERS[0])
        await served.settled()
        assert (await served.get(path))["history"][-len(before) :] == before


def test_those_go_first_whose_presence_changed_the_longest_time_ago() -> None:
    kept = PresenceHistory()
    change = PastChange(at=NINE, presence=Shown(activity="busy", note=""))
    for number in range(state.MOST_USERS + 2):
        kept.add(str(number), change)
        kept.add("0", change)
    assert kept.of("0")
    assert not kept.of("1")
    assert len(kept) == state.MOST_USERS
