"""What can be done in the list of users, and with one user."""

from calendar_tui.commands.command import Command

USERS, USER = "users", "user"

COMMANDS = (
    Command("filter", USERS, ("slash",), "Filter as you type", "filter", label="filter"),
    Command("sort", USERS, ("s",), "Sort by the next column", "sort", label="sort"),
    Command("turn", USERS, ("S",), "Turn the order round", "turn"),
    Command("errors only", USERS, ("e",), "Only users with a problem, or all", "errors_only", label="errors"),
    Command("everybody", USERS, ("x",), "Drop all filters", "everybody", label="all"),
    Command(
        "resync listed",
        USERS,
        ("R",),
        "Read the calendars of all listed users again",
        "have_done('resync')",
        changes=True,
        capability="resync",
    ),
    Command(
        "reresolve listed",
        USERS,
        ("M",),
        "Look for the mailboxes of all listed users again",
        "have_done('reresolve')",
        changes=True,
        capability="reresolve",
    ),
    Command(
        "resync",
        USER,
        ("r",),
        "Read the calendar again",
        "have_done('resync')",
        label="resync",
        changes=True,
        capability="resync",
    ),
    Command(
        "reresolve",
        USER,
        ("m",),
        "Look for the mailbox again, and read it",
        "have_done('reresolve')",
        label="mailbox",
        changes=True,
        capability="reresolve",
    ),
    Command("copy", USER, ("y",), "Copy as text (the terminal must allow OSC 52)", "copy", label="copy"),
    Command("save", USER, ("w",), "Write as text into a file", "save", label="save"),
    Command("next user", USER, ("n",), "The next user of the list", "step(1)", label="next"),
    Command("previous user", USER, ("p",), "The previous user of the list", "step(-1)"),
)
