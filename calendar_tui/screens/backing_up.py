"""A backup of settings, secrets and state, from any view: its passphrase is asked for twice, then it is written."""

from collections.abc import Callable
from pathlib import Path

from calendar_tui.private_files import write_new
from calendar_tui.screens.view import Answer, Question, Shell
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests
from engine.api.schema.backup import SHORTEST_PASSPHRASE
from engine.display import counted

HINT = f"at least {SHORTEST_PASSPHRASE} characters; without it nothing can read the backup"


class BackingUp:
    """Asks for the passphrase, and writes the backup to a new file in the working directory."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def ask(self) -> None:
        """Ask for a passphrase."""
        self._ask("passphrase of the backup ", HINT, self._typed)

    def _ask(self, label: str, hint: str, entered: Callable[[str], Answer]) -> None:
        self._shell.ask(Question(label, entered=entered, hint=hint, secret=True))

    def _typed(self, passphrase: str) -> bool:
        """Have it typed again, if it is long enough."""
        if len(passphrase) < SHORTEST_PASSPHRASE:
            self._shell.tell(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters.")
            return False

        async def again(second: str) -> bool:
            if second != passphrase:
                self._shell.tell("The two passphrases are different. Type the second one again, or press Esc.")
                return False
            return await self._write(passphrase)

        self._ask("the passphrase again ", "", again)
        return True

    async def _write(self, passphrase: str) -> bool:
        """Write the backup; return whether that worked: if not, what was typed stays for another Enter."""
        api = self._shell.session.api
        if api is None:
            return False
        try:
            content = await EngineRequests(api).backup(passphrase)
        except ClientFailure as failure:
            self._shell.tell_failure(failure)
            return False
        name = f"calendar-engine-{self._shell.model.now:%Y-%m-%d-%H%M%S}.backup"
        path, mistake = await write_new(Path(name), content)
        done = f"Written to {path}: {counted(len(content), 'byte')}. calendar-engine restore reads it."
        self._shell.tell(mistake or done)
        return not mistake
