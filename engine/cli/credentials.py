"""The commands `secret` and `log-in`."""

import argparse
import getpass
import sys
from collections.abc import Iterator

from engine.api.resources.settings import LogInRequests, SettingsRequests
from engine.api.schema.logins import LogInState, LogInStates
from engine.api.schema.secrets import SecretChanged, SecretOrigin
from engine.cli.client import CommandClient
from engine.cli.errors import SecretNotTyped, SecretUnknown
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.offline import run_beside
from engine.cli.output import remark, show, show_document
from engine.daemon.process import protect_memory
from engine.daemon.signals import interruptible
from engine.documents.settings import secrets_table


def run_secret(options: argparse.Namespace) -> int:
    """Run one of the actions and return the exit status. Raises a `Failure`."""
    protect_memory()
    changes = options.action != "list"
    return run_beside(options, lambda client: _run_secret(client, options), changes=changes, with_state=True)


async def _run_secret(client: CommandClient, options: argparse.Namespace) -> int:
    match options.action:
        case "list":
            secrets = await SettingsRequests(client).secrets()
            show_document(secrets, secrets_table, as_json=options.json)
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
    """Store a secret; its name is checked before asking for its value."""
    origin = (await _known(client, name)).origin
    if origin not in (None, "store"):
        remark(_not_used(name, origin))
    _tell(await SettingsRequests(client).put_secret(name, typed(name)), as_json=as_json)
    if origin not in (None, "store"):
        remark(f"Stored. {_not_used(name, origin)}")


async def _known(client: CommandClient, name: str) -> SecretOrigin:
    """Return the origin of a secret. Raises `SecretUnknown`."""
    secrets = (await SettingsRequests(client).secrets()).secrets
    for each in secrets:
        if each.name == name:
            return each
    raise SecretUnknown(f"{name!r}; the secrets are {', '.join(each.name for each in secrets)}")


def _not_used(name: str, origin: str | None) -> str:
    return f"{name} is also given by the {origin}, which takes precedence over the stored value until removed there."


def _typed_in(message: str) -> str:
    remark(message)
    return sys.stdin.readline()


def typed(name: str, *, again: bool = True) -> str:
    """Return a line of standard input or, on a terminal, a secret typed without echo, twice with `again`."""
    if not sys.stdin.isatty():
        value = interruptible(_typed_in)(f"Reading {name} as one line of standard input.").rstrip("\r\n")
    else:
        ask = interruptible(getpass.getpass)
        value = ask(f"{name}: ")
        if again and ask("Again: ") != value:
            raise SecretNotTyped("the two entries differ")
    if not value:
        raise SecretNotTyped("it is empty")
    return value


def _tell(changed: SecretChanged, *, as_json: bool) -> None:
    show(changed, _restarted, as_json=as_json)
    if changed.trouble is not None:
        remark(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}")


def _restarted(changed: SecretChanged) -> Iterator[str]:
    if changed.restarted:
        yield f"Restarted: {', '.join(changed.restarted)}"


def run_log_in(options: argparse.Namespace) -> int:
    """Run one of the actions and return the exit status. Raises a `Failure`."""
    changes = options.action == "retry"
    return run_beside(options, lambda client: _run_log_in(client, options), changes=changes, with_state=True)


async def _run_log_in(client: CommandClient, options: argparse.Namespace) -> int:
    retry = options.action == "retry"
    requests = LogInRequests(client)
    states = await (requests.retry() if retry else requests.states())
    show(states, _lines, as_json=options.json)
    still_paused = any(each.paused_until is not None for each in states.log_ins)
    return FAILED if retry and still_paused else WELL


def _lines(states: LogInStates) -> Iterator[str]:
    if states.restarted:
        yield f"Restarted: {', '.join(states.restarted)}"
    for each in states.log_ins:
        yield f"{each.secret} of {each.account}: {_standing(each)}"
    if not states.log_ins:
        yield "Nobody has logged in yet."


def _standing(state: LogInState) -> str:
    if not state.refused and not state.unproved:
        return "accepted"
    tried = f"{state.refused} refused, {state.unproved} neither accepted nor refused"
    if state.paused_until is None:
        return f"{tried}; the next attempt is allowed"
    return f"{tried}; paused until {state.paused_until:%Y-%m-%d %H:%M:%S} UTC"
