import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_snapshot.plugin import Snapshot

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.autodiscover.protocol import (
    ErrorReply,
    EwsUrls,
    RedirectAddress,
    RedirectUrl,
    Reply,
    UnknownAddress,
    pox_reply,
    pox_request,
    soap_reply,
    soap_request,
)
from tests.exchange.ews.autodiscover.replies import pox, pox_error, pox_redirect, pox_settings, soap
from tests.exchange.ews.schema import readable
from tests.exchange.ews.wire import fault

IN, OUT = "https://ex1.corp.example.com/EWS/Exchange.asmx", "https://mail.example.com/EWS/Exchange.asmx"
BOTH = EwsUrls(external=OUT, internal=IN)


def test_requests_are_as_agreed(snapshot: Snapshot) -> None:
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    url = "https://autodiscover.example.com/autodiscover/autodiscover.svc"
    snapshot.assert_match(readable(soap_request(url, "anna@example.com")), "get_user_settings.xml")
    snapshot.assert_match(readable(pox_request("anna@example.com")), "pox.xml")


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (soap(external=OUT, internal=IN), BOTH),
        (soap(external=OUT), EwsUrls(external=OUT, internal="")),
        (soap(), EwsUrls(external="", internal="")),
        (soap("RedirectAddress", "a@other.example.com"), RedirectAddress("a@other.example.com")),
        (soap("RedirectUrl", "https://x.example.com/a.svc"), RedirectUrl("https://x.example.com/a.svc")),
        (soap("InvalidUser"), UnknownAddress()),
        (soap("InvalidDomain"), UnknownAddress()),
        (soap("NotFederated"), ErrorReply("NotFederated")),
        (soap(response="ServerBusy"), ErrorReply("ServerBusy")),
        (fault("InternalServerError"), ErrorReply("SOAP fault InternalServerError")),
    ],
)
def test_soap_reply(body: bytes, reply: Reply) -> None:
    assert soap_reply(body) == reply


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (pox_settings(OUT, IN), BOTH),
        (pox_settings(internal=IN), EwsUrls(external="", internal=IN)),
        (pox_redirect("redirectAddr", "RedirectAddr", "a@other.example.com"), RedirectAddress("a@other.example.com")),
        (pox_redirect("redirectUrl", "RedirectUrl", "https://x.example.com/"), RedirectUrl("https://x.example.com/")),
        (pox_error("500"), UnknownAddress()),
        (pox_error("600"), ErrorReply("error 600")),
        (pox(""), ErrorReply("an answer without an account")),
    ],
)
def test_pox_reply(body: bytes, reply: Reply) -> None:
    assert pox_reply(body) == reply


@pytest.mark.parametrize("read", [soap_reply, pox_reply])
def test_other_xml_is_declined(read: type) -> None:
    assert isinstance(read(b"<html/>"), ErrorReply)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_named_failure(body: bytes) -> None:
    for read in (soap_reply, pox_reply):
        with contextlib.suppress(NotUnderstood):
            read(body)
