"""All commands of all screens, and their key bindings."""

from calendar_tui.commands.command import EVERYWHERE, LIST, Command
from calendar_tui.commands.setup import SETUP_COMMANDS
from calendar_tui.commands.views import VIEW_COMMANDS

_EVERYWHERE = (
    Command("help", EVERYWHERE, ("question_mark", "f1"), "Show all keys", "help", label="help"),
    Command("back", EVERYWHERE, ("escape",), "Go back", "back", label="back"),
    Command(
        "palette",
        EVERYWHERE,
        ("ctrl+p", "colon"),
        "Find a command by its name",
        "palette",
        label="commands",
    ),
    Command(
        "confirm hold",
        EVERYWHERE,
        ("Y",),
        "Confirm the held change, which clears presences",
        "confirm_hold",
        changes=True,
    ),
    Command("overview", EVERYWHERE, ("1",), "Go to the overview", "open('overview')"),
    Command("users", EVERYWHERE, ("2",), "Go to the users", "open('users')"),
    Command(
        "log",
        EVERYWHERE,
        ("3",),
        "Go to the debug log of what is said to Exchange and the PBX",
        "open('log')",
        capability="log",
    ),
    Command(
        "settings",
        EVERYWHERE,
        ("4",),
        "Go to the settings",
        "open('settings')",
        capability="settings",
    ),
    Command(
        "theme",
        EVERYWHERE,
        ("ctrl+t",),
        "Switch between dark, light and terminal colours",
        "theme",
    ),
    Command(
        "draw again",
        EVERYWHERE,
        ("f5",),
        "Draw the screen again, if something else has written to it",
        "draw_again",
        synonyms="refresh redraw",
    ),
    Command(
        "quit",
        EVERYWHERE,
        ("q", "ctrl+q"),
        "Quit; the engine keeps running",
        "quit",
        label="quit",
    ),
    Command(
        "read all",
        EVERYWHERE,
        (),
        "Read the calendars of all users again (resync)",
        "all_users('resync')",
        changes=True,
        capability="resync",
    ),
    Command(
        "look for all mailboxes",
        EVERYWHERE,
        (),
        "Look for the mailboxes of all users again",
        "all_users('reresolve')",
        changes=True,
        capability="reresolve",
        synonyms="name resolving reresolve autodiscover",
    ),
    Command(
        "check PBX",
        EVERYWHERE,
        (),
        "Check the connection to the PBX step by step (probe)",
        "probe('pbx')",
        changes=True,
        capability="probes",
        synonyms="certificate App object TableUsers",
    ),
    Command(
        "check Exchange",
        EVERYWHERE,
        (),
        "Check the connection to Exchange step by step (probe)",
        "probe('exchange')",
        changes=True,
        capability="probes",
        synonyms="impersonation password OAuth certificate autodiscover",
    ),
    Command(
        "back up",
        EVERYWHERE,
        (),
        "Back up settings, secrets and state to an encrypted file",
        "back_up",
        changes=True,
        capability="backup",
        synonyms="backup export save restore",
    ),
    Command(
        "vendor",
        EVERYWHERE,
        (),
        "Find settings by their names in the innovaphone Calendar App",
        "vendor",
        synonyms="vendor Prioritized Exchange-Server",
    ),
    Command("up", LIST, ("up", "k"), "One line up", "move(-1)"),
    Command("down", LIST, ("down", "j"), "One line down", "move(1)"),
    Command("page up", LIST, ("pageup", "ctrl+b"), "One page up", "page(-1)"),
    Command("page down", LIST, ("pagedown", "ctrl+f"), "One page down", "page(1)"),
    Command("top", LIST, ("home",), "Go to the first line", "top"),
    Command("bottom", LIST, ("end",), "Go to the last line", "bottom"),
    Command("open", LIST, ("enter",), "Open the item under the cursor", "choose"),
    Command("other pane", LIST, ("tab",), "Go to the other pane, where there are two", "other_pane"),
)


USERS, USER = "users", "user"

