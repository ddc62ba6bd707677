"""Is this the PBX the settings mean? Nothing may be written into another one."""

from collections.abc import Collection

from engine.pbx import presence, replication
from engine.pbx.failures import PbxRightsMissing, WrongPbx
from engine.pbx.session import PbxInfo

_NEEDED = (presence.API, replication.API)


class MasterCheck:
    """Holds the name of the master PBX against what the PBX tells, or else against where its users are at home."""

    def __init__(self, master: str) -> None:
        self._master = master
        self.passed = False

    def told(self, info: PbxInfo) -> None:
        """Check what the PBX says about itself. Raises `WrongPbx`, `PbxRightsMissing`."""
        if info.pbx:
            if info.pbx.casefold() != self._master.casefold():
                raise WrongPbx(f"its name is {info.pbx}, not {self._master}")
            self.passed = True
        if missing := [api for api in _NEEDED if api not in info.apis]:
            raise PbxRightsMissing(", ".join(missing))

    def inferred(self, homes: Collection[str]) -> None:
        """Check the homes of the users a PBX has that does not tell its name. Raises `WrongPbx`.

        Without users there is nothing to infer from, and nothing to write.
        """
        if not homes:
            return
        if self._master.casefold() not in {home.casefold() for home in homes}:
            names = ", ".join(sorted(home for home in homes if home)) or "no PBX"
            raise WrongPbx(f"no user is at home at {self._master}, but at {names}")
        self.passed = True
