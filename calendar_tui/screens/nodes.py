"""The view of the engines that share their users, each of which can be told to hand its own over."""

import asyncio
from collections.abc import Awaitable, Callable

from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.view import Shell, View, path, remark
from engine.api.errors import ClientFailure
from engine.api.resources.cluster import ClusterRequests
from engine.api.schema.cluster import Cluster, ClusterNode, NodeQuestion
from engine.display import counted
from engine.documents.cluster import NODE, cluster_document

LOOK = 1.0
"""Seconds between two looks, since ages and shards change all the time."""


class NodesView(View):
    """Shows every node with what it has, the database between them, and which members have ended lately."""

    NAME = "nodes"
    ENTER = "in full"

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._cluster: Cluster | None = None
        self._said = "Asking the engine ..."

    def row(self) -> Row:
        """Return the path, and how many nodes there are."""
        state = self._cluster.state if self._cluster is not None else None
        return path("Overview", "Nodes", right="" if state is None else counted(len(state.nodes), "node"))

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what is known of all nodes."""
        if self._cluster is None:
            return Sheet(remark(self._said, width))
        return Sheet(cluster_document(self._cluster, self.model.zone, self.model.now, width), title="Nodes")

    def ask(self) -> None:
        """Look at the nodes again and again."""
        self.run(self._follow, "follow")

    def shown(self) -> None:
        """Go on looking."""
        self.ask()

    def hidden(self) -> None:
        """Stop looking while something else is shown."""
        self.end("follow")

    def action_drain(self) -> None:
        """Ask whether the node under the cursor is to hand over its users."""
        node = self._node
        if node is not None:
            whom = f"its {counted(node.users, 'user')}" if node.users else "all its users"
            self.shell.confirm(f"Drain {node.name}? The other nodes take {whom}.", lambda: self._drain(node.name))

    def action_undrain(self) -> None:
        """Ask whether the node under the cursor is to have users again."""
        node = self._node
        if node is not None:
            self.shell.confirm(f"Let {node.name} have users again?", lambda: self._undrain(node.name))

    def action_resume(self) -> None:
        """Ask whether the node under the cursor is to write again."""
        node = self._node
        if node is not None and not node.halted:
            self.tell(f"{node.name} has not stopped writing.")
        elif node is not None:
            question = f"Is the other program stopped, and {node.name} to write again?"
            self.shell.confirm(question, lambda: self._resume(node.name))

    @property
    def _node(self) -> ClusterNode | None:
        """The node under the cursor."""
        name = self.shell.main.cursor_key.removeprefix(NODE)
        nodes = self._cluster.state.nodes if self._cluster is not None and self._cluster.state is not None else ()
        found = next((each for each in nodes if each.name == name), None)
        if found is None:
            self.tell("Put the cursor on a node first.")
        return found

    async def _drain(self, name: str) -> None:
        await self._change(lambda requests: requests.drain(NodeQuestion(node=name)), f"{name} hands over its users.")

    async def _undrain(self, name: str) -> None:
        await self._change(lambda requests: requests.undrain(NodeQuestion(node=name)), f"{name} gets users again.")

    async def _resume(self, name: str) -> None:
        await self._change(lambda requests: requests.resume(NodeQuestion(node=name)), f"{name} writes again.")

    async def _change(self, change: Callable[[ClusterRequests], Awaitable[Cluster]], done: str) -> None:
        api = self.shell.session.api
        if api is None:
            return
        try:
            self._cluster = await change(ClusterRequests(api))
        except ClientFailure as failure:
            self.tell_failure(failure)
        else:
            self.tell(done)
            self.show()

    async def _follow(self) -> None:
        while (api := self.shell.session.api) is not None:
            try:
                self._cluster = await ClusterRequests(api).cluster()
            except ClientFailure as failure:
                self._said = f"{failure}. {failure.remedy}"
                self.show()
                return  # asked again when the engine is back
            self.show()
            await asyncio.sleep(LOOK)