_USERS = (
    Command("filter", USERS, ("slash",), "Filter as you type", "filter", label="filter"),
    Command("errors only", USERS, ("e",), "Show only users with a problem, or all", "errors_only", label="problems"),
    Command("sort", USERS, ("s",), "Sort by the next column", "sort", label="sort"),
    Command("as days", USERS, ("d",), "Show these users hour by hour", "day", label="day", capability="days"),
    Command("turn", USERS, ("S",), "Reverse the order", "turn", label="reverse", wide=True),
    Command("everybody", USERS, ("x",), "Clear all filters", "everybody", label="all", wide=True),
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
        label="read",
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
    Command("save", USER, ("w",), "Write as text to a file", "save", label="save"),
    Command("next user", USER, ("right_square_bracket", "n"), "The next user of the list", "step(1)", label="next"),
    Command("previous user", USER, ("left_square_bracket", "p"), "The previous user of the list", "step(-1)"),
)


LOG, EXCHANGE, CONDITIONS, STATISTICS, CAPTURE = "log", "exchange", "conditions", "statistics", "capture"

_LOG = (
    Command("entries", USER, ("l",), "Show this user's log entries", "entries", label="log", capability="log"),
    Command("filter", LOG, ("slash",), "Filter: user:anna op:FindItem is:error", "filter", label="filter"),
    Command("errors only", LOG, ("e",), "Show only errors, or all", "condition('is:error')", label="errors"),
    Command("quiet", LOG, ("h",), "Hide keep-alives, or show them", "quiet", label="quiet"),
    Command("statistics", LOG, ("i",), "Figures: when, how many, why", "statistics", label="figures"),
    Command("next error", LOG, ("E",), "Go to the next error", "next_error", label="next error", wide=True),
    Command("follow", LOG, ("f",), "Follow new entries, or stop", "follow", label="follow", wide=True),
    Command("drop all", LOG, ("x",), "Drop all conditions", "drop_all", label="all", wide=True),
    Command("suspend", LOG, ("s",), "Suspend or resume all conditions", "suspend"),
    Command("conditions", LOG, ("c",), "Edit single conditions, or reuse an earlier filter", "conditions"),
    Command("time", LOG, ("t",), "Go to a time: 14:05, 2026-11-22, 10m ago", "time"),
    Command("mark", LOG, ("m",), "Mark or unmark this entry", "mark"),
    Command("next mark", LOG, ("n",), "The next mark", "next_mark(1)"),
    Command("previous mark", LOG, ("N",), "The previous mark", "next_mark(-1)"),
    Command("this user", LOG, ("u",), "Show only this user's entries", "this_user"),
    Command("this operation", LOG, ("o",), "Show only this operation", "this_operation"),
    Command("compare", LOG, ("equals_sign",), "Compare with the marked entry, or the one before", "compare"),
    Command("capture", LOG, ("C",), "Start or stop capturing", "capture", label="capture", capability="log", wide=True),
    Command("har", LOG, ("w",), "Export matching entries as a HAR file", "export('har')"),
    Command("bundle", LOG, ("W",), "Export matching entries as a support bundle", "export('bundle')"),
    Command(
        "other part", EXCHANGE, ("tab",), "The next part: summary, request, reply, headers", "part(1)", label="part"
    ),
    Command("part before", EXCHANGE, ("shift+tab",), "The previous part", "part(-1)"),
    Command("search", EXCHANGE, ("slash",), "Search in request and reply", "search", label="search"),
    Command("copy", EXCHANGE, ("y",), "Copy this part as text", "copy", label="copy"),
    Command("next", EXCHANGE, ("right_square_bracket",), "The next entry of the list", "step(1, '')", label="next"),
    Command("previous", EXCHANGE, ("left_square_bracket",), "The previous entry of the list", "step(-1, '')"),
    Command("curl", EXCHANGE, ("x",), "Copy as a curl command, without secrets", "curl", label="curl", wide=True),
    Command(
        "compare",
        EXCHANGE,
        ("equals_sign",),
        "Compare with the marked entry, or the one before",
        "compare",
        label="compare",
        wide=True,
    ),
    Command("pager", EXCHANGE, ("P",), "Show this part in the pager ($PAGER)", "pager", label="pager", wide=True),
    Command("copy command", EXCHANGE, ("c",), "Copy the suggested command", "copy_command"),
    Command("save", EXCHANGE, ("w",), "Write the suggested command or this part to a file", "save"),
    Command("fold", EXCHANGE, ("space",), "Fold or unfold an element", "fold"),
    Command("unfold", EXCHANGE, ("z",), "Unfold everything", "unfold"),
    Command("next found", EXCHANGE, ("n",), "The next match", "found(1)"),
    Command("found before", EXCHANGE, ("N",), "The previous match", "found(-1)"),
    Command("raw", EXCHANGE, ("v",), "Show bodies as sent, or indented", "raw"),
    Command("same user", EXCHANGE, ("u",), "The next entry of the same user", "step(1, 'user')"),
    Command("same user before", EXCHANGE, ("U",), "The previous entry of the same user", "step(-1, 'user')"),
    Command("same operation", EXCHANGE, ("o",), "The next entry of the same operation", "step(1, 'op')"),
    Command("same operation before", EXCHANGE, ("O",), "The previous entry of the same operation", "step(-1, 'op')"),
    Command("column before", STATISTICS, ("left",), "The column before", "column(-1)"),
    Command("next column", STATISTICS, ("right",), "The next column", "column(1)", label="move"),
    Command("zoom in", STATISTICS, ("plus",), "Shorter columns", "zoom(1)", label="zoom"),
    Command("zoom out", STATISTICS, ("minus",), "Longer columns", "zoom(-1)"),
    Command("errors only", STATISTICS, ("e",), "Count only errors, or all", "errors", label="errors"),
    Command("drop all", STATISTICS, ("x",), "Drop all conditions", "drop_all", label="all", wide=True),
    Command("suspend", CONDITIONS, ("space", "s"), "Suspend or resume a condition", "suspend", label="suspend"),
    Command("drop", CONDITIONS, ("d", "delete"), "Remove a condition", "drop", label="remove"),
    Command("end capturing", CAPTURE, ("ctrl+o",), "Stop capturing", "end", label="end", changes=True),
)


