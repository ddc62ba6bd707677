"""What can be done with the settings."""

from calendar_tui.commands.command import Command

SETTINGS, REVIEW, VERSIONS, SECRETS = "settings", "review", "versions", "secrets"

COMMANDS = (
    Command("filter", SETTINGS, ("slash",), "Only settings with these words", "filter", label="filter"),
    Command(
        "next value",
        SETTINGS,
        ("space",),
        "The next of a few possible values",
        "next_value",
        label="next",
        changes=True,
    ),
    Command("undo", SETTINGS, ("u",), "Undo the change under the cursor", "undo", label="undo"),
    Command("undo all", SETTINGS, ("U",), "Undo all changes that are not applied", "undo_all"),
    Command("review", SETTINGS, ("d",), "What the changes do, and apply them", "review", label="apply", changes=True),
    Command("versions", SETTINGS, ("h",), "Earlier versions of the settings", "versions", label="history"),
    Command("secrets", SETTINGS, ("p",), "Passwords and other secrets", "secrets", capability="secrets"),
    Command("drop", SECRETS, ("d", "delete"), "Remove the stored secret", "drop", label="drop", changes=True),
    Command("keep", SETTINGS, ("K",), "Keep the change that waits to be confirmed", "keep", changes=True),
    Command("roll back", SETTINGS, ("B",), "Go back to the version before the last change", "roll_back", changes=True),
    Command("apply", REVIEW, ("a",), "Apply the changes", "apply", label="apply", changes=True),
    Command(
        "apply on trial",
        REVIEW,
        ("t",),
        "Apply them, and go back by itself unless they are kept within a minute",
        "apply(60)",
        label="try for 60 s",
        changes=True,
    ),
    Command("roll back", VERSIONS, ("b",), "Go back to this version", "roll_back", label="roll back", changes=True),
)
