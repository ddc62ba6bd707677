"""The exit statuses of `calendar-engine`, as calendar-engine(8) lists them."""

WELL, FAILED, UNUSABLE = 0, 1, 2
"""All went well; the run ended with a failure; settings, secrets or arguments cannot be used."""

NOT_FOUND = 66
"""What was named does not exist (EX_NOINPUT of sysexits.h): a user, a setting, a secret, a version, an exchange."""

MISTAKE = 70
"""EX_SOFTWARE of sysexits.h: this program has a mistake."""

DISK = 74
"""The disk cannot be used (EX_IOERR of sysexits.h): another start helps as soon as that is mended."""

INTERRUPTED = 130
"""Ctrl+C, as a shell has it (128 + SIGINT)."""

UNREACHABLE, FORBIDDEN = 69, 77
"""Those of a command that asks a running engine (EX_UNAVAILABLE and EX_NOPERM of sysexits.h): there is none, or this
account may not."""
