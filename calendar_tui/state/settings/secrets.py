"""Secrets as lines: their names, where they come from, and how old they are."""

from calendar_tui.state.frame import age
from calendar_tui.state.lines import Document, Line, Role, Span, fitted, line
from engine.api.schema.secrets import SecretChanged, SecretOrigin, SecretOrigins

NAME = 28


def secrets_document(secrets: SecretOrigins) -> Document:
    """Return the secrets; the key of a line is the name."""
    heads = line(Span(f"   {'secret':<{NAME}} {'state':<14} from", Role.TITLE))
    hint = line(Span("   Enter puts in another one; what is typed is not shown.", Role.MUTED))
    return Document([heads, *map(_secret, secrets.secrets), line(), hint])


def stored(changed: SecretChanged) -> str:
    """Return in a line what became of another secret."""
    if changed.trouble is not None:
        return f"{changed.name} is stored, but: {changed.trouble.title}. {changed.trouble.remedy}"
    anew = f"; {', '.join(changed.restarted)} begins anew" if changed.restarted else ""
    return f"{changed.name} is stored{anew}."


def _secret(secret: SecretOrigin) -> Line:
    if secret.origin is not None:
        state = Span(f"{'✓ there':<14} ", Role.GOOD)
    elif secret.needed:
        state = Span(f"{'✗ missing':<14} ", Role.PROBLEM)
    else:
        state = Span(f"{'– not needed':<14} ", Role.MUTED)
    since = f", stored {age(secret.age)} ago" if secret.age is not None else ""
    return line("   ", fitted(secret.name, NAME), " ", state, f"{secret.origin or ''}{since}", key=secret.name)
