"""The simulated PBX, with hand-written messages over a real socket."""

import json
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.core.presence.model import CLEARED, Presence
from engine.core.secret import Secret
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.pbx.connection import AppObject, new_challenge, proves_password
from engine.simulator.pbx.server import PbxSimulator
from engine.simulator.pbx.state import (
    Behaviour,
    Entry,
    LoginAttempt,
    MissingRight,
    PbxInfoSent,
    PbxUser,
)
from tests.simulator.app import ANNA, COLUMNS, NEXT, SET, START, SUBSCRIBE, app_at, simulator
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience


def test_the_digest_is_the_one_of_the_innovaphone_sdk() -> None:
    login = json.loads(
        '{"app":"innovaphone-users","dn":"Administrator User","domain":"example.com",'
        '"guid":"0123456789abcdef0123456789abcdef","info":{"appobj":"users","apps":[{"name":"users"},'
        '{"name":"profile"}],"appurl":"https://1.2.3.4/example.com/usersapp/innovaphone-users","unlicensed":true},'
        '"sip":"administrator","digest":"ef1b811ffaa8f9255c39c653d8fb26b4687b2d8c4d9ac91b4821bff6bae3ff44"}'
    )
    assert proves_password(login, "innovaphone-users", Secret("pwd"), "0123456789abcdef")
    assert not proves_password(login, "innovaphone-users", Secret("pwd"), "0123456789abcdee")
    assert not proves_password(login, "users", Secret("pwd"), "0123456789abcdef")
    assert not proves_password({**login, "dn": ""}, "innovaphone-users", Secret("pwd"), "0123456789abcdef")
    without_info = {name: value for name, value in login.items() if name != "info"}
    assert not proves_password(without_info, "innovaphone-users", Secret("pwd"), "0123456789abcdef")


def test_challenges_are_16_digits_and_differ() -> None:
    challenges = {new_challenge() for _ in range(20)}
    assert len(challenges) == 20
    assert all(len(challenge) == 16 and challenge.isdecimal() for challenge in challenges)


async def test_a_log_in_is_noted_with_its_time_and_outcome() -> None:
    clock = ManualClock()
    async with simulator(clock=clock) as pbx:
        async with app_at(pbx, log_in=False) as app:
            assert (await app.log_in("wrong"))["ok"] is False
            assert (await app.log_in(app="another"))["ok"] is False
            await clock.advance(5)
            assert (await app.log_in())["ok"] is True
        start = clock.now()
    assert [(attempt.app, attempt.accepted) for attempt in pbx.ledger.logins] == [
        ("calendar", False),
        ("another", False),
        ("calendar", True),
    ]
    assert pbx.ledger.logins[-1] == LoginAttempt(start, "calendar", True)


@pytest.mark.parametrize(
    "message",
    [SET, {"mt": "AppLogin", "app": "calendar", "digest": ""}, {"mt": "Nonsense"}, [], {"api": "PbxApi"}],
    ids=["API before the log-in", "log-in without challenge", "unknown", "no object", "no type"],
)
async def test_who_breaks_the_protocol_is_cut_off(message: object) -> None:
    async with simulator() as pbx, app_at(pbx, log_in=False) as app:
        await app.send(message)
        assert await app.cut_off_with() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_challenge_serves_one_log_in() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        await app.send({"mt": "AppLogin", "app": "calendar", "digest": ""})
        assert await app.cut_off_with() == aiohttp.WSCloseCode.POLICY_VIOLATION


