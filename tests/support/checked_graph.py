"""What is said to a simulated Graph, and by it, checked against Microsoft's schema."""

import functools
import json
from typing import Any

from engine.simulator.graph.request import Answer, GraphRequest
from tests.support.graph_schema import Schema
from tests.support.graph_schema.csdl import element_of

OF_REQUESTS = ("method", "url", "headers", "body")
"""Members of a part that make up its request."""


@functools.cache
def graph_schema() -> Schema:
    return Schema()


class Checked:
    """Observer of a simulated Graph; `findings` holds what is wrong.

    What was refused may be wrong; what was answered has to be right, and so has every answer but those that faults put
    in its place.
    """

    def __init__(self) -> None:
        self.findings: list[str] = []
        self._schema = graph_schema()

    def __call__(self, request: GraphRequest, answer: Answer) -> None:
        if isinstance(answer.content, bytes):
            return
        body = json.loads(request.body) if request.body and answer.status < 400 else None
        about = f"{request.method} {request.path}"
        self.findings += [f"{about}: {each}" for each in self._check(request, body, answer.status, answer.content)]

    def _check(self, request: GraphRequest, body: Any, status: int, content: Any) -> list[str]:
        if status >= 400:
            return self._schema.error(content)
        if request.path == "/$batch":
            return self._schema.batch(_without_requests(body)) + self._schema.batch_answer(content)
        url = f"{request.path}?{request.query}"
        headers = {name: value for name, value in request.headers.items() if request.part or name == "prefer"}
        if body is not None:
            headers["content-type"] = request.headers.get("content-type", "")
        found = self._schema.request(request.method, url, headers, body, in_batch=bool(request.part))
        return found + self._check_content(request, content)

    def _check_content(self, request: GraphRequest, content: Any) -> list[str]:
        select = request.options["$select"].split(",") if "$select" in request.options else None
        resource = self._schema.csdl.resource(request.path)
        if resource.is_action and resource.operation is not None:
            returned = resource.operation.find("{*}ReturnType")
            assert returned is not None
            kind, _ = element_of(returned.get("Type", ""))
            return self._schema.collection(kind.rpartition(".")[2], content, select=select)
        if resource.many:
            return self._schema.collection(resource.type_name, content, select=select)
        return self._schema.object(resource.type_name, content, "answer", select=select)


def _without_requests(batch: Any) -> Any:
    """Return a batch whose parts are all alike but for their other members: the parts are checked on their own."""
    other = [{name: value for name, value in part.items() if name not in OF_REQUESTS} for part in batch["requests"]]
    return {"requests": [{"method": "GET", "url": "/users"} | part for part in other]}
