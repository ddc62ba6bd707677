"""Takes what is personal out of exchanges before they are handed out: subjects, names, and addresses."""

from msgspec.structs import replace

from engine.core.redaction.personal import blank_personal
from engine.core.redaction.pseudonyms import Pseudonyms
from engine.debuglog.model import Kept


def without_persons(kept: Kept, pseudonyms: Pseudonyms) -> Kept:
    """Return an exchange in which nobody is named; the same address is the same pseudonym everywhere."""
    particulars = kept.particulars
    return replace(
        kept,
        row=replace(kept.row, user="", mailbox=pseudonyms.text(kept.row.mailbox)),
        particulars=replace(
            particulars,
            url=pseudonyms.text(particulars.url),
            request_headers=_headers(particulars.request_headers, pseudonyms),
            response_headers=_headers(particulars.response_headers, pseudonyms),
        ),
        request=pseudonyms.body(blank_personal(kept.request, subjects=False)),
        response=pseudonyms.body(blank_personal(kept.response, subjects=False)),
    )


def _headers(pairs: tuple[tuple[str, str], ...], pseudonyms: Pseudonyms) -> tuple[tuple[str, str], ...]:
    return tuple((name, pseudonyms.text(value)) for name, value in pairs)