@pytest.mark.parametrize(
    "message",
    [
        NEXT,
        {"api": "PbxTableUsers", "mt": "ReplicateUpdate", "columns": {"guid": "b01", "cn": "Someone else"}},
        {"api": "PbxApi", "mt": "SetEverything"},
    ],
    ids=["row before the start", "change of a user", "unknown"],
)
async def test_who_breaks_the_protocol_of_an_api_is_cut_off(message: object) -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        await app.send(message)
        assert await app.cut_off_with() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_rows_come_one_by_one_with_what_is_asked_for_and_not_empty() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        started = await app.ask({**START, "columns": COLUMNS})
        assert (started["mt"], started["src"], started["columns"].keys()) == (
            "ReplicateStartResult",
            "t",
            COLUMNS.keys(),
        )
        assert await app.ask(NEXT) == {
            "api": "PbxTableUsers",
            "mt": "ReplicateNextResult",
            "src": "n",
            "columns": {
                "guid": "b01",
                "h323": "anna",
                "emails": [{"email": "anna@example.net"}],
                "grps": [{"name": "sales"}],
            },
        }
        assert (await app.ask(NEXT))["columns"] == {"guid": "b02", "h323": "ben"}
        assert "columns" not in await app.ask(NEXT)


@pytest.mark.parametrize(
    ("asked_for", "guids"),
    [
        ({"pseudo": [""]}, ["b01"]),
        ({"pseudo": ["", "executive"]}, ["b01", "b08"]),
        ({}, ["b01", "b08", "b09"]),
    ],
)
async def test_the_pseudo_filter_selects_types_of_objects(asked_for: dict[str, Any], guids: list[str]) -> None:
    others = (PbxUser(guid="b08", h323="boss", pseudo="executive"), PbxUser(guid="b09", h323="queue", pseudo="waiting"))
    async with simulator(ANNA, *others) as pbx, app_at(pbx) as app:
        assert [row["guid"] for row in await app.rows(**asked_for)] == guids


@pytest.mark.parametrize(
    "columns",
    [{}, {"h323": {}}, {"guid": {}, "cn": {"delete": True}}, {"guid": {}, "foo": {}}, {"guid": True}, ["guid"]],
    ids=["nothing", "no guid", "unknown option", "unknown column", "no object", "a list"],
)
async def test_wrong_columns_are_refused(columns: object) -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        answer = await app.ask({**START, "columns": columns})
        assert answer["errorText"] == "columns are not as the table has them"
        assert [start.accepted for start in pbx.ledger.replications] == [False]


async def test_what_other_clients_send_is_taken() -> None:
    """As go-inno-appws, go-myapps, websocketphp8 and deployed apps do."""
    async with simulator(PbxUser(guid="b01", h323="anna", e164="201")) as pbx, app_at(pbx, log_in=False) as app:
        assert (await app.ask({"mt": "CheckBuild"}))["mt"] == "CheckBuildResult"
        await app.send({"mt": "Error", "text": "unknown mt"})
        assert (await app.log_in())["ok"] is True
        assert (await app.ask({"api": "", "mt": "CheckBuild"}))["mt"] == "CheckBuildResult"
        columns = {"guid": {}, "h323": {"update": True}, "cn": {"update": False}, "pwd": {}}
        assert "error" not in await app.ask({**START, "columns": columns})
        assert pbx.ledger.replications[0].changes == {"h323"}
        by_name = {"api": "PbxApi", "mt": "SetPresence", "sip": "anna", "activity": "away"}
        assert await app.ask(by_name) == {"api": "PbxApi", "mt": "SetPresenceResult"}
        assert pbx.presence_entries("b01")[0] == Entry("tel:", "away")
        assert "error" not in await app.ask({"api": "PbxApi", "mt": "SubscribePresence", "num": "201"})
        assert [(await app.receive())["mt"] for _ in range(2)] == ["PresenceState", "PresenceUpdate"]
        assert (await app.ask({"api": "PbxApi", "mt": "GetNodeInfo", "src": "n"}))["name"] == "master"
        for request in ("AddAlienCall", "DelAlienCall", "AddProfile", "UpdateProfile", "DelProfile"):
            assert (await app.ask({"api": "PbxApi", "mt": request}))["mt"] == f"{request}Result"


