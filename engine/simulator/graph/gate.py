"""Log-in at Graph: which application a token is for, and with which permissions (RFC 6750)."""

from engine.simulator.entra import EntraSimulator
from engine.simulator.faults import ODataError
from engine.simulator.graph.errors import invalid_token
from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.tenant import Caller


class Gate:
    """Takes the tokens of one authority for the `audiences`, which are the URLs of this Graph."""

    def __init__(self, entra: EntraSimulator, audiences: frozenset[str]) -> None:
        self._entra = entra
        self._audiences = audiences

    def admit(self, request: GraphRequest) -> Caller | ODataError:
        """Return the caller, or the error to answer with."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return invalid_token("Access token is empty.")
        claims = self._entra.claims(token)
        if claims is None:
            return invalid_token("CompactToken parsing failed with error code: 80049217")
        if claims["aud"] not in self._audiences:
            return invalid_token("Access token validation failure. Invalid audience.")
        if self._entra.has_ended(claims):
            return invalid_token("Lifetime validation failed, the token is expired.")
        if self._entra.is_revoked(claims):
            return invalid_token(
                "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
                "TokenIssuedBeforeRevocationTimestamp"
            )
        return Caller(str(claims["appid"]), frozenset(claims.get("roles", ())))
