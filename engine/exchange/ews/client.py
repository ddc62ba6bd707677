"""Sends EWS operations and hands back their response messages."""

from engine.exchange.ews.answers import EwsAnswer
from engine.exchange.ews.soap import Impersonation, envelope
from engine.exchange.ews.throttle import Throttle
from engine.exchange.ews.transport import Http


class EwsClient:
    """Requests on behalf of a mailbox, or of the service account itself.

    `own_address` is the service account's SMTP address, "" where it is known only as DOMAIN\\user.
    """

    def __init__(self, http: Http, own_address: str, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle
        self._own_address = own_address

    async def call(self, url: str, operation: bytes, impersonation: Impersonation | None = None) -> EwsAnswer:
        """Send one operation; raises the failure of an answer that has no response messages, or asks for a pause.

        Raises `ExchangeBusy` without sending anything during such a pause.
        """
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        # Tells the front end which server to pass the request to. Without it, Exchange goes by who has logged in.
        anchor = impersonation.address if impersonation else self._own_address
        if anchor:
            headers["X-AnchorMailbox"] = anchor
        async with self._throttle.turn(url, impersonation.address if impersonation else None):
            answer = EwsAnswer(await self._http.post(url, envelope(operation, impersonation), headers), impersonation)
            if answer.busy is not None:
                raise answer.busy
            return answer
