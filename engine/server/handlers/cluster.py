"""Routes for the engines that share their users: which there are, and which of them hand theirs over."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.api.schema.cluster import Cluster, NodeQuestion
from engine.core.errors import Failure
from engine.server.acceptor import actor_of
from engine.server.cluster import ClusterAccess
from engine.server.errors import WorksAlone
from engine.server.http import Route, answer, body_of, not_found, problem_from
from engine.server.state import ApiState

PATH = "/v1/cluster"


class ClusterRoutes:
    """Answers from the cluster of `api_state`, if the engine is not one that works alone."""

    def __init__(self, api_state: ApiState) -> None:
        self._api_state = api_state

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Names listed by `GET /v1`."""
        return () if self._api_state.cluster is None else ("cluster",)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route("GET", PATH, "cluster", "The engines that share the users", self._cluster, Cluster),
            Route(
                "POST",
                f"{PATH}/drain",
                "drain",
                "Have a node hand over all its users",
                self._drain,
                Cluster,
                body=NodeQuestion,
                changes=True,
            ),
            Route(
                "POST",
                f"{PATH}/undrain",
                "undrain",
                "Let a node have users again",
                self._undrain,
                Cluster,
                body=NodeQuestion,
                changes=True,
            ),
            Route(
                "POST",
                f"{PATH}/resume",
                "resume",
                "Have a node write again after another writer was stopped",
                self._resume,
                Cluster,
                body=NodeQuestion,
                changes=True,
            ),
        )

    async def _cluster(self, request: web.Request) -> web.Response:
        return answer(await self._state())

    async def _drain(self, request: web.Request) -> web.Response:
        return await self._told(request, "drain", lambda cluster, node: cluster.drain(node, is_draining=True))

    async def _undrain(self, request: web.Request) -> web.Response:
        return await self._told(request, "undrain", lambda cluster, node: cluster.drain(node, is_draining=False))

    async def _resume(self, request: web.Request) -> web.Response:
        return await self._told(request, "resume", lambda cluster, node: cluster.resume(node))

    async def _told(
        self, request: web.Request, action: str, tell: Callable[[ClusterAccess, str], Awaitable[bool]]
    ) -> web.Response:
        question, actor = await body_of(request, NodeQuestion), await actor_of(request)
        cluster = self._member()
        node = question.node or cluster.node
        try:
            is_known = await tell(cluster, node)
        except Failure as failure:
            raise problem_from(failure, 503) from failure
        if not is_known:
            raise not_found("node", "GET /v1/cluster lists the nodes that are running.")
        await self._api_state.audit_change(actor, action, f"node {node}")
        return answer(await self._state())

    def _member(self) -> ClusterAccess:
        if self._api_state.cluster is None:
            raise problem_from(WorksAlone(), 409)
        return self._api_state.cluster

    async def _state(self) -> Cluster:
        state = self._api_state.status().cluster
        if self._api_state.cluster is None or state is None:
            return Cluster(is_member=False)
        return await self._api_state.cluster.whole(state)
