"""The log-in of a PBX that connects to the engine: published vectors, and arbitrary messages."""

import contextlib
import hashlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.secret import Secret
from engine.pbx.errors import PbxFailure, PbxNotUnderstood, PbxPasswordWrong, PbxUnreachable, UserLoginRefused
from engine.pbx.login import ListenLogin, new_challenge
from engine.pbx.protocol import (
    MESSAGES_BEFORE_LOGIN,
    ApiMessage,
    AppSession,
    HangUp,
    LoggedIn,
    Message,
    Send,
    SessionOutput,
    encode,
)
from tests.pbx.strategies import messages, unhurried
from tests.pbx.test_digest import CAPTURED, USERS_INFO

SDK_CHALLENGE = "0123456789abcdef"
SDK_LOGINS = {
    "example 1": '{"mt":"AppLogin","app":"pbxadminapi",'
    '"digest":"a205299ed2ef2786c311e0be1b14db343f2cadd906a6ae7b564eee34bda5e9a1"}',
    "example 2": '{"mt":"AppLogin","app":"pbxadminapi","info":{},'
    '"digest":"57b23fe824b9222a7ac879597cb509bcdc865a1bfeb057d9d12118cef0c3ba34"}',
    "example 3": '{"mt":"AppLogin","app":"pbxadminapi","info":{"cn":"Test User"},'
    '"digest":"96db3c3f657230c2b68194becc6d2a77f05de9f79f01fc81e9ca0fb196b10d9d"}',
    "example 4": '{"mt":"AppLogin","app":"innovaphone-users","domain":"example.com","sip":"administrator",'
    f'"guid":"0123456789abcdef0123456789abcdef","dn":"Administrator User","info":{USERS_INFO},'
    '"digest":"ef1b811ffaa8f9255c39c653d8fb26b4687b2d8c4d9ac91b4821bff6bae3ff44"}',
}
EXAMPLE_4 = json.loads(SDK_LOGINS["example 4"])


def listening(challenge: str = SDK_CHALLENGE, password: str = "pwd") -> AppSession:
    session = AppSession(ListenLogin(Secret(password), lambda: challenge))
    assert session.start() == ()
    answer = session.receive('{"mt":"AppChallenge"}')
    assert answer == (Send({"mt": "AppChallengeResult", "challenge": challenge}),)
    return session


def assert_refused(outputs: tuple[SessionOutput, ...], failure: type[PbxFailure]) -> None:
    sent, end = outputs
    assert isinstance(sent, Send)
    assert (sent.message["mt"], sent.message["ok"]) == ("AppLoginResult", False)
    assert isinstance(end, HangUp)
    assert isinstance(end.failure, failure)


@pytest.mark.parametrize("name", ["example 1", "example 2", "example 3"])
def test_the_examples_of_the_innovaphone_sdk_are_accepted(name: str) -> None:
    """Vectors 1 to 3."""
    login = SDK_LOGINS[name]
    answer, logged_in = listening().receive(login)
    told = json.loads(login)
    members = {"app": told["app"], "domain": told.get("domain", ""), "ok": True}
    assert answer == Send({"mt": "AppLoginResult", **members})
    assert isinstance(logged_in, LoggedIn)
    assert logged_in.domain == told.get("domain", "")


@pytest.mark.parametrize("name", ["App object go-search", "App object go"])
def test_log_ins_of_app_objects_captured_from_a_pbx_are_accepted(name: str) -> None:
    """Vectors 5 and 6."""
    challenge, login = CAPTURED[name]
    _, logged_in = listening(challenge, "go").receive(login)
    assert logged_in == LoggedIn("fritz.box", json.loads(login)["guid"])


@pytest.mark.parametrize("name", ["user at admin", "user at searchapi"])
def test_log_ins_of_users_captured_from_a_pbx_are_verified_and_refused(name: str) -> None:
    """Vectors 7 and 8."""
    challenge, login = CAPTURED[name]
    outputs = listening(challenge, "go").receive(login)
    assert_refused(outputs, UserLoginRefused)
    assert isinstance(outputs[0], Send)
    assert "no user interface" in str(outputs[0].message["errorText"])
    assert_refused(listening(challenge, "other").receive(login), PbxPasswordWrong)


