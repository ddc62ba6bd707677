"""Token requests are traced as well, without secret, assertion or token."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.secret import Secret
from engine.debuglog.entry import kept_of, redacted
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.exchange.errors import ExchangeFailure
from engine.simulator.entra import EntraSimulator
from tests.exchange.oauth.conftest import BY_SECRET, SECRET, KeyPair, MakeApplication
from tests.support.tracing import Onlooker

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("by_certificate", [False, True])
async def test_a_token_request_is_kept_without_its_secrets(
    entra: EntraSimulator, make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path, by_certificate: bool
) -> None:
    onlooker = Onlooker()
    proof = key_pair.files(tmp_path) if by_certificate else BY_SECRET
    application = make_application(proof, trace=onlooker)
    token = await asyncio.to_thread(application.token, other_than_before=False)
    application.close()
    redactor = SecretRedactor()
    redactor.know([Secret(SECRET)])
    seen = [redacted(each, redactor, NOW) for each in onlooker.seen]
    kept = [kept_of(each, subjects=True, whose=lambda mailbox: "") for each in seen]
    assert [each.row.operation for each in kept] == ["Tenant", "Token"]
    assert {name for name, _ in kept[1].particulars.phases} >= {"send", "wait", "receive"}
    everything = repr(kept) + "".join(repr(each.request + each.response) for each in kept)
    assert b"client_credentials" in kept[1].request
    assert b"expires_in" in kept[1].response
    assert token.value.reveal() not in everything
    assert SECRET not in everything
    assert "eyJ" not in everything


async def test_a_refused_token_is_kept_with_its_codes(entra: EntraSimulator, make_application: MakeApplication) -> None:
    onlooker = Onlooker()
    application = make_application(Secret("wrong-secret-value"), trace=onlooker)
    with pytest.raises(ExchangeFailure):
        await asyncio.to_thread(application.token, other_than_before=False)
    application.close()
    kept = kept_of(redacted(onlooker.seen[-1], SecretRedactor(), NOW), subjects=True, whose=lambda _: "")
    assert (kept.row.error, kept.row.codes) == (True, ("AADSTS7000215", "invalid_client"))
    assert b"wrong-secret-value" not in kept.request
