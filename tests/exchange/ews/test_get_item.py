import pytest

from engine.exchange.ews.get_item import organizer
from engine.exchange.ews.soap import response_messages
from tests.exchange.ews.schema import violations
from tests.exchange.ews.wire import organized

ANN = "<t:Name>Ann</t:Name><t:EmailAddress>ann@example.com</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"


def test_answers_of_these_tests_are_valid_by_the_schema() -> None:
    assert violations(organized(ANN, None)) == []


@pytest.mark.parametrize(
    ("mailbox", "address"),
    [
        (ANN, "ann@example.com"),
        (ANN.replace("<t:RoutingType>SMTP</t:RoutingType>", ""), "ann@example.com"),
        (ANN.replace("SMTP", "smtp"), "ann@example.com"),
        (ANN.replace("ann@example.com", "/o=Example/ou=Gone/cn=ann").replace("SMTP", "EX"), None),
        ("<t:Name>Ann</t:Name>", None),
        ("", None),
    ],
)
def test_organizer_is_known_by_an_smtp_address_or_not_at_all(mailbox: str, address: str | None) -> None:
    assert organizer(response_messages(organized(mailbox))[0].element) == address


def test_item_without_an_organizer_has_none() -> None:
    body = organized("").replace(b"<t:Organizer><t:Mailbox></t:Mailbox></t:Organizer>", b"")
    assert organizer(response_messages(body)[0].element) is None
