"""Routes for listing users, explaining their presence and triggering a resync."""

from aiohttp import web

from engine.api.schema import (
    FieldProblem,
    HeldChange,
    Operation,
    Problem,
    ResyncQuestion,
    UserDetail,
    UsersPage,
    UsersQuestion,
)
from engine.cluster.requests import ReadingKind
from engine.core.presence.local_days import local_day, start_of_day
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

    def _resync_routes(self, kind: ReadingKind, summary: str) -> tuple[Route, Route]:
        """Return the route for many users and the one for a single user."""

        async def many(request: web.Request) -> web.Response:
            return await self._begin(request, kind, *await self._wanted(request))

        async def one(request: web.Request) -> web.Response:
            guid = request.match_info["guid"]
            if guid not in self._known():
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
        user, history = self._api_state.details(guid), self._api_state.history.of(guid)
        if user is not None:
            return answer(convert.detail(user, history, in_full=request.app[MAY_CHANGE]))
        engine = self._api_state.engine
        other = engine.elsewhere.of(guid) if engine.elsewhere is not None else None
        if other is None:
            raise _no_user()
        today = local_day(self._api_state.now(), engine.timezone)
        return answer(convert.detail_elsewhere(other, history, start_of_day(today, engine.timezone)))

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

    def _known(self) -> set[str]:
        """Return the guids of all users who take part, at any engine."""
        engine = self._api_state.engine
        return {*engine.guids(), *(engine.elsewhere.guids() if engine.elsewhere is not None else ())}

    async def _wanted(self, request: web.Request) -> tuple[tuple[str, ...] | None, str]:
        """Return the users selected by the body of a request, by guid (None: all) and in words."""
        question = await body_of(request, ResyncQuestion)
        if question.users is None:
            return None, "everybody"
        known = self._known()
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
        self, request: web.Request, kind: ReadingKind, guids: tuple[str, ...] | None, subject: str
    ) -> web.Response:
        """Begin with those who are ours, and ask the other engines for the rest."""
        actor = await actor_of(request)
        own = self._api_state.engine.guids()
        others = None if guids is None else tuple(set(guids).difference(own))
        cluster, passed_on = self._api_state.cluster, False
        if cluster is not None and others != ():
            passed_on = True
            try:
                await cluster.ask(kind, others)
            except StoreFailure as failure:
                raise problem_from(failure) from failure
        wanted = own if guids is None else tuple(set(guids).intersection(own))
        await self._api_state.audit_change(actor, kind, subject)
        operation = self._api_state.operations.begin(kind, wanted, actor, passed_on=passed_on)
        return answer(operation, status=202, headers={"Location": f"/v1/operations/{operation.id}"})


def _no_user() -> ApiError:
    return not_found("user", "GET /v1/users lists all users who take part.")