async def test_its_json_is_compact() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        await app.send({"api": "PbxApi", "mt": "SetPresence", "guid": "b01", "contact": "calendar:"})
        async with patience():
            assert await app.socket.receive_str() == '{"api":"PbxApi","mt":"SetPresenceResult"}'


@pytest.mark.parametrize(("note", "refused"), [("x" * 19, False), ("x" * 20, True)])
async def test_a_limit_for_notes(note: str, refused: bool) -> None:
    async with simulator(behaviour=Behaviour(notes_refused_from=20)) as pbx, app_at(pbx) as app:
        assert ("error" in await app.ask({**SET, "activity": "busy", "note": note})) is refused
        assert pbx.calendar_presence("b01") == (CLEARED if refused else Presence("busy", note))


async def test_it_can_leave_out_api_and_src() -> None:
    async with simulator(behaviour=Behaviour(names_api=False, echoes_src=False)) as pbx, app_at(pbx) as app:
        assert await app.ask({**SET, "activity": "busy"}) == {"mt": "SetPresenceResult"}
        assert await app.ask(SUBSCRIBE) == {"mt": "SubscribePresenceResult"}
        assert "src" not in await app.receive()


@pytest.mark.parametrize(("add", "delete"), [(False, False), (True, False), (False, True), (True, True)])
async def test_it_can_insist_on_a_replicator_that_adds_and_deletes(add: bool, delete: bool) -> None:
    async with simulator(behaviour=Behaviour(needs_add_and_delete=True)) as pbx, app_at(pbx) as app:
        answer = await app.ask({**START, "add": add, "del": delete, "columns": COLUMNS})
        assert ("error" not in answer) is (add and delete)


async def test_changes_are_told_to_who_replicates() -> None:
    async with simulator() as pbx, app_at(pbx) as app, app_at(pbx) as idle:
        await app.rows()
        pbx.add_user(PbxUser(guid="b03", h323="cleo"))
        pbx.update_user(PbxUser(guid="b03", h323="cleopatra"))
        pbx.delete_user("b03")
        changes = [await app.receive() for _ in range(3)]
        assert [(change["mt"], change["columns"]["h323"]) for change in changes] == [
            ("ReplicateAdd", "cleo"),
            ("ReplicateUpdate", "cleopatra"),
            ("ReplicateDel", "cleopatra"),
        ]
        assert [user.guid for user in pbx.users] == ["b01", "b02"]
        assert (await idle.ask(SUBSCRIBE))["mt"] == "SubscribePresenceResult"


async def test_rows_can_be_added_twice() -> None:
    async with simulator(ANNA, behaviour=Behaviour(duplicate_adds=True)) as pbx, app_at(pbx) as app:
        await app.ask({**START, "columns": COLUMNS})
        row, duplicate = await app.ask(NEXT), await app.receive()
        assert (duplicate["mt"], duplicate["columns"]) == ("ReplicateAdd", row["columns"])


async def test_users_are_changed_only_where_they_are() -> None:
    pbx = simulator()
    with pytest.raises(ValueError, match="b01"):
        pbx.add_user(ANNA)
    with pytest.raises(KeyError):
        pbx.update_user(PbxUser(guid="b09", h323="nobody"))


@pytest.mark.parametrize("when", [PbxInfoSent.BEFORE_LOGIN, PbxInfoSent.AFTER_LOGIN])
async def test_it_tells_about_itself_when_it_is_to(when: PbxInfoSent) -> None:
    async with simulator(behaviour=Behaviour(pbx_info=when)) as pbx, app_at(pbx, log_in=False) as app:
        messages = [await app.log_in(), await app.receive()]
        if when is PbxInfoSent.AFTER_LOGIN:
            messages.reverse()
        info, result = messages
        assert result["ok"] is True
        assert (info["mt"], info["pbx"], info["domain"]) == ("PbxInfo", "master", "example.com")
        assert info["apis"] == ["PbxApi", "PbxTableUsers"]
        pbx.tell_about_itself()
        assert await app.receive() == info


