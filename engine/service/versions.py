"""Which version of the settings "back" means. No I/O."""

from collections.abc import Sequence

from engine.service.failures import NothingToGoBackTo
from engine.store.settings_history import Version


def version_to_go_back_to(versions: Sequence[Version]) -> Version:
    """Return the version before the one in force, `versions` being the newest first.

    A trial that was taken back by itself never counts: neither it nor the engine's return from it is a version to go
    back to, and what was before it is again in force. A version with the same text is not another one.
    Raises `NothingToGoBackTo`, also where going back was the last change.
    """
    if not versions:
        raise NothingToGoBackTo("there is no version yet")
    newest = versions[0]
    if newest.returns_to is not None and newest.author is not None:
        raise NothingToGoBackTo(f"version {newest.id} went back to version {newest.returns_to} already")
    place = _in_force(versions, 0)
    while place is not None and place + 1 < len(versions):
        place = _in_force(versions, place + 1)
        if place is not None and versions[place].text != newest.text:
            return versions[place]
    raise NothingToGoBackTo(f"no version before the one in force, {newest.id}, is kept")


def _in_force(versions: Sequence[Version], place: int) -> int | None:
    """Return where the version is whose settings were in force at a place: after a trial, the one before the trial."""
    while versions[place].author is None and versions[place].returns_to is not None:
        returned_to = versions[place].returns_to
        found = next((index for index, each in enumerate(versions) if each.id == returned_to), None)
        if found is None or found <= place:
            return None
        place = found
    return place
