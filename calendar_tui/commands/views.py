"""The commands of the overview, of problems, and of everybody's day."""

from calendar_tui.commands.command import EVERYWHERE, Command

OVERVIEW, PROBLEM, ERRORS, USERS, DAY, NODES = "overview", "problem", "errors", "users", "day", "nodes"

DAY_VIEW = Command("day", EVERYWHERE, ("5",), "Go to everybody's day", "open('day')", capability="days")

_AGAIN = "Look for the mailboxes of the users with this problem again, and read them"
_ENTRIES = "Show the log entries of the problem or user"

VIEW_COMMANDS = (
    DAY_VIEW,
    *(
        Command("entries", place, ("l",), _ENTRIES, "entries", label="its log", capability="log")
        for place in (OVERVIEW, PROBLEM)
    ),
    *(Command("mend", place, ("m",), "Mend the problem in the set-up", "mend") for place in (OVERVIEW, PROBLEM)),
    Command("errors", OVERVIEW, ("E",), "Show the errors of the last hour", "errors", label="errors"),
    *(
        Command("look again", place, ("F",), _AGAIN, "again", label="look again", changes=True, capability="reresolve")
        for place in (OVERVIEW, PROBLEM)
    ),
    Command(
        "read again",
        OVERVIEW,
        ("r",),
        "Read all calendars again",
        "read_again",
        label="read again",
        changes=True,
        capability="resync",
    ),
    Command(
        "nodes",
        OVERVIEW,
        ("N",),
        "Show the engines that share the users, and drain them",
        "nodes",
        label="nodes",
        capability="cluster",
        wide=True,
        synonyms="cluster node shards lease database standby drain undrain",
    ),
    Command(
        "drain",
        NODES,
        ("d",),
        "Have the node under the cursor hand over all its users",
        "drain",
        label="drain",
        changes=True,
    ),
    Command(
        "undrain",
        NODES,
        ("u",),
        "Let the node under the cursor have users again",
        "undrain",
        label="undrain",
        changes=True,
    ),
    Command(
        "resume",
        NODES,
        ("r",),
        "Have the node under the cursor write again, after another writer was stopped",
        "resume",
        label="resume",
        changes=True,
    ),
    Command("copy commands", PROBLEM, ("c",), "Copy the commands that mend it", "copy", label="copy"),
    Command("write commands", PROBLEM, ("w",), "Write the commands that mend it to a file", "save", label="write"),
    Command("entries", ERRORS, ("l",), "Show the errors in the debug log", "entries", label="log", capability="log"),
    Command("save users", USERS, ("w",), "Write the listed users to a file (CSV)", "save", label="CSV", wide=True),
    Command("filter", DAY, ("slash",), "Filter as you type", "filter", label="filter"),
    Command("problems", DAY, ("e",), "Show only users with a problem, or all", "errors_only", label="problems"),
    Command("earlier hours", DAY, ("left",), "An hour earlier", "hours(-1)"),
    Command("later hours", DAY, ("right",), "An hour later", "hours(1)", label="hours"),
    Command("as list", DAY, ("d",), "Show these users as a list", "list", label="list"),
    Command("compact", DAY, ("c",), "Show presences alone, or calendars too", "compact", label="compact", wide=True),
    Command("day before", DAY, ("less_than_sign",), "The day before", "days(-1)"),
    Command("day after", DAY, ("greater_than_sign",), "The day after", "days(1)", label="day", wide=True),
    Command("now", DAY, ("n",), "Go to the present", "now", label="now", wide=True),
    Command("sort", DAY, ("s",), "Sort by the next column", "sort", label="sort"),
    Command("turn", DAY, ("S",), "Reverse the order", "turn"),
    Command("everybody", DAY, ("x",), "Clear all filters", "everybody"),
)
