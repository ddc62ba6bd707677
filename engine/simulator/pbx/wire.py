"""What every part of the simulated PBX says in the same words."""

Message = dict[str, object]


class ProtocolBroken(Exception):
    """The client did what no client may do."""


def result(request: Message, **members: object) -> Message:
    """Return the result of `request`: of the same API, with its src."""
    src = {"src": request["src"]} if "src" in request else {}
    return {"api": request["api"], "mt": f"{request['mt']}Result", **src, **members}


def error_result(request: Message, reason: str) -> Message:
    """Return the refusal of `request`. The PBX's error numbers are not documented."""
    return result(request, error=1, errorText=reason)
