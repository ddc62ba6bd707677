"""What can be done in the log of exchanges, and with one exchange."""

from calendar_tui.commands.command import Command

LOG, EXCHANGE, CONDITIONS, STATISTICS, CAPTURE = "log", "exchange", "conditions", "statistics", "capture"

COMMANDS = (
    Command(
        name="filter",
        place=LOG,
        keys=("slash",),
        title="Filter: user:anna op:FindItem is:error",
        action="filter",
        label="filter",
    ),
    Command(
        name="errors only",
        place=LOG,
        keys=("e",),
        title="Only errors, or all",
        action="condition('is:error')",
        label="errors",
    ),
    Command(
        name="follow",
        place=LOG,
        keys=("f",),
        title="Follow what comes, or stand still",
        action="follow",
        label="follow",
    ),
    Command(
        name="statistics",
        place=LOG,
        keys=("i",),
        title="Errors with their remedies, and figures",
        action="statistics",
        label="why",
    ),
    Command(
        name="suspend", place=LOG, keys=("s",), title="Suspend all conditions, or take them up again", action="suspend"
    ),
    Command(
        name="conditions",
        place=LOG,
        keys=("c",),
        title="Conditions one by one, and earlier filters",
        action="conditions",
        label="cond.",
    ),
    Command(
        name="time",
        place=LOG,
        keys=("t",),
        title="Go to a time: 14:05, 2026-11-22, 10m ago",
        action="time",
        label="time",
    ),
    Command(
        name="mark", place=LOG, keys=("m",), title="Mark this exchange, or mark it no more", action="mark", label="mark"
    ),
    Command(name="next mark", place=LOG, keys=("apostrophe", "n"), title="The next mark", action="next_mark(1)"),
    Command(
        name="previous mark", place=LOG, keys=("quotation_mark", "N"), title="The mark before", action="next_mark(-1)"
    ),
    Command(name="this user", place=LOG, keys=("u",), title="Only this user's exchanges", action="this_user"),
    Command(name="this operation", place=LOG, keys=("o",), title="Only this operation", action="this_operation"),
    Command(
        name="capture",
        place=LOG,
        keys=("C",),
        title="Begin or end capturing",
        action="capture",
        label="capture",
        capability="log",
    ),
    Command(
        name="har", place=LOG, keys=("w",), title="Write what fits into a HAR file", action="export('har', '.har')"
    ),
    Command(
        name="bundle",
        place=LOG,
        keys=("W",),
        title="Write what fits into a support bundle",
        action="export('bundle', '.zip')",
    ),
    Command(
        name="other part",
        place=EXCHANGE,
        keys=("tab",),
        title="The next part: summary, request, response, headers",
        action="part(1)",
        label="parts",
    ),
    Command(name="part before", place=EXCHANGE, keys=("shift+tab",), title="The part before", action="part(-1)"),
    Command(
        name="copy command",
        place=EXCHANGE,
        keys=("c",),
        title="Copy the command that helps",
        action="copy_command",
        label="command",
    ),
    Command(
        name="fold", place=EXCHANGE, keys=("space",), title="Fold or unfold an element", action="fold", label="fold"
    ),
    Command(name="unfold", place=EXCHANGE, keys=("z",), title="Unfold everything", action="unfold"),
    Command(
        name="search", place=EXCHANGE, keys=("slash",), title="Search in the bodies", action="search", label="search"
    ),
    Command(name="next found", place=EXCHANGE, keys=("n",), title="The next place found", action="found(1)"),
    Command(name="found before", place=EXCHANGE, keys=("N",), title="The place found before", action="found(-1)"),
    Command(
        name="raw",
        place=EXCHANGE,
        keys=("v",),
        title="Bodies as they were sent, or indented",
        action="raw",
        label="raw",
    ),
    Command(
        name="next",
        place=EXCHANGE,
        keys=("right_square_bracket", "J"),
        title="The next exchange of the list",
        action="step(1, '')",
        label="next",
    ),
    Command(
        name="previous",
        place=EXCHANGE,
        keys=("left_square_bracket", "K"),
        title="The exchange before",
        action="step(-1, '')",
    ),
    Command(
        name="same user",
        place=EXCHANGE,
        keys=("u",),
        title="The next exchange of the same user",
        action="step(1, 'user')",
        label="same user",
    ),
    Command(
        name="same user before",
        place=EXCHANGE,
        keys=("U",),
        title="The exchange of the same user before",
        action="step(-1, 'user')",
    ),
    Command(
        name="same operation",
        place=EXCHANGE,
        keys=("o",),
        title="The next exchange of the same operation",
        action="step(1, 'op')",
    ),
    Command(
        name="same operation before",
        place=EXCHANGE,
        keys=("O",),
        title="The exchange of the same operation before",
        action="step(-1, 'op')",
    ),
    Command(
        name="curl",
        place=EXCHANGE,
        keys=("x",),
        title="Copy as a curl command, without secrets",
        action="curl",
        label="curl",
    ),
    Command(name="copy", place=EXCHANGE, keys=("y",), title="Copy this part as text", action="copy"),
    Command(name="save", place=EXCHANGE, keys=("w",), title="Write this part into a file", action="save"),
    Command(
        name="suspend",
        place=CONDITIONS,
        keys=("space", "s"),
        title="Suspend a condition, or take it up again",
        action="suspend",
        label="suspend",
    ),
    Command(name="drop", place=CONDITIONS, keys=("d", "delete"), title="Drop a condition", action="drop", label="drop"),
    Command(
        name="end capturing",
        place=CAPTURE,
        keys=("ctrl+e",),
        title="Capture nothing any more",
        action="end",
        label="end",
        changes=True,
    ),
)