@pytest.mark.parametrize("login", SDK_LOGINS.values(), ids=SDK_LOGINS.keys())
@pytest.mark.parametrize(("challenge", "password"), [("0123456789abcdee", "pwd"), (SDK_CHALLENGE, "pwe")])
def test_another_challenge_or_password_is_refused(login: str, challenge: str, password: str) -> None:
    assert_refused(listening(challenge, password).receive(login), PbxPasswordWrong)


@pytest.mark.parametrize("field", ["app", "domain", "sip", "guid", "dn", "info", "digest"])
def test_every_part_of_the_log_in_is_proved(field: str) -> None:
    changed = {"cn": "x"} if field == "info" else "x"
    assert_refused(listening().receive(encode({**EXAMPLE_4, field: changed})), PbxPasswordWrong)
    missing = {name: value for name, value in EXAMPLE_4.items() if name != field}
    assert_refused(listening().receive(encode(missing)), PbxPasswordWrong)


def test_info_counts_as_it_is_written_on_the_wire() -> None:
    login = SDK_LOGINS["example 3"].replace('{"cn":"Test User"}', '{ "cn" : "Test User" }')
    _, logged_in = listening().receive(login)
    assert isinstance(logged_in, LoggedIn), "hashed compact, sent with blanks"
    escaped = SDK_LOGINS["example 4"].replace("https://", "https:\\/\\/").replace("/example.com", "\\/example.com")
    _, end = listening().receive(escaped)
    assert isinstance(end, HangUp)
    assert isinstance(end.failure, UserLoginRefused), "a slash may be escaped on the wire"


def test_a_user_without_groups_and_object_is_known_by_another_name_than_the_objects() -> None:
    """Vector 4: `sip` is "administrator", `info.appobj` "users"."""
    assert_refused(listening().receive(SDK_LOGINS["example 4"]), UserLoginRefused)


@pytest.mark.parametrize(
    ("login", "is_user"),
    [
        ({"sip": "calendar", "info": {"appobj": "calendar"}}, False),
        ({"sip": "calendar", "info": {"appobj": "calendar", "groups": None}, "pbxObj": ""}, False),
        ({"sip": "", "info": {}}, False),
        ({}, False),
        ({"sip": "anna", "info": {"appobj": "calendar"}}, True),
        ({"sip": "anna", "info": {}}, True),
        ({"sip": "anna", "info": None}, True),
        ({"sip": "anna"}, True),
        ({"sip": "calendar", "info": {"appobj": "calendar", "groups": []}}, True),
        ({"sip": "calendar", "info": {"appobj": "calendar"}, "pbxObj": "calendar"}, True),
        ({"sip": "calendar", "info": {"appobj": 7}}, True),
    ],
)
def test_who_logs_in_is_told_by_what_the_digest_proves(login: Message, is_user: bool) -> None:
    fields = [str(login.get(name, "")) for name in ("app", "domain", "sip", "guid", "dn")]
    if "info" in login:
        fields.append(encode(login["info"]))
    digest = hashlib.sha256(":".join([*fields, SDK_CHALLENGE, "pwd"]).encode()).hexdigest()
    _, end = listening().receive(encode({"mt": "AppLogin", **login, "digest": digest}))
    assert isinstance(end, HangUp if is_user else LoggedIn)


@pytest.mark.parametrize("login", [SDK_LOGINS["example 1"], SDK_LOGINS["example 4"]])
@pytest.mark.parametrize("password", ["pwd", "other"])
def test_an_error_of_a_log_in_is_text_or_left_out(login: str, password: str) -> None:
    """innovaphone documents `ok` alone, and go-inno-appws reads `error` as text."""
    for output in listening(password=password).receive(login):
        if isinstance(output, Send):
            assert isinstance(output.message.get("error", ""), str)


@pytest.mark.parametrize("info", ['{"n":123456789012345678901234567890}', "[" * 400 + "]" * 400, '{"n":1e300}'])
def test_odd_values_in_a_log_in_break_nothing(info: str) -> None:
    login = f'{{"mt":"AppLogin","app":"x","src":123456789012345678901234567890,"info":{info},"digest":"00"}}'
    with contextlib.suppress(PbxFailure):
        for output in listening().receive(login):
            if isinstance(output, Send):
                encode(output.message)


