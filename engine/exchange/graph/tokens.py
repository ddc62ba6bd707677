"""Tokens for Graph, which says in the body of an answer why it refuses one."""

from collections.abc import Mapping

from engine.exchange.errors import ExchangeFailure
from engine.exchange.graph.batch import GraphAnswer
from engine.exchange.graph.error_codes import error_in, failure_of, meaning_of
from engine.exchange.graph.errors import GraphTokenRefused
from engine.exchange.oauth.errors import ConditionalAccessBlocks
from engine.exchange.oauth.tokens import BearerTokens

_UNAUTHORIZED = 401


class GraphTokens(BearerTokens):
    """Implements `RequestAuth` for Graph.

    https://learn.microsoft.com/graph/resolve-auth-errors
    """

    def refusal(self, host: str, headers: Mapping[str, str], body: bytes) -> ExchangeFailure:
        """Return the failure for a 401 of Graph: the token, the permission, or a policy of the tenant."""
        about = f"{self.user} at {host}"
        if "insufficient_claims" in headers.get("www-authenticate", ""):
            return ConditionalAccessBlocks(about)
        return failure_of(GraphAnswer(_UNAUTHORIZED, headers, body), about, of_a_mailbox=False)

    def is_stale(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether a 401 rejects the token itself, so that another one may help.

        One that was issued before a policy changed counts as well (continuous access evaluation).
        """
        return meaning_of(_UNAUTHORIZED, error_in(body)) is GraphTokenRefused or super().is_stale(headers, body)
