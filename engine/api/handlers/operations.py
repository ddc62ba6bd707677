"""Work that takes its time, and who asked for what."""

from aiohttp import web

from engine.api.answers import answer
from engine.api.desk import Desk
from engine.api.peers import actor_of
from engine.api.problems import not_found
from engine.api.routes import Route
from engine.api.schema import AuditLog, Operation, Operations


class OperationsPart:
    """Answers from the operations and the audit log of `desk`."""

    capabilities = ("operations", "audit")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1/operations", "operations", "Operations, the newest first", self._operations, Operations),
            Route("GET", "/v1/operations/{id}", "operation", "Progress of an operation", self._operation, Operation),
            Route("DELETE", "/v1/operations/{id}", "cancel", "Call it off", self._cancel, Operation, changes=True),
            Route("GET", "/v1/audit", "audit", "Who changed what, the newest first", self._audit, AuditLog),
        )

    async def _operations(self, request: web.Request) -> web.Response:
        return answer(Operations(operations=self._desk.operations.all()))

    async def _operation(self, request: web.Request) -> web.Response:
        return answer(_found(self._desk.operations.get(request.match_info["id"])))

    async def _cancel(self, request: web.Request) -> web.Response:
        operation = _found(self._desk.operations.get(request.match_info["id"]))
        await self._desk.write_down(await actor_of(request), "cancel", f"operation {operation.id}")
        return answer(_found(self._desk.operations.cancel(operation.id)))

    async def _audit(self, request: web.Request) -> web.Response:
        return answer(AuditLog(entries=self._desk.audit.entries()))


def _found(operation: Operation | None) -> Operation:
    if operation is None:
        raise not_found("operation", "GET /v1/operations lists those that are remembered.")
    return operation
