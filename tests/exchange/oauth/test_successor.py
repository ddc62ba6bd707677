"""The next certificate of an application is tried beside the present one, and takes over when it is accepted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from engine.core.secret import Secret
from engine.exchange.oauth.errors import AuthorityUnreachable, ClientCertificateRefused
from engine.exchange.oauth.msal_client import Proof, Registration, StoredCertificate
from engine.exchange.oauth.tokens import BearerTokens, Successor
from engine.logins.breaker import LogIns
from engine.logins.rules import Account
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator
from engine.simulator.faults import Reply
from tests.exchange.oauth.conftest import BY_SECRET, CLIENT, RESOURCE, KeyPair, MakeApplication, make_key_pair
from tests.support.clock import ManualClock

pytestmark = pytest.mark.slow

HOUR = 3600.0


class Site:
    """An application that logs in with a secret, and a certificate that is to replace it."""

    def __init__(self, entra: EntraSimulator, make: MakeApplication, clock: ManualClock) -> None:
        self.entra = entra
        self.clock = clock
        self.log_ins = LogIns(clock)
        self.pair = make_key_pair()
        self.accepted = 0
        self.make = make

    @property
    def application(self) -> AppRegistration:
        return self.entra.applications[CLIENT]

    @property
    def asked(self) -> int:
        return self.entra.ledger.operations["token"]

    @asynccontextmanager
    async def tokens(self) -> AsyncIterator[BearerTokens]:
        proof = in_memory(self.pair)
        present, following = registration(BY_SECRET), registration(proof)
        account = Account("exchange.next_certificate", present.account.name)
        successor = Successor(
            self.make(proof),
            trial=self.log_ins.breaker(account, following.identity),
            breaker=self.log_ins.breaker(present.account, following.identity),
            accepted=self._accept,
        )
        breaker = self.log_ins.breaker(present.account, present.identity)
        tokens = BearerTokens(self.make(), "application x", self.clock, breaker, successor=successor)
        try:
            yield tokens
        finally:
            await tokens.close()

    async def _accept(self) -> None:
        self.accepted += 1


def registration(proof: Proof) -> Registration:
    return Registration(authority="", tenant_id=TENANT, client_id=CLIENT, proof=proof)


def in_memory(pair: KeyPair) -> StoredCertificate:
    certificate = pair.certificate.public_bytes(Encoding.PEM)
    return StoredCertificate(Secret((pair.key_pem + certificate).decode()))


@pytest.fixture
def site(entra: EntraSimulator, make_application: MakeApplication) -> Site:
    return Site(entra, make_application, ManualClock())


async def test_a_certificate_in_memory_gets_a_token(
    entra: EntraSimulator, make_application: MakeApplication, key_pair: KeyPair
) -> None:
    application = make_application(in_memory(key_pair))
    token = await asyncio.to_thread(application.token, other_than_before=False)
    assert entra.holder(token.value.reveal(), RESOURCE) == CLIENT
    assert "PRIVATE KEY" not in repr(in_memory(key_pair))
    application.close()


async def test_one_that_is_not_uploaded_yet_is_tried_rarely_and_costs_the_present_one_nothing(site: Site) -> None:
    async with site.tokens() as tokens:
        for _ in range(24):
            assert site.entra.holder((await tokens.authorization()).removeprefix("Bearer "), RESOURCE) == CLIENT
            await site.clock.advance(HOUR)
        assert site.asked <= 24 + 4
        [refused] = [each for each in await site.log_ins.standings() if each.refused]
        assert refused.account.kind == "exchange.next_certificate"
    assert site.accepted == 0
    assert not tokens.has_changed_proof


async def test_once_uploaded_it_takes_over_and_the_former_proof_is_not_used_any_more(site: Site) -> None:
    async with site.tokens() as tokens:
        await tokens.authorization()
        site.application.certificates.append(site.pair.certificate)
        await site.clock.advance(HOUR)
        await tokens.authorization()
        assert (site.accepted, tokens.has_changed_proof) == (1, True)
        site.application.client_secrets.clear()
        await site.clock.advance(HOUR)
        assert site.entra.holder((await tokens.authorization()).removeprefix("Bearer "), RESOURCE) == CLIENT
        in_force = [each for each in await site.log_ins.standings() if each.account.kind == "exchange.client_secret"]
        assert [(each.refused, each.unproved) for each in in_force] == [(0, 0)]
    assert site.accepted == 1


async def test_a_certificate_whose_log_ins_are_paused_is_not_called_a_secret(site: Site) -> None:
    proof = in_memory(site.pair)
    breaker = site.log_ins.breaker(registration(proof).account, registration(proof).identity)
    tokens = BearerTokens(site.make(proof), "application x", site.clock, breaker)
    for _ in range(3):
        with pytest.raises(ClientCertificateRefused) as refused:
            await tokens.authorization()
        await site.clock.advance(HOUR / 2)
    assert "paused until" in refused.value.detail
    await tokens.close()


async def test_an_authority_that_is_down_decides_nothing(site: Site) -> None:
    site.application.certificates.append(site.pair.certificate)
    async with site.tokens() as tokens:
        fault = site.entra.faults.add(Reply(503), operation="token")
        with pytest.raises(AuthorityUnreachable):
            await tokens.authorization()
        assert site.accepted == 0
        site.entra.faults.clear(fault)
        await site.clock.advance(HOUR)
        await tokens.authorization()
        assert site.accepted == 1


async def test_files_that_are_replaced_are_used_for_the_next_token(
    entra: EntraSimulator, make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path
) -> None:
    ends: list[datetime] = []
    application = make_application(key_pair.files(tmp_path), on_certificate=ends.append)

    async def is_good() -> bool:
        token = await asyncio.to_thread(application.token, other_than_before=True)
        return entra.holder(token.value.reveal(), RESOURCE) == CLIENT

    assert await is_good()
    renewed, known = make_key_pair(), entra.applications[CLIENT].certificates
    known.append(renewed.certificate)
    renewed.files(tmp_path)
    (tmp_path / "app.key").write_bytes(key_pair.key_pem)
    assert await is_good(), "while they are being replaced, the former one stays in use"
    renewed.files(tmp_path)
    known.remove(key_pair.certificate)
    assert await is_good()
    assert ends == [each.certificate.not_valid_after_utc for each in (key_pair, renewed)]
    application.close()
