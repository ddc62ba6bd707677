"""A copy on this machine of the settings that engines share, as they were read last."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from engine.store.replacing import replace_file
from engine.store.settings_history import Version

logger = logging.getLogger(__name__)

_HEAD = re.compile(r"# Version (\d+) of [^\n]*\n")


class LastRead:
    """The file `path`, for a start while the database is away. The settings do not depend on it otherwise.

    It also tells when the database has lost what was in force: then it is kept as `newer`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.newer = path.with_name(f"{path.name}.newer")

    def read(self) -> tuple[int, str]:
        """Return the number of the version and its text; 0 if there is no copy that can be used."""
        try:
            content = self._path.read_text()
        except (OSError, ValueError):
            return 0, ""
        head = _HEAD.match(content)
        return (0, "") if head is None else (int(head[1]), content[head.end() :])

    def write(self, number: int, text: str) -> None:
        """Replace the copy if it differs."""
        if self.read() == (number, text):
            return
        head = f"# Version {number} of the settings that engines share, as this one read it; a change here is lost."
        try:
            replace_file(self._path, f"{head}\n{text}".encode())
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, error.strerror)

    def compare(self, versions: Sequence[Version]) -> bool:
        """Replace the copy by the newest version; return whether another one, which is newer, was in force here before.

        The `versions` are the latest of the database, the newest first.
        """
        number, text = self.read()
        newest = versions[0].id if versions else 0
        is_lost = number > newest or any(each.id == number and each.text != text for each in versions)
        try:
            if number and is_lost:
                self._path.replace(self.newer)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.newer, error.strerror)
        if versions:
            self.write(newest, versions[0].text)
        return self.newer.exists()

    def forget_newer(self) -> None:
        """Delete what was kept of newer settings."""
        try:
            self.newer.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be deleted: %s", self.newer, error.strerror)