SETTINGS, REVIEW, VERSIONS, SECRETS = "settings", "review", "versions", "secrets"

_SETTINGS = (
    Command("filter", SETTINGS, ("slash",), "Filter settings by words", "filter", label="filter"),
    Command(
        "next value",
        SETTINGS,
        ("space",),
        "Switch to the next possible value",
        "next_value",
        label="next",
        changes=True,
    ),
    Command("undo", SETTINGS, ("u",), "Undo the change under the cursor", "undo", label="undo"),
    Command("undo all", SETTINGS, ("U",), "Undo all pending changes", "undo_all"),
    Command("review", SETTINGS, ("d",), "Review the changes, and apply them", "review", label="review", changes=True),
    Command("versions", SETTINGS, ("h",), "Earlier versions of the settings", "versions", label="history"),
    Command("secrets", SETTINGS, ("p",), "Passwords and other secrets", "secrets", capability="secrets"),
    Command("show file", SETTINGS, (), "Show the whole path of the settings file", "show_file", synonyms="toml"),
    Command("drop", SECRETS, ("d", "delete"), "Delete the stored secret", "drop", label="delete", changes=True),
    Command("apply", REVIEW, ("a",), "Apply the changes", "apply", label="apply", changes=True),
    Command(
        "apply on trial",
        REVIEW,
        ("t",),
        "Apply them; rolled back automatically unless kept within a minute",
        "apply(60)",
        label="try for 60 s",
        changes=True,
    ),
    Command("roll back", VERSIONS, ("b",), "Go back to this version", "roll_back", label="roll back", changes=True),
)


ALL: tuple[Command, ...] = (*_EVERYWHERE, *_USERS, *VIEW_COMMANDS, *_LOG, *_SETTINGS, *SETUP_COMMANDS)


def of_place(place: str) -> tuple[Command, ...]:
    """Return the commands of a place, without those that exist everywhere."""
    return tuple(command for command in ALL if command.place == place)


def in_view(view: str) -> tuple[Command, ...]:
    """Return the commands of a screen: its own first, then those of all screens."""
    return (*of_place(view), *of_place(EVERYWHERE))


def named(view: str, name: str) -> Command:
    """Return the command with that name in a screen. Raises `StopIteration` if there is none."""
    return next(command for command in (*in_view(view), *of_place(LIST)) if command.name == name)
