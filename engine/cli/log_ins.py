"""`calendar-engine log-in`: which log-ins are paused, and one more try for them."""

import argparse
from collections.abc import Iterator

from engine.api.schema.log_ins import LogInState, LogInStates
from engine.cli.beside import run_beside
from engine.cli.client import CommandClient
from engine.cli.output import show
from engine.cli.statuses import FAILED, WELL

PATH = "/v1/log-ins"


def run_log_in(options: argparse.Namespace) -> int:
    """Carry out one of these commands and return its exit status. Raises a `Failure`."""
    changes = options.action == "retry"
    return run_beside(options, lambda client: _run(client, options), changes=changes, with_state=True)


async def _run(client: CommandClient, options: argparse.Namespace) -> int:
    retry = options.action == "retry"
    states = await (client.post(f"{PATH}/retry", LogInStates) if retry else client.get(PATH, LogInStates))
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
        return "proved right"
    tried = f"{state.refused} refused, {state.unproved} without an answer from behind the log-in"
    if state.paused_until is None:
        return f"{tried}; the next one may be tried"
    return f"{tried}; paused until {state.paused_until:%Y-%m-%d %H:%M:%S} UTC"
