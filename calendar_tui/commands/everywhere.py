"""What can be done in every view, and in every list."""

from calendar_tui.commands.command import EVERYWHERE, LIST, Command

COMMANDS = (
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
    Command("confirm hold", EVERYWHERE, ("Y",), "Let a held change clear presences", "confirm_hold", changes=True),
    Command("overview", EVERYWHERE, ("1",), "Go to the overview", "open('overview')"),
    Command("users", EVERYWHERE, ("2",), "Go to the users", "open('users')", label="users"),
    Command(
        "log",
        EVERYWHERE,
        ("3",),
        "Go to the log of exchanges with Exchange",
        "open('log')",
        label="log",
        capability="log",
    ),
    Command(
        "settings",
        EVERYWHERE,
        ("4",),
        "Go to the settings",
        "open('settings')",
        label="settings",
        capability="settings",
    ),
    Command(
        "theme",
        EVERYWHERE,
        ("ctrl+t",),
        "Change between dark, light and terminal colours",
        "theme",
    ),
    Command(
        "quit",
        EVERYWHERE,
        ("q", "ctrl+q"),
        "Leave; the engine goes on",
        "quit",
        label="quit",
    ),
    Command("up", LIST, ("up", "k"), "One line up", "move(-1)"),
    Command("down", LIST, ("down", "j"), "One line down", "move(1)"),
    Command("page up", LIST, ("pageup", "ctrl+b"), "One page up", "page(-1)"),
    Command("page down", LIST, ("pagedown", "ctrl+f"), "One page down", "page(1)"),
    Command("top", LIST, ("home", "g"), "To the first line", "top"),
    Command("bottom", LIST, ("end", "G"), "To the last line", "bottom"),
    Command("open", LIST, ("enter",), "Open what the line is about", "choose"),
)