@pytest.mark.parametrize("reaction", MissingRight)
async def test_an_api_without_the_right_is_refused_or_silent(reaction: MissingRight) -> None:
    behaviour = Behaviour(apis=frozenset({"PbxTableUsers"}), missing_right=reaction)
    async with simulator(behaviour=behaviour) as pbx, app_at(pbx) as app:
        await app.send({**SET, "activity": "busy"})
        await app.send({**START, "columns": COLUMNS})
        answer = await app.receive()
        if reaction is MissingRight.ERROR:
            assert (answer["mt"], answer["errorText"]) == ("SetPresenceResult", "no access")
        else:
            assert answer["mt"] == "ReplicateStartResult"
        assert pbx.calendar_presence("b01") == CLEARED


async def test_garbage_takes_the_place_of_one_answer() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        pbx.behaviour.garbage = '{"rubbish":true}'
        assert await app.ask(SET) == {"rubbish": True}
        assert (await app.ask(SET))["mt"] == "SetPresenceResult"


async def test_garbage_comes_before_a_change() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        await app.rows()
        pbx.behaviour.garbage = '{"rubbish":true}'
        pbx.add_user(PbxUser(guid="b03", h323="cleo"))
        assert await app.receive() == {"rubbish": True}
        assert (await app.receive())["mt"] == "ReplicateAdd"


async def test_a_drop_is_a_reset_and_new_connections_are_welcome() -> None:
    async with simulator() as pbx:
        async with app_at(pbx) as app:
            assert pbx.connections == 1
            pbx.drop()
            assert await app.cut_off_with() == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        async with app_at(pbx) as app:
            assert await app.ask(SET)


async def test_stopped_it_refuses_connections_and_keeps_its_port_and_memory() -> None:
    async with simulator() as pbx:
        async with app_at(pbx) as app:
            await app.ask({**SET, "activity": "busy"})
        port = pbx.port
        await pbx.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            async with app_at(pbx):
                pass
        await pbx.start()
        assert pbx.port == port
        async with app_at(pbx):
            assert pbx.calendar_presence("b01") == Presence("busy")


async def test_it_speaks_tls_with_the_certificate_it_is_given() -> None:
    authority = CertificateAuthority()
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    async with simulator(tls=authority.issue("127.0.0.1").context) as pbx:
        async with app_at(pbx, trust) as app:
            assert (await app.ask(SET))["mt"] == "SetPresenceResult"
        await pbx.stop()
        pbx.tls = CertificateAuthority().issue("127.0.0.1").context
        await pbx.start()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            async with app_at(pbx, trust):
                pass


async def test_keep_alives_are_counted_not_answered() -> None:
    async with simulator() as pbx, app_at(pbx) as app:
        await app.send({"mt": "KeepAlive"})
        assert (await app.ask(SET))["mt"] == "SetPresenceResult"
        assert pbx.ledger.keep_alives == 1


@pytest.mark.parametrize("challenge", ["4711", "", "12345678901234567", 7], ids=["twice", "empty", "long", "no text"])
async def test_where_the_pbx_connects_it_insists_on_a_fresh_challenge(challenge: object) -> None:
    answered: list[str] = []

    async def app(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for frame in socket:
            answered.append(json.loads(frame.data)["mt"])
            if answered[-1] == "AppChallenge":
                await socket.send_json({"mt": "AppChallengeResult", "challenge": challenge})
            else:
                await socket.close()
        return socket

    application = web.Application()
    application.router.add_get("/a/b", app)
    pbx = PbxSimulator(ManualClock(), password=Secret("pwd"))
    async with TestServer(application) as server:
        app_object = AppObject(url=f"http://127.0.0.1:{server.port}/a/b/calendar")
        async with pbx.connecting(app_object):
            await eventually(lambda: answered.count("AppChallenge") >= 3)
    assert answered.count("AppLogin") == (1 if challenge == "4711" else 0)
