"""A problem that concerns a whole side, or the settings, in full."""

from calendar_tui.state.lines import Document, Role, Span, line
from calendar_tui.state.model import Model
from calendar_tui.state.trouble import problem_box, whose_and_how_much


def problem_document(model: Model, slug: str, width: int) -> Document:
    """Return all that is known of the problem with that name."""
    status, concern = model.status, model.concern(slug)
    if concern is None:
        return Document([line(), line(Span(" ✓ This problem is over.", Role.GOOD))])
    lines = [line(), *problem_box(concern.trouble, width), line(), whose_and_how_much(concern.trouble)]
    for link in status.links if status else ():
        if link.name == concern.link:
            since = f" since {link.since.astimezone(model.zone):%d %b %H:%M}" if link.since else ""
            waits = f", next try at {link.retry_at.astimezone(model.zone):%H:%M:%S}" if link.retry_at else ""
            lines.append(line(f"   {link.name} {'works' if link.works else 'does not work'}{since}{waits}."))
    return Document(lines)