def test_a_name_made_up_to_spoil_the_log_is_made_harmless() -> None:
    _, end = listening().receive(encode({"mt": "AppLogin", "sip": "x\n2026 all is well\x1b[2J" + "y" * 999}))
    assert isinstance(end, HangUp)
    assert end.failure.detail.isprintable()
    assert len(end.failure.detail) < 100


def test_a_challenge_is_good_for_one_log_in() -> None:
    session = listening(password="other")
    assert_refused(session.receive(SDK_LOGINS["example 1"]), PbxPasswordWrong)
    assert session.receive(SDK_LOGINS["example 1"]) == ()


def test_a_log_in_without_a_challenge_is_passed_over() -> None:
    session = AppSession(ListenLogin(Secret("pwd"), new_challenge))
    assert session.receive(SDK_LOGINS["example 1"]) == ()


def test_the_last_challenge_counts() -> None:
    challenges = itertools.chain(["1"], itertools.repeat(SDK_CHALLENGE))
    session = AppSession(ListenLogin(Secret("pwd"), lambda: next(challenges)))
    session.receive('{"mt":"AppChallenge"}')
    session.receive('{"mt":"AppChallenge"}')
    assert isinstance(session.receive(SDK_LOGINS["example 1"])[1], LoggedIn)


def test_challenges_are_16_digits_and_never_the_same() -> None:
    challenges = {new_challenge() for _ in range(1000)}
    assert len(challenges) == 1000
    assert all(len(each) == 16 and each.isdigit() for each in challenges)


def test_api_messages_count_after_the_log_in_only() -> None:
    result: Message = {"api": "PbxApi", "mt": "SetPresenceResult", "src": "7"}
    session = listening()
    assert session.receive(encode(result)) == ()
    session.receive(SDK_LOGINS["example 1"])
    assert session.receive(encode(result)) == (ApiMessage("PbxApi", "SetPresenceResult", "7", result),)


def test_the_password_test_of_the_pbx_manager_is_answered() -> None:
    check = json.loads(SDK_LOGINS["example 1"]) | {"mt": "AppCheckLogin", "src": "t", "challenge": SDK_CHALLENGE}
    session = AppSession(ListenLogin(Secret("pwd"), new_challenge))
    right = session.receive(encode(check))
    assert right == (Send({"mt": "AppCheckLoginResult", "src": "t", "ok": True}),)
    answer, end = session.receive(encode({**check, "challenge": "1"}))
    assert answer == Send({"mt": "AppCheckLoginResult", "src": "t", "ok": False})
    assert isinstance(end, HangUp)


@pytest.mark.parametrize("text", ['{"mt":"KeepAlive"}', '{"mt":"Unheard","src":"1"}', "{}", '{"mt":7}'])
def test_keep_alives_and_unknown_messages_are_swallowed(text: str) -> None:
    assert listening().receive(text) == ()


def test_who_talks_without_logging_in_is_given_up() -> None:
    session = listening()
    for _ in range(MESSAGES_BEFORE_LOGIN - 1):
        session.receive('{"mt":"KeepAlive"}')
    with pytest.raises(PbxNotUnderstood):
        session.receive('{"mt":"KeepAlive"}')


def test_silence_means_that_nobody_logs_in() -> None:
    assert isinstance(listening().unanswered(), PbxUnreachable)


@pytest.mark.slow
@unhurried
@given(st.lists(messages, max_size=8), st.dictionaries(st.sampled_from(["info", "digest", "sip"]), st.integers()))
def test_whatever_comes_nobody_is_let_in_without_the_password(received: list[Message], login: Message) -> None:
    session = listening(password="unknown")
    for message in ({"mt": "AppLogin", **login}, {"mt": "AppChallenge"}, *received):
        try:
            outputs = session.receive(encode(message))
        except PbxFailure:
            return
        assert not any(isinstance(output, LoggedIn | ApiMessage) for output in outputs)
