"""Routes for listing users, explaining their presence and triggering a resync."""

from aiohttp import web

from engine.api.schema import (
    FieldProblem,
    HeldChange,
    Operation,
    OperationKind,
    Problem,
    ResyncQuestion,
    UserDetail,
    UsersPage,
    UsersQuestion,
)
from engine.server import convert
from engine.server.acceptor import actor_of
from engine.server.http import MAY_CHANGE, ApiError, Route, answer, body_of, not_found, problem_from, query_of
from engine.server.state import ApiState
from engine.store.errors import StoreFailure


class UserRoutes:
    """Answers from the users in `api_state`."""

    capabilities = ("users", "resync", "reresolve")

    def __init__(self, api_state: ApiState) -> None:
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "GET", "/v1/users", "users", "Users, filtered and sorted", self._users, UsersPage, query=UsersQuestion
            ),
            Route("GET", "/v1/users/{guid}", "user", "Details of one user, with explanations", self._user, UserDetail),
            Route(
                "POST",
                "/v1/hold/confirm",
                "confirm_hold",
                "Confirm held removals of presences",
                self._confirm_hold,
                HeldChange,
                changes=True,
            ),
            *self._resync_routes("resync", "Read the calendars of all or some users again"),
            *self._resync_routes(
                "reresolve", "Find the mailboxes of all or some users again, and read their calendars"
            ),
        )

    def _resync_routes(self, kind: OperationKind, summary: str) -> tuple[Route, Route]:
        """Return the route for many users and the one for a single user."""

        async def many(request: web.Request) -> web.Response:
            return await self._begin(request, kind, *await self._wanted(request))

        async def one(request: web.Request) -> web.Response:
            guid = request.match_info["guid"]
            if self._api_state.engine.summary(guid) is None:
                raise _no_user()
            return await self._begin(request, kind, (guid,), f"user {guid}")

        one_path = f"/v1/users/{{guid}}/{kind}"
        return (
            Route("POST", f"/v1/{kind}", kind, summary, many, Operation, status=202, body=ResyncQuestion, changes=True),
            Route("POST", one_path, f"{kind}_user", "The same for one user", one, Operation, status=202, changes=True),
        )

    async def _users(self, request: web.Request) -> web.Response:
        question = query_of(request, UsersQuestion)
        await self._api_state.rows.catch_up()
        return answer(self._api_state.rows.page(question))

    async def _user(self, request: web.Request) -> web.Response:
        guid = request.match_info["guid"]
        user = self._api_state.details(guid)
        if user is None:
            raise _no_user()
        return answer(convert.detail(user, self._api_state.history.of(guid), in_full=request.app[MAY_CHANGE]))

    async def _confirm_hold(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        try:
            held = await self._api_state.engine.confirm_hold()
        except StoreFailure as failure:
            raise problem_from(failure, 507) from failure
        if held is None:
            return answer(HeldChange(users=0, of_users=0, presences=0, of_presences=0))
        await self._api_state.audit_change(actor, "confirm_hold", held.words)
        return answer(convert.held(held))

    async def _wanted(self, request: web.Request) -> tuple[tuple[str, ...], str]:
        """Return the users selected by the body of a request, by guid and in words."""
        question = await body_of(request, ResyncQuestion)
        everybody = self._api_state.engine.guids()
        if question.users is None:
            return everybody, "everybody"
        known = set(everybody)
        unknown = [index for index, guid in enumerate(question.users) if guid not in known]
        if unknown:
            fields = tuple(FieldProblem(pointer=f"/users/{index}", detail="no such user") for index in unknown[:100])
            raise ApiError(
                Problem(
                    type="unknown-users",
                    title="Some of these users do not take part",
                    status=422,
                    hint="GET /v1/users lists all users. Nothing was started.",
                    fields=fields,
                )
            )
        return question.users, f"{len(set(question.users))} users"

    async def _begin(
        self, request: web.Request, kind: OperationKind, guids: tuple[str, ...], subject: str
    ) -> web.Response:
        actor = await actor_of(request)
        await self._api_state.audit_change(actor, kind, subject)
        operation = self._api_state.operations.begin(kind, guids, actor)
        return answer(operation, status=202, headers={"Location": f"/v1/operations/{operation.id}"})


def _no_user() -> ApiError:
    return not_found("user", "GET /v1/users lists all users who take part.")
