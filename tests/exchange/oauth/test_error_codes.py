"""What the codes of Entra mean (learn.microsoft.com/entra/identity-platform/reference-error-codes)."""

import pytest

from engine.exchange.errors import ExchangeFailure
from engine.exchange.oauth.errors import (
    ApplicationUnknown,
    AuthorityUnreachable,
    ClientCertificateRefused,
    ClientSecretRefused,
    ConditionalAccessBlocks,
    ConsentMissing,
    ResourceUnknown,
    TenantUnknown,
    TokenDenied,
    kind_of,
)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (9001023, TenantUnknown),
        (50194, TenantUnknown),
        (70001, ApplicationUnknown),
        (700011, ApplicationUnknown),
        (700030, ClientCertificateRefused),
        (50012, ClientCertificateRefused),
        (500011, ResourceUnknown),
        (65001, ConsentMissing),
        (650056, ConsentMissing),
        (53003, ConditionalAccessBlocks),
        (530035, ConditionalAccessBlocks),
        (50196, AuthorityUnreachable),
        (90033, AuthorityUnreachable),
        (12345678, TokenDenied),
    ],
)
def test_a_code_counts_before_the_error(code: int, failure: type[ExchangeFailure]) -> None:
    assert kind_of([code], "invalid_grant", by_certificate=True) is failure


def test_of_several_codes_the_first_known_one_counts() -> None:
    assert kind_of([12345678, 7000215, 53003], "invalid_client", by_certificate=True) is ClientSecretRefused
