"""Personal data of appointments is not stored unless configured, and that of private ones never."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from engine.debuglog.redaction.pseudonyms import Pseudonyms, blank_personal

PERSONAL = "Frauenarzt Dr. Müller"
prefixes = st.sampled_from(["", "t:", "m:", "ns0:", "exchange-types:"])
attributes = st.sampled_from(["", ' xml:lang="de"', " a='1' b='2'"])
texts = st.sampled_from([PERSONAL, f"<![CDATA[{PERSONAL}]]>", f"\n  {PERSONAL}\n", f"a &amp; {PERSONAL}"])


def element(prefix: str, name: str, inside: str, more: str = "") -> str:
    return f"<{prefix}{name}{more}>{inside}</{prefix}{name}>"


@settings(max_examples=60)
@given(prefixes, st.sampled_from(["Subject", "Location", "DisplayName", "Name"]), attributes, texts)
def test_texts_are_blanked_whatever_their_prefix(prefix: str, name: str, more: str, text: str) -> None:
    body = element(prefix, "CalendarItem", element(prefix, name, text, more) + element(prefix, "Start", "2026"))
    blanked = blank_personal(body.encode(), subjects=False).decode()
    assert "Frauenarzt" not in blanked
    assert element(prefix, "Start", "2026") in blanked


@given(prefixes, st.sampled_from(["Organizer", "RequiredAttendees", "Contact"]), texts)
def test_people_are_blanked_with_their_addresses(prefix: str, tree: str, text: str) -> None:
    mailbox = element(prefix, "EmailAddress", "anna@corp.example") + element(prefix, "RoutingType", "SMTP")
    body = element(prefix, tree, element(prefix, "Mailbox", element(prefix, "Name", text) + mailbox))
    blanked = blank_personal(body.encode(), subjects=False).decode()
    assert "Frauenarzt" not in blanked
    assert "anna@" not in blanked
    assert element(prefix, "EmailAddress", "[blanked]") in blanked


@given(prefixes, st.integers(1, 400))
def test_what_was_cut_off_is_blanked_as_well(prefix: str, length: int) -> None:
    item = element(prefix, "Subject", PERSONAL) + element(prefix, "Organizer", element(prefix, "Name", PERSONAL))
    body = element(prefix, "CalendarItem", item).encode()[:length]
    assert b"Frauenarz" not in blank_personal(body, subjects=False)


def an_item(*parts: str) -> str:
    return element("t:", "CalendarItem", element("t:", "Subject", PERSONAL) + "".join(parts))


@pytest.mark.parametrize(
    ("parts", "stays"),
    [
        (["<t:Sensitivity>Normal</t:Sensitivity>"], True),
        (["<t:Sensitivity>Private</t:Sensitivity>"], False),
        (["<t:Sensitivity>Confidential</t:Sensitivity>"], False),
        (["<t:Sensitivity>Personal</t:Sensitivity>"], False),
        ([], False),
    ],
)
def test_with_subjects_only_those_that_are_said_to_be_open_stay(parts: list[str], stays: bool) -> None:
    other = an_item("<t:Sensitivity>Normal</t:Sensitivity>").replace(PERSONAL, "Jour fixe")
    blanked = blank_personal((other + an_item(*parts) + other).encode(), subjects=True).decode()
    assert (PERSONAL in blanked) is stays
    assert blanked.count("Jour fixe") == 2


def test_free_busy_details_of_private_events_are_blanked() -> None:
    event = element("t:", "CalendarEvent", "<t:Subject>Arzt</t:Subject><t:IsPrivate>true</t:IsPrivate>")
    assert "Arzt" not in blank_personal(event.encode(), subjects=True).decode()
    shown = event.replace("true", "false")
    assert blank_personal(shown.encode(), subjects=True).decode() == shown


def test_an_answer_stays_well_formed_and_all_the_rest_stays() -> None:
    body = (
        '<s:Envelope xmlns:s="a" xmlns:t="b"><s:Body><t:Subject>x &lt; y</t:Subject><t:Start>2026</t:Start>'
        '<t:Body BodyType="Text">all of it</t:Body><t:Organizer><t:Mailbox><t:Name>N</t:Name></t:Mailbox></t:Organizer>'
        "<t:ResponseCode>NoError</t:ResponseCode></s:Body></s:Envelope>"
    )
    root = etree.fromstring(blank_personal(body.encode(), subjects=False))
    told = {etree.QName(each).localname: each.text for each in root.iter() if each.text}
    assert told == {
        "Subject": "[blanked]",
        "Start": "2026",
        "Body": "[blanked]",
        "Name": "[blanked]",
        "ResponseCode": "NoError",
    }


def test_names_of_settings_are_no_names_of_people() -> None:
    body = b'<a xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover"><Name>ExternalEwsUrl</Name></a>'
    assert blank_personal(body, subjects=False) == body


def test_the_same_address_has_the_same_pseudonym() -> None:
    pseudonyms = Pseudonyms()
    text = pseudonyms.text("Anna@corp.example, smtp:bob@corp.example, anna%40corp.example; jörg@bücher.example")
    assert text == (
        "mailbox-1@redacted.invalid, smtp:mailbox-2@redacted.invalid, mailbox-1@redacted.invalid; "
        "mailbox-3@redacted.invalid"
    )


def test_a_word_alone_is_no_element() -> None:
    body = b'<t:FieldURI FieldURI="item:Subject"/><m:X Name="Subject">Location</m:X><t:SubjectX>a</t:SubjectX><Name/>'
    assert blank_personal(body, subjects=False) == body


@pytest.mark.parametrize("repeated", [b"<t:Subject>", b"<t:Organizer>", b"<t:Subject><![CDATA[", b"Subject", b"<Name "])
def test_no_body_is_so_malicious_that_it_keeps_us_busy(repeated: bytes) -> None:
    def took(times: int) -> float:
        begun = time.process_time()
        blank_personal(repeated * times, subjects=False)
        return time.process_time() - begun

    took(1000)
    assert took(40_000) < 100 * (took(4000) + 0.001)
