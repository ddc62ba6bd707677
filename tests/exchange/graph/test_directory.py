"""Users of the directory, and who has an address."""

import json
from typing import Any

import pytest
from hypothesis import given

from engine.exchange.errors import MailboxNotFound, NotUnderstood
from engine.exchange.graph.directory import DirectoryUser, owner, users
from engine.exchange.graph.errors import AddressAmbiguous
from tests.exchange.graph.wire import BODIES
from tests.support.graph_schema import sample


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "id": "6f0a2c34",
        "mail": "Anna@example.com",
        "userPrincipalName": "a.example@example.onmicrosoft.com",
        "proxyAddresses": ["SMTP:Anna@example.com", "smtp:ae@example.com", "x500:/o=Example"],
        "accountEnabled": True,
        "userType": "Member",
    } | changes


def read(*entries: Any) -> tuple[DirectoryUser, ...]:
    return users(json.dumps({"value": entries}).encode())


def test_the_documented_answer() -> None:
    (anna,) = users(json.dumps(sample("users")).encode())
    assert owner("a.example@example.com", [anna]) is anna
    assert not anna.is_guest


@pytest.mark.parametrize("address", ["anna@example.com", "AE@example.com", "a.example@EXAMPLE.onmicrosoft.com"])
def test_every_address_of_a_user_leads_to_it(address: str) -> None:
    assert owner(address, read(entry())).id == "6f0a2c34"


@pytest.mark.parametrize("address", ["/o=Example", "x500:/o=Example", "smtp:ae@example.com", "nobody@example.com", ""])
def test_what_is_no_address_of_a_user_leads_nowhere(address: str) -> None:
    with pytest.raises(MailboxNotFound):
        owner(address, read(entry()))


def test_an_address_of_several_users_is_not_guessed() -> None:
    found = read(entry(), entry(id="other", mail=None, proxyAddresses=["smtp:anna@example.com"]))
    with pytest.raises(AddressAmbiguous, match="2 users"):
        owner("anna@example.com", found)


def test_a_guest_has_no_mailbox_and_hides_nobody() -> None:
    guest = entry(id="guest", userType="Guest")
    with pytest.raises(MailboxNotFound, match="guest"):
        owner("anna@example.com", read(guest))
    assert owner("anna@example.com", read(guest, entry())).id == "6f0a2c34"


def test_a_disabled_account_may_be_a_shared_mailbox() -> None:
    found = owner("anna@example.com", read(entry(accountEnabled=False)))
    assert found.described("anna@example.com") == "anna@example.com (its account is disabled)"


def test_an_entry_that_cannot_be_understood_is_left_out() -> None:
    assert len(read(None, {}, entry(id=""), entry(id=5), entry(proxyAddresses=7), entry(), entry())) == 1


def test_an_entry_of_nulls_is_lived_with() -> None:
    (user,) = read({"id": "x", "mail": None, "userPrincipalName": None, "proxyAddresses": None, "accountEnabled": None})
    assert (user.is_guest, user.has("x"), user.described("x")) == (False, False, "x")


@pytest.mark.slow
@given(BODIES)
def test_whatever_comes_are_users_or_not_understood(body: bytes) -> None:
    try:
        found = users(body)
    except NotUnderstood:
        return
    assert len({user.id for user in found}) == len(found)
    assert all(user.id for user in found)
