"""Anything that a server sends during a log-in leads only to named failures."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spnego.channel_bindings import GssChannelBindings

from engine.core.secret import Secret
from engine.exchange.errors import LoginMethodNotOffered, NotUnderstood
from engine.exchange.http.auth import Credential, Handshake, basic_authorization, offered
from engine.settings.model import Authentication

CHALLENGE = base64.b64decode(
    "TlRMTVNTUAACAAAACAAIADgAAAAFgokCASNFZ4mrze8AAAAAAAAAADQANABAAAAABgBhSgAAAA9DAE8AUgBQAAIACABDAE8AUgBQAAEACABN"
    "AEEASQBMAAQACABjAG8AcgBwAAcACAAAAAAAAAAAAAAAAAA="
)


def handshake(authentication: Authentication) -> Handshake:
    begun = Handshake(Credential("CORP\\svc", Secret("pw"), authentication, True), "mail.corp.example")
    begun.opening()
    return begun


@pytest.mark.slow
@given(
    challenge=st.binary(max_size=300), authentication=st.sampled_from([Authentication.NTLM, Authentication.NEGOTIATE])
)
def test_any_bytes_for_a_challenge_are_answered_or_not_understood(
    challenge: bytes, authentication: Authentication
) -> None:
    offer = f"{authentication.name} {base64.b64encode(challenge).decode()}"
    try:
        reply = handshake(authentication).reply({"www-authenticate": offer}, None)
    except (NotUnderstood, LoginMethodNotOffered):
        return
    assert reply.lower().startswith(authentication.value)


@pytest.mark.slow
@given(at=st.integers(0, len(CHALLENGE) - 1), value=st.integers(0, 255), cut=st.integers(0, len(CHALLENGE)))
def test_a_damaged_challenge_is_answered_or_not_understood(at: int, value: int, cut: int) -> None:
    damaged = bytearray(CHALLENGE)
    damaged[at] = value
    offer = f"NTLM {base64.b64encode(damaged[: len(damaged) - cut]).decode()}"
    try:
        reply = handshake(Authentication.NTLM).reply({"www-authenticate": offer}, None)
    except (NotUnderstood, LoginMethodNotOffered):
        return
    assert reply.startswith("NTLM TlRMTVNTUAAD")


@pytest.mark.slow
@given(st.text())
def test_any_header_is_answered_or_named(offer: str) -> None:
    with pytest.raises((NotUnderstood, LoginMethodNotOffered)):
        handshake(Authentication.NTLM).reply({"www-authenticate": offer}, None)


def test_the_binding_is_in_the_second_message_only_when_given() -> None:
    binding = GssChannelBindings(application_data=b"tls-server-end-point:" + bytes(32))
    pair = b"\x0a\x00\x10\x00"
    offer = {"www-authenticate": f"Negotiate, NTLM {base64.b64encode(CHALLENGE).decode()}, Basic realm=x"}
    assert pair in base64.b64decode(handshake(Authentication.NTLM).reply(offer, binding).removeprefix("NTLM "))
    assert pair not in base64.b64decode(handshake(Authentication.NTLM).reply(offer, None).removeprefix("NTLM "))


def test_the_methods_of_a_401_are_read_from_one_header_or_several() -> None:
    assert offered({"www-authenticate": 'Negotiate, NTLM TlRM==, Basic realm="mail"'}) == {
        "negotiate": "",
        "ntlm": "TlRM==",
        "basic": 'realm="mail"',
    }
    assert offered({}) == {}


def test_basic_sends_letters_of_any_language() -> None:
    credential = Credential("CORP\\jörg", Secret("pässwört:€"), Authentication.BASIC, False)
    sent = basic_authorization(credential).removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "CORP\\jörg:pässwört:€"


def test_a_credential_does_not_show_its_password() -> None:
    assert "pw" not in repr(Credential("CORP\\svc", Secret("pw"), Authentication.NTLM, True))


def test_negotiate_starts_with_spnego_and_has_ntlm_inside() -> None:
    begun = Handshake(Credential("CORP\\svc", Secret("pw"), Authentication.NEGOTIATE, True), "mail.corp.example")
    scheme, _, token = begun.opening().partition(" ")
    assert scheme == "Negotiate"
    assert base64.b64decode(token).startswith(b"\x60")
    assert b"NTLMSSP\x00\x01" in base64.b64decode(token)
