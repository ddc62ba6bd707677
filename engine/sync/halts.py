"""The shards for which an engine has stopped writing, because somebody else writes their users as well."""

from engine.core.errors import Failure, Fault, Scope


class AnotherWriter(Failure):
    """Presences of users of this engine were changed twice by somebody whom the shared database does not know."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another program writes the same presences, so this engine has stopped writing the users concerned"
    remedy = (
        "Find it and stop it: an engine that does not share the database (a copied machine, one that was restored), or "
        "the Calendar App of the PBX. Then let this engine go on with calendar-engine cluster resume."
    )


class Halts:
    """Those shards, with the user by whom it was noticed. They stay so when settings replace the engine."""

    def __init__(self) -> None:
        self._shards: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._shards)

    def __contains__(self, shard: int) -> bool:
        return shard in self._shards

    def add(self, shard: int, user: str) -> None:
        """Write nobody of this shard any more."""
        self._shards.setdefault(shard, user)

    def end(self) -> None:
        """Write everybody again."""
        self._shards.clear()

    @property
    def problem(self) -> AnotherWriter | None:
        """Why some users are not written, None if that is not so."""
        if not self._shards:
            return None
        users = ", ".join(dict.fromkeys(self._shards.values()))
        shards = f"{len(self._shards)} shard{'' if len(self._shards) == 1 else 's'}"
        return AnotherWriter(f"{shards}, noticed with {users}")
