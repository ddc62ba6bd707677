"""`calendar-engine secret`: passwords go in by a prompt or standard input, and never come out."""

import argparse
import getpass
import sys
from collections.abc import Iterator
from datetime import timedelta

from engine.api.client.settings import SettingsRequests
from engine.api.schema.secrets import SecretChanged, SecretOrigin
from engine.cli.beside import run_beside
from engine.cli.client import CommandClient
from engine.cli.failures import SecretNotTyped, SecretUnknown
from engine.cli.output import remark, show
from engine.cli.process import protect_memory
from engine.cli.signals import interruptible
from engine.cli.statuses import WELL


def run_secret(options: argparse.Namespace) -> int:
    """Carry out one of these commands and return its exit status. Raises a `Failure`."""
    protect_memory()
    changes = options.action != "list"
    return run_beside(options, lambda client: _run(client, options), changes=changes, with_state=True)


async def _run(client: CommandClient, options: argparse.Namespace) -> int:
    match options.action:
        case "list":
            secrets = await SettingsRequests(client).secrets()
            show(secrets, lambda these: map(_line, these.secrets), as_json=options.json)
        case "rotate-key":
            secrets = await SettingsRequests(client).rotate_key()
            show(secrets, lambda _: ["The stored secrets are encrypted with another key."], as_json=options.json)
        case "set":
            await _set(client, options.name, as_json=options.json)
        case _:
            await _known(client, options.name)
            _tell(await SettingsRequests(client).drop_secret(options.name), as_json=options.json)
    return WELL


async def _set(client: CommandClient, name: str, *, as_json: bool) -> None:
    """Store a secret; whether there is such a one is found out before somebody types it."""
    origin = (await _known(client, name)).origin
    if origin not in (None, "store"):
        remark(_not_used(name, origin))
    _tell(await SettingsRequests(client).put_secret(name, _typed(name)), as_json=as_json)
    if origin not in (None, "store"):
        remark(f"Stored. {_not_used(name, origin)}")


async def _known(client: CommandClient, name: str) -> SecretOrigin:
    """Return where a secret comes from. Raises `SecretUnknown`."""
    secrets = (await SettingsRequests(client).secrets()).secrets
    for each in secrets:
        if each.name == name:
            return each
    raise SecretUnknown(f"{name!r}; the secrets are {', '.join(each.name for each in secrets)}")


def _not_used(name: str, origin: str | None) -> str:
    return f"{name} is given by the {origin}, which stands before what is stored: that is used until it is gone there."


def _typed_in(told: str) -> str:
    remark(told)
    return sys.stdin.readline()


def _typed(name: str) -> str:
    """Return a line of standard input or, on a terminal, what is typed twice and not shown."""
    if not sys.stdin.isatty():
        value = interruptible(_typed_in)(f"Reading {name} as one line of standard input.").rstrip("\r\n")
    else:
        ask = interruptible(getpass.getpass)
        value = ask(f"{name}: ")
        if ask("Again: ") != value:
            raise SecretNotTyped("the two differ")
    if not value:
        raise SecretNotTyped("it is empty")
    return value


def _line(secret: SecretOrigin) -> str:
    origin = secret.origin or ("missing" if secret.needed else "-")
    age = f"{timedelta(seconds=int(secret.age or 0))} old" if secret.origin == "store" else ""
    return f"{secret.name:<24}{origin:<14}{age}".rstrip()


def _tell(changed: SecretChanged, *, as_json: bool) -> None:
    show(changed, _restarted, as_json=as_json)
    if changed.trouble is not None:
        remark(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}")


def _restarted(changed: SecretChanged) -> Iterator[str]:
    if changed.restarted:
        yield f"Restarted: {', '.join(changed.restarted)}"
