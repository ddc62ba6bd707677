"""JSON batching: parts of a batch and the answer to it (learn.microsoft.com/graph/json-batching)."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

from engine.simulator.graph.errors import bad_request
from engine.simulator.graph.request import Answer, GraphRequest

MOST_PARTS = 20
AT_ONCE = 4
"""Parts that Graph works on at a time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch, and the ids of those that have to succeed before it, in lower case."""

    request: GraphRequest
    depends_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id as ids are compared."""
        return self.request.part.casefold()


def read_batch(batch: GraphRequest) -> list[Part]:
    """Return the parts of a batch. Members that nobody knows are ignored. Raises Refusal for the batch as a whole."""
    given = batch.json().get("requests")
    if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
        raise bad_request("Invalid batch payload format.")
    if len(given) > MOST_PARTS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MOST_PARTS}.")
    parts = [_part(batch, each) for each in given]
    known = [part.id for part in parts]
    if len(set(known)) != len(known):
        raise bad_request("The ids of the requests in a batch have to be unique.")
    before: set[str] = set()
    for part in parts:
        if not set(part.depends_on) <= before:
            raise bad_request(f"Request '{part.request.part}' depends on none that is before it.")
        before.add(part.id)
    return parts


async def answers_to(
    parts: Sequence[Part],
    answer: Callable[[Part], Awaitable[Answer | None]],
    failed: Callable[[Part], Answer],
) -> dict[str, Answer | None]:
    """Return the answer to each part by its id, `failed` where one that it depends on has failed.

    Some parts are worked on at a time, each once those that it depends on are done.
    """
    turns = asyncio.Semaphore(AT_ONCE)
    done = {part.id: asyncio.Event() for part in parts}
    answers: dict[str, Answer | None] = {}

    async def work_on(part: Part) -> None:
        for other in part.depends_on:
            await done[other].wait()
        before = [answers[other] for other in part.depends_on]
        if all(each is not None and each.status < 400 for each in before):
            async with turns:
                answers[part.id] = await answer(part)
        else:
            answers[part.id] = failed(part)
        done[part.id].set()

    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(work_on(part))
    return answers


def batch_answer(parts: Sequence[Part], answers: Mapping[str, Answer | None], random: Random) -> dict[str, Any]:
    """Return the answer to a batch, its parts in any order; those without an answer are left out."""
    responses = [_response(part.request.part, given) for part in parts if (given := answers[part.id]) is not None]
    random.shuffle(responses)
    return {"responses": responses}


def _response(part_id: str, answer: Answer) -> dict[str, Any]:
    """Return an answer as a part; a body that is no JSON is a text in base 64."""
    body: object = answer.content
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError:
            body = base64.b64encode(answer.body).decode()
    return {"id": part_id, "status": answer.status, "headers": dict(answer.headers), "body": body}


def _part(batch: GraphRequest, given: Mapping[str, Any]) -> Part:
    part_id, method, url = given.get("id"), given.get("method"), given.get("url")
    if not isinstance(part_id, str) or not part_id or not isinstance(method, str) or not isinstance(url, str):
        raise bad_request("Every request in a batch has to have an id, a method and a url.")
    split = urlsplit(url)
    if split.scheme or split.netloc or not split.path:
        raise bad_request(f"The url of request '{part_id}' is not relative.")
    headers = given.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise bad_request(f"The headers of request '{part_id}' are no texts.")
    folded = {name.casefold(): value for name, value in headers.items()}
    body = given.get("body")
    if body is not None and "content-type" not in folded:
        raise bad_request(f"Write request id : {part_id} does not contain Content-Type header or body.")
    request = GraphRequest(
        method=method.upper(),
        host=batch.host,
        path="/" + split.path.lstrip("/"),
        query=split.query,
        headers=folded,
        body=b"" if body is None else json.dumps(body).encode(),
        part=part_id,
    )
    depends_on = given.get("dependsOn") or []
    if not isinstance(depends_on, list):
        raise bad_request(f"dependsOn of request '{part_id}' is no list.")
    return Part(request, tuple(str(each).casefold() for each in depends_on))
