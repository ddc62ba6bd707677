"""Tests of every request, over the real sockets."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from engine.api.schema import About, Operation, Status, UserDetail, UsersPage, UsersQuestion
from engine.core.appointments import Appointment, Sensitivity
from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import Priority
from tests.support.eventually import eventually
from tests.support.served_engine import NINE, InstantSource, ServedEngine, people, served_engine

USERS = people(30)
ANNA = USERS[3]
NO_MAILBOX = MailboxNotFound("user7@corp.example is not in the directory")


@pytest.fixture
def source() -> InstantSource:
    source = InstantSource()
    source.failures["user7@corp.example"] = NO_MAILBOX
    source.calendars["user3@corp.example"] = (
        Appointment(id="open", start=NINE, end=NINE + timedelta(hours=1), subject="Kunde"),
        Appointment(
            id="private",
            start=NINE + timedelta(minutes=30),
            end=NINE + timedelta(hours=2),
            subject="Frauenarzt",
            sensitivity=Sensitivity.PRIVATE,
        ),
    )
    return source


async def test_a_watched_calendar_is_never_stale(tmp_path: Path) -> None:
    source = InstantSource()
    source.watched |= {f"user{n}@corp.example" for n in range(29)}
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        await served.clock.advance(60)
        before = msgspec.convert(await served.get("/v1/status"), Status)
        source.watched.add("user29@corp.example")
        source.tell("user29@corp.example", Priority.LATER)
        after = msgspec.convert(await served.get("/v1/status"), Status)
    assert (before.watched, before.oldest_reading) == (29, NINE + timedelta(minutes=5))
    assert (after.watched, after.oldest_reading, after.staleness) == (30, None, None)


async def test_a_presence_that_was_there_already_is_current_as_soon_as_the_pbx_says_so(tmp_path: Path) -> None:
    source = InstantSource()
    source.calendars["user0@corp.example"] = ()
    async with served_engine(tmp_path, people(1), source=source, asks=False) as served:
        rows = served.api_state.rows
        await eventually(lambda: rows.page(UsersQuestion()).users[0].state == "pending")
        served.link.gate.set()
        await served.settled()
        assert served.link.shown == {}
        assert rows.page(UsersQuestion()).users[0].state == "current"


async def test_about_names_the_caller_and_the_rights(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        about = msgspec.convert(await served.get("/v1"), About)
        twin = msgspec.convert(await served.get("/v1", served.read_only), About)
    assert (about.api, about.rights.change, twin.rights.change) == (1, True, False)
    assert about.actor.pid == twin.actor.pid > 0
    assert about.actor.uid >= 0


async def test_status_tells_links_counts_and_problems(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        await served.clock.advance(60)
        status = msgspec.convert(await served.get("/v1/status"), Status)
    assert [(link.name, link.works) for link in status.links] == [("PBX", True), ("Exchange", True)]
    assert {(link.since, link.waits_for) for link in status.links} == {(NINE + timedelta(minutes=5), None)}
    assert status.timezone == "UTC"
    assert (status.users, status.resolved, status.unresolved, status.unread) == (30, 29, 1, 0)
    assert (status.up_to_date, status.pending) == (29, 0)
    assert status.staleness == 60.0
    [concern] = status.concerns
    assert (concern.trouble.type, concern.count, concern.severity) == ("mailbox-not-found", 1, "no calendar")
    assert concern.since is not None
    assert concern.trouble.remedy == NO_MAILBOX.remedy
    assert [user.label for user in concern.users] == ["User Number 7"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?filter=number+7+mailbox", ["user7"]),
        ("?filter=MAILBOX+found", ["user7"]),
        ("?filter=mailbox-not-found", ["user7"]),
        ("?filter=user2@CORP", ["user2"]),
        ("?filter=busy&sort=name&per_page=2", ["user0", "user1"]),
        ("?sort=name&descending=true&per_page=2", ["user9", "user8"]),
        ("?sort=name&per_page=4&page=8", ["user8", "user9"]),
        ("?sort=problem&per_page=1", ["user7"]),
        ("?filter=nobody", []),
    ],
)
async def test_users_are_filtered_sorted_and_paged(
    tmp_path: Path, source: InstantSource, query: str, names: list[str]
) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        page = msgspec.convert(await served.get(f"/v1/users{query}"), UsersPage)
    assert [user.name for user in page.users] == names


async def test_a_row_follows_the_user(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        served.link.tell(replace(ANNA, display_name="Anna Müller-Lüdenscheid"))
        page = msgspec.convert(await served.get("/v1/users?filter=anna lüden"), UsersPage)
        assert [(user.guid, user.activity, user.state) for user in page.users] == [(ANNA.guid, "busy", "current")]
        served.link.remove(ANNA.guid)
        await served.settled()
        assert msgspec.convert(await served.get("/v1/users?filter=anna"), UsersPage).total == 0


async def test_a_row_tells_how_long_it_is_certain_and_how_fresh(tmp_path: Path, source: InstantSource) -> None:
    source.watched.add("user3@corp.example")
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        page = msgspec.convert(await served.get("/v1/users?sort=name"), UsersPage)
        source.watched.clear()
        source.tell("user3@corp.example", Priority.LATER)
        unwatched = msgspec.convert(await served.get("/v1/users"), UsersPage)
    rows = {row.name: row for row in page.users}
    assert rows["user3"].until == NINE + timedelta(minutes=30)
    assert rows["user4"].until == NINE + timedelta(hours=1)
    assert {row.last_read for row in rows.values() if row.name != "user7"} == {NINE + timedelta(minutes=5)}
    assert (rows["user7"].last_read, rows["user7"].until) == (None, None)
    assert [row.name for row in rows.values() if row.watched] == ["user3"]
    assert not any(row.watched for row in unwatched.users)


async def test_one_user_with_reasons_and_no_private_subject(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with served.session().get(f"/v1/users/{ANNA.guid}") as response:
            text = await response.text()
        await served.clock.advance_to(NINE + timedelta(minutes=30))
        await served.settled()
        later = msgspec.convert(await served.get(f"/v1/users/{ANNA.guid}"), UserDetail)
    assert "Frauenarzt" not in text
    user = msgspec.json.decode(text, type=UserDetail)
    assert user.mailbox is not None
    assert user.mailbox.address == "user3@corp.example"
    assert user.last_read == NINE + timedelta(minutes=5)
    assert user.decision is not None
    assert [(each.id, each.subject, each.outcome) for each in user.decision.appointments] == [
        ("open", "Kunde", "active"),
        ("private", "", "next"),
    ]
    assert user.acknowledged.presence == user.decision.presence
    assert not user.acknowledged.in_doubt
    assert [change.presence for change in user.history] == [user.decision.presence]
    assert later.decision is not None
    assert later.decision.appointments[1].words == "active"
    assert later.decision.appointments[0].rival == "private"
    assert len(later.history) == 2


async def test_a_user_without_a_mailbox(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        user = msgspec.convert(await served.get(f"/v1/users/{USERS[7].guid}"), UserDetail)
    assert (user.mailbox, user.decision, user.state) == (None, None, "problem")
    assert user.problems[0].remedy == NO_MAILBOX.remedy


async def test_resync_of_everybody_reads_all_calendars_anew(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        before = source.reads
        async with served.session().post("/v1/resync") as response:
            assert response.status == 202
            location = response.headers["Location"]
        await eventually(lambda: served.api_state.operations.all()[0].state == "done")
        operation = msgspec.convert(await served.get(location), Operation)
        audit = await served.get("/v1/audit")
    assert (operation.total, operation.done, operation.failed) == (30, 30, 1)
    assert source.reads == before + 29
    assert operation.ended is not None
    assert [entry["action"] for entry in audit["entries"]] == ["resync"]


async def test_resync_of_a_user_who_is_being_read_reads_once_more(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS[:1]) as served:
        await served.settled()
        served.source.gate.clear()
        for _ in range(2):
            async with served.session().post(f"/v1/users/{USERS[0].guid}/resync") as response:
                assert response.status == 202
            await eventually(lambda: bool(served.source.being_read))
        before = served.source.reads
        served.source.gate.set()
        await eventually(lambda: all(each.state == "done" for each in served.api_state.operations.all()))
        assert served.source.reads == before + 2


async def url_of(served: ServedEngine, number: int) -> str:
    user = msgspec.convert(await served.get(f"/v1/users/{USERS[number].guid}"), UserDetail)
    assert user.mailbox is not None
    return user.mailbox.url


async def test_reresolve_looks_for_the_mailbox_again_and_resync_does_not(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS[:3]) as served:
        await served.settled()
        old, served.source.url = served.source.url, "https://new.corp.example/EWS/Exchange.asmx"
        for path, body, moved in [
            ("/v1/resync", {}, set()),
            (f"/v1/users/{USERS[0].guid}/reresolve", None, {0}),
            ("/v1/reresolve", {"users": [USERS[1].guid]}, {0, 1}),
            ("/v1/reresolve", {}, {0, 1, 2}),
        ]:
            async with served.session().post(path, json=body) as response:
                assert response.status == 202
            await eventually(lambda: served.api_state.operations.all()[0].state == "done")
            assert [await url_of(served, n) for n in range(3)] == [
                served.source.url if n in moved else old for n in range(3)
            ]
        assert [each.kind for each in served.api_state.operations.all()] == ["reresolve"] * 3 + ["resync"]


async def test_a_mailbox_that_is_being_read_is_looked_for_afterwards(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS[:1]) as served:
        await served.settled()
        served.source.gate.clear()
        served.source.tell("user0@corp.example", Priority.NOW)
        served.source.watched.clear()
        await eventually(lambda: bool(served.source.being_read))
        served.source.url = "https://new.corp.example/EWS/Exchange.asmx"
        async with served.session().post("/v1/reresolve") as response:
            assert response.status == 202
        served.source.gate.set()
        await eventually(lambda: served.api_state.operations.all()[0].state == "done")
        assert await url_of(served, 0) == served.source.url


async def test_one_user_tells_how_changes_are_learned_and_when_it_is_read_next(tmp_path: Path) -> None:
    source = InstantSource()
    source.watched.add("user1@corp.example")
    async with served_engine(tmp_path, USERS[:2], source=source) as served:
        await served.settled()
        polled, watched = [
            msgspec.convert(await served.get(f"/v1/users/{user.guid}"), UserDetail) for user in USERS[:2]
        ]
    assert (polled.subscription.watched, watched.subscription.watched) == (False, True)
    now = NINE + timedelta(minutes=5)
    assert polled.next_read is not None
    assert watched.next_read is not None
    assert now < polled.next_read <= now + timedelta(hours=1) < watched.next_read <= now + timedelta(hours=12)


@pytest.mark.slow
async def test_an_operation_is_called_off(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(500)) as served:
        await served.settled()
        served.source.gate.clear()
        async with served.session().post("/v1/resync", json={}) as response:
            location = response.headers["Location"]
        async with served.session().delete(location) as response:
            operation = msgspec.json.decode(await response.read(), type=Operation)
        before = served.source.reads
        served.source.gate.set()
        await served.settled()
        assert operation.state == "cancelled"
        assert served.source.reads - before <= 200
        assert (await served.get(location))["state"] == "cancelled"


async def test_whoever_leaves_meanwhile_counts_as_done(tmp_path: Path) -> None:
    async with served_engine(tmp_path, USERS) as served:
        await served.settled()
        served.source.gate.clear()
        async with served.session().post("/v1/resync", json={"users": [ANNA.guid, USERS[4].guid]}) as response:
            assert response.status == 202
        served.link.remove(ANNA.guid)
        served.source.gate.set()
        await eventually(lambda: served.api_state.operations.all()[0].state == "done")
        assert served.api_state.operations.all()[0].done == 2


async def test_metrics_name_nobody(tmp_path: Path, source: InstantSource) -> None:
    async with served_engine(tmp_path, USERS, source=source) as served:
        await served.settled()
        async with served.session().get("/v1/metrics") as response:
            text = await response.text()
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'calendar_engine_users{state="resolved"} 29.0\n' in text
    assert 'calendar_engine_link_up{link="PBX"} 1.0\n' in text
    assert "calendar_engine_presences_set_total 29.0\n" in text
    assert "corp.example" not in text
    assert USERS[7].guid not in text
    assert "User Number" not in text
    for line in text.splitlines():
        assert line.startswith(("# HELP calendar_engine_", "# TYPE calendar_engine_", "calendar_engine_"))
