"""The exit statuses of `calendar-engine`, as listed in calendar-engine(8)."""

WELL, FAILED, UNUSABLE = 0, 1, 2
"""All went well; the run ended with a failure; settings, secrets or arguments cannot be used."""

UNKNOWN = 3
"""`health` cannot tell: there is no engine to ask, or the arguments cannot be used (as plugins of Nagios say it)."""

NOT_FOUND = 66
"""The named object does not exist (EX_NOINPUT of sysexits.h): a user, a setting, a secret, a version, an exchange."""

MISTAKE = 70
"""EX_SOFTWARE of sysexits.h: an internal error of this program."""

DISK = 74
"""The disk cannot be used (EX_IOERR of sysexits.h): a restart helps once that is fixed."""

INTERRUPTED = 130
"""Interrupted by Ctrl+C, as in a shell (128 + SIGINT)."""

UNREACHABLE, FORBIDDEN = 69, 77
"""Those of a command that asks a running engine (EX_UNAVAILABLE and EX_NOPERM of sysexits.h): there is none, or this
account may not."""
