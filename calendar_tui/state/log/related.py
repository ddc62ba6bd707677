"""Which exchanges belong to a user or a problem: the conditions that the log is opened with."""

from collections.abc import Mapping

from calendar_tui.state.log.values import quoted
from engine.api.schema import Concern, UserRow


def conditions_of_user(row: UserRow) -> tuple[str, ...]:
    """Return the conditions for one user's exchanges."""
    return (f"user:{quoted(row.mailbox or row.name)}",)


def conditions_of_problem(concern: Concern, rows: Mapping[str, UserRow]) -> tuple[str, ...]:
    """Return the conditions for the errors behind a problem; of a whole side, or of the users that are named."""
    known = [rows[user.guid] for user in concern.users if user.guid in rows]
    users = " or ".join(text for row in known for text in conditions_of_user(row))
    return ("is:error", users) if users and concern.link is None else ("is:error",)
