"""Requests about engines that share their users."""

from engine.api.client import ApiClient
from engine.api.resources import VERSION_1
from engine.api.schema.cluster import Cluster, NodeQuestion

CLUSTER = f"{VERSION_1}/cluster"


class ClusterRequests:
    """Requests about the cluster. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def cluster(self) -> Cluster:
        """Return the engines that share their users."""
        return await self._api.get(CLUSTER, Cluster)

    async def drain(self, question: NodeQuestion) -> Cluster:
        """Have a node hand over all its users."""
        return await self._api.post(f"{CLUSTER}/drain", Cluster, question)

    async def resume(self, question: NodeQuestion) -> Cluster:
        """Have a node write again for all of its shards."""
        return await self._api.post(f"{CLUSTER}/resume", Cluster, question)

    async def undrain(self, question: NodeQuestion) -> Cluster:
        """Let a node have users again."""
        return await self._api.post(f"{CLUSTER}/undrain", Cluster, question)
