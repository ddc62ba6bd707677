"""Which exchanges belong to a user or a problem: the conditions that the log is opened with."""

from collections.abc import Mapping

from calendar_tui.state.log.values import quoted
from engine.api.schema import Concern, UserRow

LONGEST = 200
"""Characters of a name that are looked for: a part is enough, and a request has room for so much only."""


def conditions_of_user(row: UserRow) -> tuple[str, ...]:
    """Return the conditions for one user's exchanges.

    Whose mailbox is not known has exchanges about every address that it was looked for under, and each of them is
    written down with what people call the user.
    """
    return (f"user:{quoted((row.mailbox or row.display_name or row.name)[:LONGEST])}",)


def conditions_of_problem(concern: Concern, rows: Mapping[str, UserRow]) -> tuple[str, ...]:
    """Return the conditions for the errors behind a problem; of a whole side, or of the users that are named."""
    known = [rows[user.guid] for user in concern.users if user.guid in rows]
    users = " or ".join(text for row in known for text in conditions_of_user(row))
    return ("is:error", users) if users and concern.link is None else ("is:error",)
