"""The log-in of Exchange Online: a token with each request, nothing bound to the connection."""

from collections import Counter
from collections.abc import Callable

from aiohttp import web

from engine.simulator.exchange.ntlm import Seen

EXCHANGE_ONLINE = "00000002-0000-0ff1-ce00-000000000000"
"""The application id of Office 365 Exchange Online, the same in every tenant."""


class BearerGate:
    """Lets a request through or answers 401 (RFC 6750). `holder` returns whose a good token is, None for any other."""

    def __init__(self, holder: Callable[[str], str | None]) -> None:
        self.seen: Counter[Seen] = Counter()
        self._holder = holder

    async def authenticate(self, request: web.Request) -> str | web.Response:
        """Return the client id that asks, or the 401 to answer with."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return self._refuse(Seen.ANONYMOUS)
        holder = self._holder(token)
        if holder is None:
            return self._refuse(Seen.REFUSED)
        self.seen[Seen.LOGGED_IN] += 1
        return holder

    def _refuse(self, seen: Seen) -> web.Response:
        self.seen[seen] += 1
        challenge = f'Bearer client_id="{EXCHANGE_ONLINE}", token_types="app_asserted_user_v1 service_asserted_app_v1"'
        headers = {"WWW-Authenticate": challenge}
        if seen is Seen.REFUSED:
            headers["WWW-Authenticate"] += ', error="invalid_token"'
            headers["x-ms-diagnostics"] = '2000003;reason="The token is not valid.";error_category="invalid_token"'
        return web.Response(status=401, headers=headers)
