"""Is this the PBX the settings mean? Nothing may be written into another one."""

from collections.abc import Collection

from engine.display import one_line
from engine.pbx.failures import PbxRightsMissing, WrongPbx
from engine.pbx.messages import LONGEST_NAME
from engine.pbx.session import PRESENCE_API, USERS_API, PbxInfo

_NEEDED = (PRESENCE_API, USERS_API)
_NAMED_HOMES = 5


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
            raise WrongPbx(f"no user is at home at {self._master}, but at {_listed(homes)}")
        self.passed = True


def _listed(homes: Collection[str]) -> str:
    names = sorted(one_line(home, LONGEST_NAME) for home in homes if home)
    more = f" and {len(names) - _NAMED_HOMES} more" if len(names) > _NAMED_HOMES else ""
    return (", ".join(names[:_NAMED_HOMES]) + more) or "no PBX"
