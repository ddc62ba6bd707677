"""The page of a certificate that is not trusted: what it says, to be compared, and the ways to trust it."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from calendar_tui.documents.form_page import Page, paragraphs, text
from engine.api.schema.setup import SetupCertificate, SetupFix, SetupPage
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, cut, fitted, line

FIX = "fix "
"""Begins the key of a line that makes a fix."""

_LABEL = 11
_PAIRS_A_ROW = 16


def certificate_page(page: SetupPage, zone: tzinfo, width: int) -> Page:
    """Return what a certificate says, old and new if it has changed, and a line for each way to trust it."""
    certificate = page.certificate
    if certificate is None:
        return Page()
    said = text(*_identity(certificate, zone, width), *_fingerprints(certificate))
    ways = text(*(_way(fix, width) for fix in certificate.fixes))
    return paragraphs(page.intro, width) + said + paragraphs(page.remarks, width) + text(line()) + ways


def _identity(certificate: SetupCertificate, zone: tzinfo, width: int) -> Iterator[Line]:
    by = "by itself" if certificate.issued_by == certificate.issued_to else f"by {certificate.issued_by}"
    fits = "✓ fits the address" if certificate.fits else "✗ not this address"
    yield _row("Issued to", f"{certificate.issued_to}, {by}", fits, width)
    valid = f"{_day(certificate.begins, zone)} – {_day(certificate.ends, zone)}"
    yield _row("Valid", valid, "✓" if certificate.is_valid_now else "✗ not now", width)


def _row(label: str, said: str, verdict: str, width: int) -> Line:
    room = max(30, width - _LABEL - columns(verdict) - 2)
    role = Role.GOOD if verdict.startswith("✓") else Role.PROBLEM
    said = cut(said, room)
    gap = " " * min(max(2, 31 - columns(said)), room + 2 - columns(said))
    return line(Span(fitted(label, _LABEL), Role.MUTED), said, gap, Span(verdict, role))


def _day(instant: datetime, zone: tzinfo) -> str:
    local = instant.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def _fingerprints(certificate: SetupCertificate) -> Iterator[Line]:
    if certificate.trusted_before:
        yield from _pairs("Before", certificate.trusted_before, Role.MUTED)
        yield from _pairs("Now", certificate.fingerprint, Role.PLAIN)
    else:
        yield from _pairs("SHA-256", certificate.fingerprint, Role.PLAIN)


def _pairs(label: str, fingerprint: str, role: Role) -> Iterator[Line]:
    """Yield a fingerprint in pairs of digits, to be compared by eye."""
    digits = fingerprint.replace(":", "").upper()
    pairs = [digits[place : place + 2] for place in range(0, len(digits), 2)]
    for start in range(0, len(pairs), _PAIRS_A_ROW):
        label = "" if start else label
        yield line(Span(fitted(label, _LABEL), Role.MUTED), Span(":".join(pairs[start : start + _PAIRS_A_ROW]), role))


def _way(fix: SetupFix, width: int) -> Line:
    label = fix.label[:1].upper() + fix.label[1:]
    key = next(iter(fix.keys), "")
    return line("  ", fitted(label, max(39, width - 22)), Span(key, Role.MUTED), key=f"{FIX}{fix.id}")
