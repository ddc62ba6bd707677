"""Checks of answers of Graph: collections, errors and the answer to a batch."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from tests.support.graph_schema.values import ValueChecks


class AnswerChecks(ValueChecks):
    """Checks of answers; each returns its findings, none if all is well."""

    def collection(self, name: str, answer: Any, *, select: Collection[str] | None = None) -> list[str]:
        """Check a page of objects of a type. `select`: exactly these properties were requested."""
        if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
            return ["a collection is an object with a list named value"]
        found = [
            f"{key}: not a property of a collection"
            for key in answer
            if key not in ("value", "@odata.context", "@odata.nextLink", "@odata.count")
        ]
        for number, each in enumerate(answer["value"]):
            found += self.object(name, each, f"value[{number}]", select=select)
        link = answer.get("@odata.nextLink")
        if link is not None and urlsplit(link).scheme != "https":
            found.append("@odata.nextLink: an absolute https URL is expected")
        ids = [each["id"] for each in answer["value"] if isinstance(each, dict) and each.get("id")]
        if len(ids) != len(set(ids)):
            found.append("two entries have the same id")
        return found

    def error(self, answer: Any) -> list[str]:
        """Check the body of an answer with an HTTP status of 400 or more (learn.microsoft.com/graph/errors)."""
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            return ["error: missing"]
        found = self.object("publicErrorResponse", answer, "answer")
        return found + [f"error.{key}: missing" for key in ("code", "message") if not isinstance(error.get(key), str)]

    def batch_answer(self, answer: Any, request: Any = None) -> list[str]:
        """Check the answer to a batch, and whether its parts are those of `request`."""
        parts = answer.get("responses") if isinstance(answer, dict) else None
        if not isinstance(parts, list):
            return ["a batch answer is an object with a list named responses"]
        found = []
        for number, part in enumerate(parts):
            found += self._part(part, f"responses[{number}]")
        if request is not None:
            asked = sorted(str(part.get("id")) for part in request["requests"])
            answered = sorted(str(part.get("id")) for part in parts if isinstance(part, dict))
            if asked != answered:
                found.append(f"ids differ: asked {asked}, answered {answered}")
        return found

    def _part(self, part: Any, where: str) -> list[str]:
        if not isinstance(part, dict) or set(part) - {"id", "status", "headers", "body"}:
            return [f"{where}: id, status, headers and body are expected"]
        status, headers = part.get("status"), part.get("headers") or {}
        if type(status) is not int or not 100 <= status < 600:
            return [f"{where}.status: {status!r} is no HTTP status"]
        found = []
        if not all(isinstance(value, str) for value in headers.values()):
            found.append(f"{where}.headers: values are strings")
        if status >= 400:
            found += [f"{where}.body.{finding}" for finding in self.error(part.get("body"))]
        return found
