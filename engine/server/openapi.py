"""Generates the OpenAPI 3.1 document from the routes and the schema types."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from engine.api.schema import (
    AuditEvent,
    ChangeEvent,
    OperationEvent,
    Problem,
    Snapshot,
    StatusEvent,
    UsersEvent,
)
from engine.api.schema.log import LogEvent
from engine.server.convert import VERSION
from engine.server.http import MEDIA_TYPE, Route

EVENTS = (Snapshot, StatusEvent, UsersEvent, OperationEvent, ChangeEvent, AuditEvent, LogEvent)
_REFERENCE = "#/components/schemas/{name}"


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document that describes `routes`; the types of the events are among its components."""
    routes = tuple(routes)
    bodies = [kind for route in routes for kind in (route.answer, route.body) if kind is not None]
    _, components = msgspec.json.schema_components([*bodies, *EVENTS, Problem], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "calendar-engine",
            "version": VERSION,
            "description": "The local API, over engine.sock and, read-only, engine-ro.sock. "
            "See calendar-engine-api(7).",
        },
        "servers": [{"url": "http://localhost"}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [{"name": name, "in": "header", "schema": {"type": "string"}} for name in route.headers]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            str(route.status): {"description": route.summary, "content": {route.media_type: _content(route)}},
            "default": {"description": "The error", "content": {MEDIA_TYPE: _refer(Problem)}},
        },
    }
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        operation["requestBody"] = {"required": required, "content": {"application/json": _refer(route.body)}}
    return operation


def _content(route: Route) -> dict[str, Any]:
    return {} if route.answer is None else _refer(route.answer)


def _refer(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"schema": {"$ref": _REFERENCE.format(name=kind.__name__)}}


def _query_parameters(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    needed = schema.get("required", ())
    return [
        {"name": name, "in": "query", "schema": each} | ({"required": True} if name in needed else {})
        for name, each in schema["properties"].items()
    ]
