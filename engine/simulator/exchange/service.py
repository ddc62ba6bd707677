"""EWS without a socket: a request's bytes go in, an answer comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from engine.simulator.exchange.availability import get_user_availability
from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.folders import get_folder
from engine.simulator.exchange.homes import Homes, Route
from engine.simulator.exchange.notifications import open_stream, subscribe, subscription_ids, unsubscribe
from engine.simulator.exchange.operations import Operation, find_item, get_item
from engine.simulator.exchange.resolve_names import resolve_names
from engine.simulator.exchange.soap import Answer, Envelope, M, Refusal, answer, failure, fault
from engine.simulator.exchange.subscriptions import Subscriptions
from engine.simulator.faults import StreamEnds
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
"""What the schema wants in every response message of an operation, even in one that failed."""
GET_STREAMING_EVENTS = "GetStreamingEvents"


@dataclass(frozen=True, slots=True)
class ExchangeService:
    """What /EWS/Exchange.asmx does with a request, once the caller is known and the envelope is taken apart."""

    world: World
    behaviour: Behaviour
    homes: Homes
    subscriptions: Subscriptions

    def answer(self, envelope: Envelope, account: str, route: Route, ends: StreamEnds | None = None) -> Answer:
        """Return the answer to any request: the operation's, or a SOAP fault; one that hangs `ends` as told."""
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
        """Return the cookie of a request that wants to come back here and does not yet know how."""
        if not call.route.prefers_affinity or self.homes.knows(call.route.cookie):
            return ""
        back_end = self.homes.back_end(call.route, call.mailbox)
        return self.homes.cookie_for(back_end) if back_end else ""

    def _mailbox(self, envelope: Envelope, route: Route) -> str | None:
        """Return the primary address of the mailbox to act for, None without impersonation.

        Raises Refusal as MS-OXWSCORE and the response code reference have it.
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
        if owner is None or owner.mailbox is None:
            raise Refusal("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        is_primary = owner.mailbox.casefold() == name.casefold()
        if not is_primary and not (kind == "SmtpAddress" and self.behaviour.secondary_impersonation):
            raise Refusal(
                "ErrorNonPrimarySmtpAddress",
                "The primary SMTP address must be specified when referencing a mailbox.",
                {"Primary": owner.mailbox},
            )
        if not owner.may_impersonate:
            message = "The account does not have permission to impersonate the requested user."
            raise Refusal("ErrorImpersonateUserDenied", message)
        if not self.homes.is_served_at(owner.mailbox, route.host):
            raise Refusal("ErrorCrossSiteRequest", "The mailbox is in another site: ask autodiscover for its server.")
        return owner.mailbox


def refused(operation: str, problem: Refusal) -> Answer:
    """Return an answer of HTTP 200 whose one response message is an error, or a fault where there is no such."""
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
