"""The simulated Graph without sockets and log-in."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.simulator.faults import Effect, ODataError
from engine.simulator.graph import directory
from engine.simulator.graph.calendar_view import calendar_view
from engine.simulator.graph.errors import ACCESS_DENIED, Refusal
from engine.simulator.graph.odata import applied
from engine.simulator.graph.request import Answer, GraphRequest, answered
from engine.simulator.graph.schedules import get_schedule
from engine.simulator.graph.tenant import Caller, Level, Tenant

BATCH, CALENDAR_VIEW, GET_SCHEDULE, USERS = "batch", "calendarView", "getSchedule", "users"
OF_OUTLOOK = (CALENDAR_VIEW, GET_SCHEDULE)
"""Operations on a mailbox, which have limits for each mailbox."""
METHODS = {BATCH: "POST", CALENDAR_VIEW: "GET", GET_SCHEDULE: "POST", USERS: "GET"}


@dataclass(frozen=True, slots=True)
class Understood:
    """What a request is about: the operation, the key of a user in its path, and the primary address of that user."""

    operation: str = ""
    key: str = ""
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class GraphService:
    """The service at /v1.0, for a known caller."""

    tenant: Tenant

    def understand(self, request: GraphRequest) -> Understood:
        """Return what a request is about, nothing if there is no such resource; paths ignore case."""
        kind, key, *rest = (*request.segments, "", "")[: max(2, len(request.segments))]
        if kind.casefold() == "$batch":
            return Understood(BATCH)
        if kind.casefold() != "users":
            return Understood()
        mailbox = self.tenant.mailbox_named(key) if key else ""
        match [each.casefold() for each in rest]:
            case ["calendarview"] | ["calendar", "calendarview"]:
                return Understood(CALENDAR_VIEW, key, mailbox)
            case ["calendar", "getschedule" | "microsoft.graph.getschedule"]:
                return Understood(GET_SCHEDULE, key, mailbox)
            case []:
                return Understood(USERS, key, mailbox)
            case _:
                return Understood()

    def answer(
        self, request: GraphRequest, understood: Understood, caller: Caller, effects: Sequence[Effect]
    ) -> Answer:
        """Return the answer to any request but a batch. Raises Refusal."""
        if understood.operation in ("", BATCH):
            raise Refusal(ODataError(400, "BadRequest", f"Resource not found for the segment '{request.path}'."))
        if request.method != METHODS[understood.operation]:
            raise Refusal(ODataError(405, "Request_BadRequest", "Specified HTTP method is not allowed."))
        match understood.operation:
            case "calendarView":
                owner, level = self.tenant.calendar(caller, understood.key)
                if level is Level.READ_BASIC and not self.tenant.behaviour.read_basic_reads:
                    raise Refusal(ACCESS_DENIED)
                return answered(calendar_view(request, self.tenant.world, owner, level, effects), applied(request))
            case "getSchedule":
                self.tenant.calendar(caller, understood.key)
                return answered(get_schedule(request, self.tenant, caller), applied(request))
            case _:
                self.tenant.check_directory(caller)
                if understood.key:
                    return answered(directory.user(request, self.tenant, understood.key), {})
                return answered(directory.users(request, self.tenant), {})
