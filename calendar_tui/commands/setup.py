"""The commands of the set-up. Letters work where no field has the cursor."""

from calendar_tui.commands.command import EVERYWHERE, Command

SETUP, FINISHED = "setup", "finished"

_FLOWS = (
    ("set up", "Set up again: go through all steps", "all"),
    ("change the Exchange password", "Type a new password of the service account, or client secret", "password"),
    ("change PBX", "Connect to another PBX, or in another way", "pbx"),
    ("change Exchange", "Read calendars from another Exchange, or with another account", "exchange"),
    ("move to Graph", "Move from Exchange Web Services to Microsoft Graph", "graph"),
    ("learn the PBX", "Learn how this PBX clears presences, and the longest note", "learn"),
)

_LIVE = (
    Command(
        "go live",
        EVERYWHERE,
        ("g",),
        "Go live: write everybody's presences to the PBX",
        "go_live",
        changes=True,
        capability="live-preview",
    ),
    Command("keep", EVERYWHERE, ("K",), "Keep the change that awaits confirmation", "keep_trial", changes=True),
    Command("go back", EVERYWHERE, ("B",), "Go back to what was before, or to a dry run", "back_live", changes=True),
    Command("answers", FINISHED, ("w",), "Write the answers to a file, without secrets", "answers", label="answers"),
)

SETUP_COMMANDS = (
    *_LIVE,
    *(
        Command(name, EVERYWHERE, (), title, f"set_up({flow!r})", changes=True, capability="setup-pages")
        for name, title, flow in _FLOWS
    ),
    Command(
        "next", SETUP, ("enter",), "Go to the next field or page; at the end of a page it is checked", "next", "next"
    ),
    Command("check", SETUP, ("ctrl+r",), "Check this page with a log-in", "check", label="check"),
    Command("more", SETUP, ("ctrl+o",), "Show the fields that are seldom needed", "more", label="more"),
    Command("steps", SETUP, ("ctrl+g",), "Go to another step", "steps", label="steps"),
    Command("later", SETUP, ("ctrl+l",), "Leave the set-up; everything typed is kept", "later", label="later"),
    Command("fix", SETUP, ("ctrl+f",), "Let the program mend what it found", "fix"),
    Command(
        "copy",
        SETUP,
        ("c",),
        "Copy the script, certificate, password, or a cause's commands",
        "page('copy')",
        label="copy",
    ),
    Command(
        "write",
        SETUP,
        ("w",),
        "Write it to a file; a list with commas between the columns",
        "page('write')",
        label="file",
    ),
    Command("colleague", SETUP, ("t",), "Copy the whole task as text for a colleague", "page('colleague')", "as text"),
    Command("tick", SETUP, ("space",), "Tick, untick or choose what is under the cursor", "page('tick')", label="tick"),
    Command("list", SETUP, ("v",), "List everybody", "page('list')"),
    Command("again", SETUP, ("F",), "Try again those whose calendars cannot be read", "page('again')", label="again"),
    Command("differing", SETUP, ("o",), "Show only users who would show something else, or all", "page('differing')"),
    Command("filter", SETUP, ("slash",), "Filter the preview as you type", "page('filter')", label="filter"),
    Command(
        "answers", SETUP, ("y",), "Write the answers to a file, without secrets", "page('answers')", label="answers"
    ),
    Command("az", SETUP, ("z",), "Copy the commands for the Azure CLI", "page('az')"),
    Command(
        "group", SETUP, ("s",), "Sort the preview; or copy the PowerShell for a group of mailboxes", "page('group')"
    ),
    Command("password", SETUP, ("p",), "Show or hide the password made for the App object", "page('password')"),
    Command("take over", SETUP, ("T",), "Go on in place of the person who is at it", "take_over", label="take over"),
)
