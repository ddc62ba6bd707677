"""Who may be written to: nobody before it is certain that this is the master PBX, and that the user takes part."""


class Certainty:
    """What is certain about the present connection.

    A PBX that tells its name is certain at once, and its users one by one as they are copied; so a long copy delays
    nobody whose row has come. One that does not tell its name is certain when all users are known.
    """

    def __init__(self) -> None:
        self.all_known = False
        self._is_master = False
        self._known = set[str]()

    def nothing(self) -> None:
        """The connection is gone."""
        self.all_known = self._is_master = False
        self._known.clear()

    def master(self) -> frozenset[str]:
        """The PBX told its name, and it is the right one. Return who may be written to for that reason."""
        self._is_master = True
        return frozenset(self._known)

    def user(self, guid: str) -> None:
        """The user's row has come."""
        self._known.add(guid)

    def everything(self) -> None:
        """All users are known, and the PBX is proved to be the master."""
        self.all_known = True
        self._known.clear()

    def allows(self, guid: str) -> bool:
        """Tell whether this user may be written to."""
        return self.all_known or (self._is_master and guid in self._known)
