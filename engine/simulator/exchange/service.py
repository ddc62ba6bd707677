"""EWS without a socket: a request's bytes go in, an answer comes out."""

from dataclasses import dataclass

from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.operations import OPERATIONS
from engine.simulator.exchange.soap import Answer, Envelope, M, Refusal, answer, failure, fault
from engine.simulator.world import World


@dataclass(frozen=True, slots=True)
class ExchangeService:
    """What /EWS/Exchange.asmx does with a request, once the caller is known and the envelope is taken apart."""

    world: World
    behaviour: Behaviour

    def answer(self, envelope: Envelope) -> Answer:
        """Return the answer to any request: the operation's, or a SOAP fault."""
        try:
            operation = OPERATIONS.get(envelope.operation)
            if operation is None:
                raise Refusal("ErrorInvalidRequest", f"This server has no operation {envelope.operation}.")
            try:
                mailbox = self._mailbox(envelope)
            except Refusal as problem:
                if self.behaviour.impersonation_refused_in == "fault":
                    raise
                return refused(envelope.operation, problem)
            call = Call(envelope.request, self.world, self.behaviour, mailbox)
            return answer(envelope.operation, operation(call))
        except Refusal as problem:
            return fault(problem)

    def _mailbox(self, envelope: Envelope) -> str | None:
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
        if owner.mailbox.casefold() != name.casefold():
            raise Refusal(
                "ErrorNonPrimarySmtpAddress",
                "The primary SMTP address must be specified when referencing a mailbox.",
                {"Primary": owner.mailbox},
            )
        if not owner.may_impersonate:
            message = "The account does not have permission to impersonate the requested user."
            raise Refusal("ErrorImpersonateUserDenied", message)
        return owner.mailbox


def refused(operation: str, problem: Refusal) -> Answer:
    """Return an answer of HTTP 200 whose one response message is an error, or a fault where there is no such."""
    if operation == "GetUserAvailabilityRequest":
        return fault(problem)
    # The schema wants Items in every response message of GetItem.
    content = [M("Items")] if operation == "GetItem" else []
    return answer(operation, [failure(operation, problem, *content)])
