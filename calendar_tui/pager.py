"""Shows a text in the pager of the environment."""

import shlex
import subprocess
from collections.abc import Mapping

USUAL = "less"


def show_in_pager(text: str, environment: Mapping[str, str]) -> str:
    """Run the pager until it ends; return why it could not be run, "" if it could."""
    try:
        command = shlex.split(environment.get("PAGER", "") or USUAL)
        subprocess.run(  # noqa: S603 - the administrator's own pager, without a shell
            command, input=text, text=True, errors="replace", check=False
        )
    except (OSError, ValueError) as error:
        return f"The pager cannot be run: {error}."
    return ""
