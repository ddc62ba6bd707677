"""The simulated EWS and autodiscover without sockets and log-in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from lxml import etree

from engine.simulator.exchange import autodiscover
from engine.simulator.exchange.autodiscover import Directory
from engine.simulator.exchange.call import Call, get_folder
from engine.simulator.exchange.operations import (
    Operation,
    find_item,
    get_item,
    get_user_availability,
    open_stream,
    resolve_names,
    subscribe,
    subscription_ids,
    unsubscribe,
)
from engine.simulator.exchange.request import AUTODISCOVER_POX_PATH, AUTODISCOVER_SOAP_PATH, EWS_PATH, Request
from engine.simulator.exchange.soap import Answer, Element, Envelope, M, Refusal, answer, failure, fault, parse
from engine.simulator.exchange.streaming import Subscriptions
from engine.simulator.exchange.topology import Behaviour, Homes, Route
from engine.simulator.faults import Effect, ErrorCode, RedirectAddress, RedirectUrl, StreamEnds
from engine.simulator.world import World

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "FindItem": find_item,
        "GetFolder": get_folder,
        "GetItem": get_item,
        "ResolveNames": resolve_names,
        "Subscribe": subscribe,
        "Unsubscribe": unsubscribe,
        "GetUserAvailabilityRequest": get_user_availability,
    }
)
ALWAYS: Mapping[str, str] = MappingProxyType({"GetItem": "Items", "GetFolder": "Folders"})
"""The elements that the schema requires in every response message of an operation, even a failed one."""
GET_STREAMING_EVENTS = "GetStreamingEvents"


@dataclass(frozen=True, slots=True)
class ExchangeService:
    """The service at /EWS/Exchange.asmx, for a known caller and a parsed envelope."""

    world: World
    behaviour: Behaviour
    homes: Homes
    subscriptions: Subscriptions

    def answer(self, envelope: Envelope, account: str, route: Route, ends: StreamEnds | None = None) -> Answer:
        """Return the answer to any request: that of the operation, or a SOAP fault; a streaming one `ends` as given."""
        try:
            if envelope.operation not in (*OPERATIONS, GET_STREAMING_EVENTS):
                raise Refusal("ErrorInvalidRequest", f"This server has no operation {envelope.operation}.")
            try:
                mailbox = self._mailbox(envelope, route)
            except Refusal as problem:
                if self.behaviour.impersonation_refused_in == "fault":
                    raise
                return refused(envelope.operation, problem)
            call = Call(
                envelope.request, self.world, self.behaviour, self.homes, self.subscriptions, mailbox, account, route
            )
            if envelope.operation == GET_STREAMING_EVENTS:
                return _hanging(call, ends)
            given = answer(envelope.operation, OPERATIONS[envelope.operation](call))
            return replace(given, cookie=self._cookie(call))
        except Refusal as problem:
            return fault(problem)

    def _cookie(self, call: Call) -> str:
        """Return the affinity cookie for a request that asks for affinity and has no cookie yet."""
        if not call.route.prefers_affinity or self.homes.knows(call.route.cookie):
            return ""
        back_end = self.homes.back_end(call.route, call.mailbox)
        return self.homes.cookie_for(back_end) if back_end else ""

    def _mailbox(self, envelope: Envelope, route: Route) -> str | None:
        """Return the primary address of the impersonated mailbox, None without impersonation.

        Raises Refusal as specified in MS-OXWSCORE and the response code reference.
        """
        if envelope.impersonated is None:
            if self.behaviour.app_only:
                message = "ExchangeImpersonation SOAP header must be present for this type of OAuth token."
                raise Refusal("ErrorInvalidRequest", message)
            return None
        kind, name = envelope.impersonated
        if kind == "SID":
            raise Refusal("ErrorInvalidUserSid", "The user SID does not belong to a known account.")
        if "@" not in name:
            raise Refusal("ErrorInvalidSmtpAddress", "The SMTP address is not valid.")
        owner = self.world.owner(name)
        if owner is None or owner.mailbox is None or self.homes.is_remote(owner.mailbox):
            raise Refusal("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        is_primary = owner.mailbox.casefold() == name.casefold()
        if not is_primary and not (kind == "SmtpAddress" and self.behaviour.secondary_impersonation):
            raise Refusal(
                "ErrorNonPrimarySmtpAddress",
                "The primary SMTP address must be specified when referencing a mailbox.",
                {"Primary": owner.mailbox},
            )
        if not self.world.in_scope(owner):
            message = "The account does not have permission to impersonate the requested user."
            raise Refusal("ErrorImpersonateUserDenied", message)
        if not self.homes.is_served_at(owner.mailbox, route.host):
            raise Refusal("ErrorCrossSiteRequest", "The mailbox is in another site: ask autodiscover for its server.")
        return owner.mailbox


def refused(operation: str, problem: Refusal) -> Answer:
    """Return an answer of HTTP 200 whose one response message is an error, or a fault if the operation has none."""
    if operation == "GetUserAvailabilityRequest":
        return fault(problem)
    return answer(operation, [failure(operation, problem, *([M(wanted)] if (wanted := ALWAYS.get(operation)) else []))])


def _hanging(call: Call, ends: StreamEnds | None) -> Answer:
    try:
        stream, minutes = open_stream(call)
    except Refusal as problem:
        return refused(GET_STREAMING_EVENTS, problem)
    if ends is not None:
        stream.end_early(ends, subscription_ids(call))
    return Answer(200, b"", chunks=stream.chunks(60.0 * minutes))


NOT_FOUND = Answer(404, b"<h2>404 - File or directory not found.</h2>", "")


@dataclass(frozen=True, slots=True)
class Understood:
    """A parsed request before it is carried out.

    `operation` and `mailbox` are "" where the request has none; `refusal` is the answer to one that cannot be used.
    """

    operation: str = ""
    mailbox: str = ""
    envelope: Envelope | None = None
    settings_request: Element | None = None
    refusal: Answer | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """EWS and both forms of autodiscover, by their paths; `schema`, if given, validates every EWS request."""

    service: ExchangeService
    directory: Directory
    schema: etree.XMLSchema | None = None

    def understand(self, request: Request) -> Understood:
        """Parse the request."""
        if request.endpoint == EWS_PATH:
            return self._understand_ews(request)
        if request.endpoint == AUTODISCOVER_SOAP_PATH:
            return self._understand_settings_request(request)
        if request.endpoint == AUTODISCOVER_POX_PATH:
            return Understood("Autodiscover", autodiscover.parse_pox(request.body)[0])
        return Understood()

    def answer(self, request: Request, understood: Understood, account: str, effects: Sequence[Effect]) -> Answer:
        """Return the answer to a request of `account`, or what the effects of faults turn it into."""
        if understood.refusal is not None:
            return understood.refusal
        redirect = next((e for e in effects if isinstance(e, RedirectAddress | RedirectUrl)), None)
        if request.endpoint == AUTODISCOVER_SOAP_PATH:
            return autodiscover.answer_soap(self.directory, understood.settings_request, redirect)
        if request.endpoint == AUTODISCOVER_POX_PATH:
            return autodiscover.answer_pox(self.directory, request.body, redirect)
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
        envelope = autodiscover.parse_soap(request.body)
        users = [] if envelope is None else autodiscover.soap_users(envelope)
        return Understood("GetUserSettings", users[0] if users else "", settings_request=envelope)


def _unusable(request: Request) -> Answer | None:
    """Return the answer of a SOAP endpoint to a request that is no POST of XML, None for one that is."""
    if request.method != "POST":
        return Answer(405, b"<h2>405 - HTTP verb used to access this page is not allowed.</h2>", "")
    if not request.body:
        return Answer(400, b"<h2>Bad Request</h2>", "")
    if request.media_type != "text/xml":
        return Answer(415, b"", "")
    return None
