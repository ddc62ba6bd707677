"""The OpenAPI document and the routes correspond."""

import importlib
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from engine.api import schema
from engine.server.app import make_application
from engine.server.event_stream import StreamTimeouts
from tests.support.served_engine import people, served_engine


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
        return own.union(*(references(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(references(each) for each in value))
    return set()


async def test_every_route_is_in_the_document_and_the_other_way_round(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        document = await served.get("/v1/openapi.json")
        for may_change in (True, False):
            application = make_application(served.api_state, served.parts, StreamTimeouts(), may_change=may_change)
            routed = {
                (route.method, route.resource.canonical) for route in application.router.routes() if route.resource
            }
            described = {(method.upper(), path) for path, each in document["paths"].items() for method in each}
            assert routed == described
    assert document["openapi"].startswith("3.1")


async def test_every_reference_leads_somewhere_and_nothing_is_left_over(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        document = await served.get("/v1/openapi.json")
    components = set(document["components"]["schemas"])
    events = {"Snapshot", "StatusEvent", "UsersEvent", "OperationEvent", "ChangeEvent", "AuditEvent", "LogEvent"}
    assert references(document) <= components
    assert components == references(document) | events
    modules = [importlib.import_module(f"{schema.__name__}.{each.name}") for each in iter_modules(schema.__path__)]
    assert all(any(hasattr(module, name) for module in modules) for name in components)
    identifiers = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(identifiers)) == len(identifiers)


async def test_the_parameters_of_a_path_and_query_are_described(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        paths = (await served.get("/v1/openapi.json"))["paths"]
    named = {parameter["name"]: parameter for parameter in paths["/v1/users"]["get"]["parameters"]}
    assert set(named) == {"filter", "sort", "descending", "page", "per_page"}
    assert named["per_page"]["schema"]["maximum"] == 1000
    [guid] = paths["/v1/users/{guid}"]["get"]["parameters"]
    assert (guid["in"], guid["required"]) == ("path", True)
