"""Shows a text in the pager of the environment."""

import shlex
import signal
import subprocess
from collections.abc import Mapping

USUAL = "less"


def show_in_pager(text: str, environment: Mapping[str, str]) -> str:
    """Run the pager until it ends; return why it could not be run, "" if it could.

    ^C, which the terminal sends to this program too, is left to the pager.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)  # ignored, it would be so in the pager as well
    try:
        command = shlex.split(environment.get("PAGER", "") or USUAL)
        subprocess.run(  # noqa: S603 - the administrator's own pager, without a shell
            command, input=text, text=True, errors="replace", check=False
        )
    except (OSError, ValueError) as error:
        return f"The pager cannot be run: {error}."
    finally:
        signal.signal(signal.SIGINT, before)
    return ""
