"""`calendar-engine secret`: passwords go in by a prompt or standard input, and never come out."""

import argparse
import getpass
import sys
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from engine.api.schema.secrets import SecretChanged, SecretOrigin, SecretOrigins, SecretQuestion
from engine.cli.beside import run_beside
from engine.cli.client import ApiClient
from engine.cli.failures import SecretNotTyped
from engine.cli.statuses import WELL

PATH = "/v1/secrets"


def run_secret(options: argparse.Namespace) -> int:
    """Carry out one of these commands and return its exit status. Raises a `Failure`."""
    value = _typed(options.name) if options.action == "set" else ""
    changes = options.action != "list"
    return run_beside(options, lambda client: _run(client, options, value), changes=changes, with_state=True)


async def _run(client: ApiClient, options: argparse.Namespace, value: str) -> int:
    match options.action:
        case "list":
            secrets = await client.get(PATH, SecretOrigins)
            _print(secrets, map(_line, secrets.secrets), as_json=options.json)
        case "rotate-key":
            secrets = await client.send("POST", f"{PATH}/rotate-key", SecretOrigins)
            _print(secrets, ["The stored secrets are encrypted with another key."], as_json=options.json)
        case "set":
            question = SecretQuestion(value=value)
            _tell(await client.send("PUT", f"{PATH}/{options.name}", SecretChanged, question), as_json=options.json)
        case _:
            _tell(await client.send("DELETE", f"{PATH}/{options.name}", SecretChanged), as_json=options.json)
    return WELL


def _typed(name: str) -> str:
    """Return a line of standard input or, on a terminal, what is typed twice and not shown."""
    if not sys.stdin.isatty():
        print(f"Reading {name} as one line of standard input.", file=sys.stderr, flush=True)
        value = sys.stdin.readline().rstrip("\r\n")
    else:
        value = getpass.getpass(f"{name}: ")
        if getpass.getpass("Again: ") != value:
            raise SecretNotTyped("the two differ")
    if not value:
        raise SecretNotTyped("it is empty")
    return value


def _line(secret: SecretOrigin) -> str:
    origin = secret.origin or ("missing" if secret.needed else "-")
    age = f"{timedelta(seconds=int(secret.age or 0))} old" if secret.origin == "store" else ""
    return f"{secret.name:<24}{origin:<14}{age}".rstrip()


def _tell(changed: SecretChanged, *, as_json: bool) -> None:
    _print(changed, [f"Restarted: {', '.join(changed.restarted)}"] if changed.restarted else [], as_json=as_json)
    if changed.trouble is not None:
        print(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}", file=sys.stderr)


def _print(data: msgspec.Struct, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(data).decode())
        return
    for line in lines:
        print(line)
