"""Routes for storing secrets and listing their names; their values are never returned."""

from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager

from aiohttp import web

from engine.api.schema import Actor
from engine.api.schema.secrets import SecretChanged, SecretOrigin, SecretOrigins, SecretQuestion
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.server.acceptor import actor_of
from engine.server.convert import trouble
from engine.server.convert_settings import restarted
from engine.server.http import Route, answer, body_of, not_found, problem_from
from engine.server.state import ApiState
from engine.store.secret_sources import SecretProvenance, SecretSources
from engine.store.secrets import ENVIRONMENT
from engine.supervisor.supervisor import Supervisor


@asynccontextmanager
async def written_down(api_state: ApiState, actor: Actor, action: str, subject: str) -> AsyncIterator[None]:
    """Audit a change before it is made: a changed secret leaves no other trace."""
    await api_state.audit_change(actor, action, subject)
    try:
        yield
    except Failure as failure:
        await api_state.audit_change(actor, action, f"{subject}: failed, nothing was changed ({failure.slug})")
        raise problem_from(failure) from failure


class SecretRoutes:
    """Answers from `sources`; `service` restarts what uses a changed secret."""

    capabilities = ("secrets",)

    def __init__(self, sources: SecretSources, service: Supervisor, api_state: ApiState) -> None:
        self._sources = sources
        self._service = service
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        path = "/v1/secrets/{name}"
        return (
            Route("GET", "/v1/secrets", "secrets", "Names, origins and ages", self._all, SecretOrigins),
            Route(
                "PUT",
                path,
                "set_secret",
                "Store a secret",
                self._put,
                SecretChanged,
                body=SecretQuestion,
                changes=True,
            ),
            Route("DELETE", path, "delete_secret", "Remove a stored secret", self._delete, SecretChanged, changes=True),
            Route(
                "POST",
                "/v1/secrets/rotate-key",
                "rotate_secrets_key",
                "Encrypt the stored secrets with another key",
                self._rotate,
                SecretOrigins,
                changes=True,
            ),
        )

    async def _all(self, request: web.Request) -> web.Response:
        return answer(await self._origins())

    async def _put(self, request: web.Request) -> web.Response:
        name = _name(request)
        question = await body_of(request, SecretQuestion)
        actor = await actor_of(request)
        await self._origins()  # an unreadable secret store is not changed
        async with written_down(self._api_state, actor, "set_secret", name):
            await self._sources.put({name: Secret(question.value)})
        return await self._changed(name)

    async def _delete(self, request: web.Request) -> web.Response:
        name = _name(request)
        actor = await actor_of(request)
        origins = await self._origins()
        if not any(each.name == name and each.stored_since for each in origins.secrets):
            raise not_found("stored secret", "GET /v1/secrets lists the stored ones.")
        async with written_down(self._api_state, actor, "delete_secret", name):
            await self._sources.delete(name)
        return await self._changed(name)

    async def _rotate(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        async with written_down(self._api_state, actor, "rotate_secrets_key", "stored secrets"):
            await self._sources.rotate_key()
        return answer(await self._origins())

    async def _origins(self) -> SecretOrigins:
        try:
            origins = await self._sources.origins()
            has_certificate = bool((await self._sources.certificates()).current)
        except Failure as failure:
            raise problem_from(failure) from failure
        needed = {*self._service.needed_secrets} - ({"exchange.client_secret"} if has_certificate else set())
        return SecretOrigins(secrets=tuple(self._origin(origin, needed) for origin in origins))

    def _origin(self, origin: SecretProvenance, needed: Container[str]) -> SecretOrigin:
        since = origin.stored_since
        return SecretOrigin(
            name=origin.name,
            origin=origin.place,
            needed=origin.name in needed,
            stored_since=since,
            age=None if since is None else (self._api_state.now() - since).total_seconds(),
        )

    async def _changed(self, name: str) -> web.Response:
        """Restart the engine only if it uses the changed secret."""
        places = {origin.name: origin.place for origin in await self._sources.origins()}
        plan = None
        if places.get(name) in ("store", None) and name in self._service.needed_secrets:
            plan = await self._service.start_again()
        return answer(
            SecretChanged(
                name=name,
                restarted=restarted(self._service, plan) if plan else (),
                trouble=trouble(plan.trouble) if plan and plan.trouble else None,
            )
        )


def _name(request: web.Request) -> str:
    name = request.match_info["name"]
    if name not in ENVIRONMENT:
        raise not_found("secret", f"The secrets are {', '.join(ENVIRONMENT)}.")
    return name
