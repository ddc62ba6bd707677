"""Everything the simulated server answers once the caller is logged in, without a socket: requests in, answers out."""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from engine.simulator.exchange import autodiscover_pox, autodiscover_soap
from engine.simulator.exchange.autodiscover import Directory
from engine.simulator.exchange.homes import Route
from engine.simulator.exchange.request import AUTODISCOVER_POX_PATH, AUTODISCOVER_SOAP_PATH, EWS_PATH, Request
from engine.simulator.exchange.service import ExchangeService, refused
from engine.simulator.exchange.soap import Answer, Envelope, Refusal, fault, parse
from engine.simulator.exchange.xml import Element
from engine.simulator.faults import Effect, ErrorCode, RedirectAddress, RedirectUrl, StreamEnds

NOT_FOUND = Answer(404, b"<h2>404 - File or directory not found.</h2>", "")


@dataclass(frozen=True, slots=True)
class Understood:
    """A request as far as it was understood before anything is done about it.

    `operation` and `mailbox` are "" where the request has none; `refusal` is the answer to one that cannot be used.
    """

    operation: str = ""
    mailbox: str = ""
    envelope: Envelope | None = None
    settings_request: Element | None = None
    refusal: Answer | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """EWS and both forms of autodiscover by their paths; `schema` validates every EWS request if it is given."""

    service: ExchangeService
    directory: Directory
    schema: etree.XMLSchema | None = None

    def understand(self, request: Request) -> Understood:
        """Take the request apart."""
        if request.endpoint == EWS_PATH:
            return self._understand_ews(request)
        if request.endpoint == AUTODISCOVER_SOAP_PATH:
            return self._understand_settings_request(request)
        if request.endpoint == AUTODISCOVER_POX_PATH:
            return Understood("Autodiscover", autodiscover_pox.parse(request.body)[0])
        return Understood()

    def answer(self, request: Request, understood: Understood, account: str, effects: Sequence[Effect]) -> Answer:
        """Return the answer to a request of `account`, which the effects of faults may turn into another."""
        if understood.refusal is not None:
            return understood.refusal
        redirect = next((e for e in effects if isinstance(e, RedirectAddress | RedirectUrl)), None)
        if request.endpoint == AUTODISCOVER_SOAP_PATH:
            return autodiscover_soap.answer(self.directory, understood.settings_request, redirect)
        if request.endpoint == AUTODISCOVER_POX_PATH:
            return autodiscover_pox.answer(self.directory, request.body, redirect)
        if understood.envelope is None:
            return NOT_FOUND
        code = next((e for e in effects if isinstance(e, ErrorCode)), None)
        if code is not None:
            problem = Refusal(code.code, code.message, code.values)
            return fault(problem) if code.in_fault else refused(understood.operation, problem)
        ends = next((e for e in effects if isinstance(e, StreamEnds)), None)
        return self.service.answer(understood.envelope, account, Route.of(request), ends)

    def _understand_ews(self, request: Request) -> Understood:
        if unusable := _unusable(request):
            return Understood(refusal=unusable)
        try:
            envelope = parse(request.body, self.schema)
        except Refusal as problem:
            return Understood(refusal=fault(problem))
        _, mailbox = envelope.impersonated or ("", "")
        return Understood(envelope.operation, mailbox, envelope)

    def _understand_settings_request(self, request: Request) -> Understood:
        if unusable := _unusable(request):
            return Understood(refusal=unusable)
        envelope = autodiscover_soap.parse(request.body)
        users = [] if envelope is None else autodiscover_soap.users(envelope)
        return Understood("GetUserSettings", users[0] if users else "", settings_request=envelope)


def _unusable(request: Request) -> Answer | None:
    """Return what a SOAP endpoint says to a request that is no POST of XML."""
    if request.method != "POST":
        return Answer(405, b"<h2>405 - HTTP verb used to access this page is not allowed.</h2>", "")
    if not request.body:
        return Answer(400, b"<h2>Bad Request</h2>", "")
    if request.media_type != "text/xml":
        return Answer(415, b"", "")
    return None
