"""The commands `cluster status`, `cluster drain`, `cluster undrain` and `cluster resume`."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.api.client import reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.cluster import ClusterRequests
from engine.api.resources.engine import EngineRequests
from engine.api.schema.cluster import Cluster, ClusterNode, NodeQuestion
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import remark, show_document
from engine.cli.status import FOLLOWED
from engine.cli.terminal import room
from engine.daemon.loop import run_loop
from engine.display import counted
from engine.documents.cluster import cluster_document, is_left_alone


def run_cluster(options: argparse.Namespace) -> int:
    """Run one of the commands and return its exit status. Raises a `Failure`."""
    paths = (options.socket,) if options.socket else usual_sockets()
    path = reachable_socket(paths, "ask" if options.action == "status" else "change")
    return run_loop(_run(options, path))


async def _run(options: argparse.Namespace, path: Path) -> int:
    client = CommandClient(path)
    requests = ClusterRequests(client)
    match options.action:
        case "drain":
            await requests.drain(NodeQuestion(node=options.node))
            cluster = await _drained(requests, options.node)
        case "undrain":
            await requests.undrain(NodeQuestion(node=options.node))
            cluster = await _seen(requests, options.node, lambda node: not node.draining)
        case "resume":
            await requests.resume(NodeQuestion(node=options.node))
            cluster = await _seen(requests, options.node, lambda node: not node.halted)
        case _:
            cluster = await requests.cluster()
    status = await EngineRequests(client).status()
    zone = ZoneInfo(status.timezone)
    show_document(cluster, lambda this: cluster_document(this, zone, status.now, room()), as_json=options.json)
    return WELL if _is_well(cluster) else FAILED


def _is_well(cluster: Cluster) -> bool:
    """Return whether the engines can do their work: all users have one, and the database answers."""
    state = cluster.state
    return state is None or (state.member and state.database.state == "up" and not is_left_alone(state))


async def _seen(requests: ClusterRequests, name: str, is_done: Callable[[ClusterNode], bool]) -> Cluster:
    """Wait until the engine has seen at a node what was done, and return the cluster then."""
    async with reporting_wait(lambda: "Waiting for the engine to look at the database"):
        while True:
            cluster = await requests.cluster()
            node = _node(cluster, name)
            if node is None or is_done(node):
                return cluster
            await asyncio.sleep(FOLLOWED)


async def _drained(requests: ClusterRequests, name: str) -> Cluster:
    """Wait until a node has handed over all that others take, and return the cluster then."""
    cluster, left = await _seen(requests, name, lambda node: node.draining), -1

    def what() -> str:
        return f"Waiting for {counted(left, 'shard')} to be handed over"

    async with reporting_wait(what):
        while (node := _node(cluster, name)) is not None and node.shards and _somebody_can(cluster, node):
            if node.shards != left:
                left = node.shards
                remark(f"{counted(left, 'shard')} left")
            await asyncio.sleep(FOLLOWED)
            cluster = await requests.cluster()
    if node is not None and node.shards:
        remark("No other node can take its users at the moment.")
    return cluster


def _node(cluster: Cluster, name: str) -> ClusterNode | None:
    nodes = cluster.state.nodes if cluster.state is not None else ()
    return next((each for each in nodes if (each.name == name if name else each.own)), None)


def _somebody_can(cluster: Cluster, node: ClusterNode) -> bool:
    nodes = cluster.state.nodes if cluster.state is not None else ()
    return any(each.condition in ("working", "standby") for each in nodes if each != node)
