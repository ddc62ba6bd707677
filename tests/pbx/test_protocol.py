"""Tests of the session: its log-in, and the handling of messages at any time."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.secret import Secret
from engine.pbx.errors import NotAPbx, PbxFailure, PbxLoginRefused, PbxNotUnderstood, PbxUnreachable
from engine.pbx.login import DialLogin
from engine.pbx.protocol import (
    LONGEST_BEFORE_LOGIN,
    LONGEST_NAME,
    MESSAGES_BEFORE_LOGIN,
    MOST_APIS,
    ApiMessage,
    AppSession,
    LoggedIn,
    Message,
    PbxInfo,
    Send,
    SessionOutput,
    encode,
)
from tests.pbx.strategies import messages, unhurried

CHALLENGE: Message = {"mt": "AppChallengeResult", "challenge": "4711081547110815"}
ACCEPTED: Message = {"mt": "AppLoginResult", "app": "calsync", "ok": True}
PRESENCE_RESULT: Message = {"api": "PbxApi", "mt": "SetPresenceResult", "src": "7"}


def receive(session: AppSession, message: Message) -> tuple[SessionOutput, ...]:
    return session.receive(encode(message))


def new_session() -> AppSession:
    return AppSession(DialLogin("calsync", Secret("s3cret")))


def logged_in_session() -> AppSession:
    session = new_session()
    session.start()
    receive(session, CHALLENGE)
    receive(session, ACCEPTED)
    return session


def test_dialling_begins_with_asking_for_a_challenge() -> None:
    assert new_session().start() == (Send({"mt": "AppChallenge"}),)


def test_the_log_in_names_the_app_object_alone_and_an_empty_info() -> None:
    (login,) = receive(new_session(), CHALLENGE)
    assert login == Send(
        {
            "mt": "AppLogin",
            "app": "calsync",
            "domain": "",
            "sip": "",
            "guid": "",
            "dn": "",
            "info": {},
            "digest": "cc0cc87b2b8a6df4f22d2f1a5f60d9fdc64c6d6b6f83fd497175231ea3d1ac78",
        }
    )


def test_the_log_in_is_complete_with_ok() -> None:
    session = new_session()
    receive(session, CHALLENGE)
    assert receive(session, ACCEPTED) == (LoggedIn(""),)


def test_a_domain_in_the_result_is_kept() -> None:
    session = new_session()
    receive(session, CHALLENGE)
    assert receive(session, {**ACCEPTED, "domain": "example.net"}) == (LoggedIn("example.net"),)


@pytest.mark.parametrize("answer", [{}, {"ok": False}, {"ok": 1}, {"ok": "true"}])
def test_any_other_result_is_a_refusal(answer: Message) -> None:
    session = new_session()
    receive(session, CHALLENGE)
    with pytest.raises(PbxLoginRefused, match="App object calsync"):
        receive(session, {"mt": "AppLoginResult", **answer})


def test_a_refusal_gives_the_reason_the_pbx_gave() -> None:
    session = new_session()
    receive(session, CHALLENGE)
    with pytest.raises(PbxLoginRefused, match="no such app"):
        receive(session, {"mt": "AppLoginResult", "error": 1, "errorText": "no such app"})


@pytest.mark.parametrize("challenge", [{}, {"challenge": ""}, {"challenge": 4711}])
def test_a_challenge_must_be_text(challenge: Message) -> None:
    with pytest.raises(PbxNotUnderstood):
        receive(new_session(), {"mt": "AppChallengeResult", **challenge})


def test_a_result_before_the_challenge_is_no_log_in() -> None:
    session = new_session()
    assert receive(session, ACCEPTED) == ()
    assert receive(session, PRESENCE_RESULT) == ()


def test_a_second_challenge_is_passed_over() -> None:
    session = new_session()
    receive(session, CHALLENGE)
    assert receive(session, CHALLENGE) == ()


def test_api_messages_count_after_the_log_in() -> None:
    assert receive(logged_in_session(), PRESENCE_RESULT) == (
        ApiMessage("PbxApi", "SetPresenceResult", "7", PRESENCE_RESULT),
    )


@pytest.mark.parametrize(
    "message", [{"mt": "KeepAlive"}, {"mt": "CheckBuild"}, {"mt": 7}, {}, {"mt": "AppLoginResult"}]
)
def test_other_base_messages_are_swallowed(message: Message) -> None:
    assert receive(logged_in_session(), message) == ()


INFO: Message = {"mt": "PbxInfo", "domain": "example.net", "pbx": "master", "apis": ["PbxApi", 7], "version": "14r2"}
TOLD = PbxInfo(pbx="master", domain="example.net", apis=frozenset({"PbxApi"}))


def test_pbx_info_counts_after_the_log_in() -> None:
    assert receive(logged_in_session(), INFO) == (TOLD,)


def test_pbx_info_of_a_pbx_we_dialled_counts_when_the_log_in_is_complete() -> None:
    session = new_session()
    assert receive(session, {**INFO, "pbx": "another"}) == ()
    assert receive(session, INFO) == ()
    receive(session, CHALLENGE)
    assert receive(session, ACCEPTED) == (TOLD, LoggedIn(""))


def test_what_a_pbx_says_of_itself_is_cut_and_cleaned() -> None:
    names = [f"Api{number}" for number in range(1000)]
    (told,) = receive(
        logged_in_session(),
        {"mt": "PbxInfo", "domain": "d\n" * 1000, "pbx": "m\x1b[2J\u202e" + "x" * 9000, "apis": names},
    )
    assert isinstance(told, PbxInfo)
    assert told.pbx.isprintable()
    assert told.domain.isprintable()
    assert (len(told.pbx), len(told.domain) < 260, len(told.apis)) == (LONGEST_NAME, True, MOST_APIS)


@pytest.mark.parametrize(
    "message",
    [
        {"mt": "SetPresenceResult", "src": "7"},
        {"api": "", "mt": "SetPresenceResult", "src": "7"},
        {"api": None, "mt": "PresenceUpdate", "src": "7"},
        {"api": 7, "mt": "SubscribePresenceResult", "src": "7"},
    ],
)
def test_a_message_that_names_no_api_is_known_by_its_type(message: Message) -> None:
    assert receive(logged_in_session(), message) == (ApiMessage("PbxApi", str(message["mt"]), "7", message),)


def test_a_row_that_names_no_api_is_known_by_its_type() -> None:
    assert receive(logged_in_session(), {"mt": "ReplicateNextResult"}) == (
        ApiMessage("PbxTableUsers", "ReplicateNextResult", "", {"mt": "ReplicateNextResult"}),
    )


def test_a_long_message_before_the_log_in_is_given_up() -> None:
    with pytest.raises(PbxNotUnderstood, match="too long"):
        receive(new_session(), {**INFO, "pbx": "x" * LONGEST_BEFORE_LOGIN})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "wrong\x1b[31m digest"}, "wrong␛[31m digest"),
        ({"error": 7}, "error 7"),
        ({"error": True}, "an error"),
        ({"errorText": "a\nb"}, "a␊b"),
    ],
)
def test_the_reason_of_a_refusal_is_fit_for_a_log(answer: Message, reason: str) -> None:
    session = new_session()
    receive(session, CHALLENGE)
    with pytest.raises(PbxLoginRefused) as caught:
        receive(session, {"mt": "AppLoginResult", **answer})
    assert caught.value.detail == f"App object calsync: {reason}"


def test_who_talks_without_coming_to_the_log_in_is_given_up() -> None:
    session = new_session()
    for _ in range(MESSAGES_BEFORE_LOGIN):
        receive(session, {"mt": "KeepAlive"})
    with pytest.raises(PbxNotUnderstood):
        receive(session, {"mt": "KeepAlive"})


def test_silence_before_the_challenge_means_no_pbx() -> None:
    assert isinstance(new_session().unanswered(), NotAPbx)


def test_silence_after_the_log_in_means_a_broken_connection() -> None:
    session = new_session()
    receive(session, CHALLENGE)
    assert isinstance(session.unanswered(), PbxUnreachable)


@pytest.mark.slow
@unhurried
@given(st.lists(st.sampled_from([CHALLENGE, ACCEPTED]) | messages, max_size=6))
def test_whatever_comes_is_tolerated_or_a_named_failure(received: list[Message]) -> None:
    session = new_session()
    outputs: list[SessionOutput] = []
    with contextlib.suppress(PbxFailure):
        for message in received:
            outputs += receive(session, message)
    kinds = [type(each) for each in outputs]
    assert ApiMessage not in kinds or kinds.index(LoggedIn) < kinds.index(ApiMessage)
