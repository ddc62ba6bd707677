"""The certificates of the application in Microsoft Entra with where to upload them, and what is known of its tenant."""

from collections.abc import Iterator, Mapping

from engine.api.schema.cloud import CloudCertificate, CloudCertificates, CloudTenant
from engine.documents.lines import Document, Line, Role, Span, labelled, line, wrapped
from engine.documents.problems import problem_box

PROOFS: Mapping[str, str] = {
    "certificate file": "the certificate that exchange.certificate names",
    "own certificate": "the certificate that the engine has made",
    "client secret": "a client secret",
}
"""What an application logs in with, in words."""

NO_CLIENT = "CLIENT_ID"
NO_FILE = "certificate.pem"


def certificates_document(found: CloudCertificates, width: int, file: str | None = None) -> Document:
    """Return the certificates, and where to upload the public part of the newest; `file` has it, if there is one."""
    lines: list[Line] = []
    for certificate in found.certificates:
        lines += [*_certificate(certificate, found, width), line()]
    if found.certificates:
        lines += _upload(found.client_id or NO_CLIENT, file or NO_FILE, width)
    else:
        lines.append(line(" The engine has made no certificate: calendar-engine cloud certificate makes one."))
    if found.restarted:
        lines += [line(), *wrapped(f"Restarted: {', '.join(found.restarted)}", width, " ")]
    if found.trouble is not None:
        lines += [line(), *problem_box(found.trouble, width)]
    return Document(lines)


def tenant_document(found: CloudTenant, width: int) -> Document:
    """Return what is known of the tenant, and of the rest how it is found out."""
    if found.tenant_id is None:
        return Document([line(" The settings name no tenant of Microsoft 365.")])
    lines = [
        *labelled(" Tenant      ", found.tenant_id, width),
        *labelled(" Application ", found.client_id or NO_CLIENT, width),
        line(),
    ]
    for finding in found.findings:
        lines += wrapped(finding, width - 1, " ")
    if not found.learned:
        lines += [line(), *wrapped("calendar-engine probe exchange finds out by Microsoft Graph.", width - 1, " ")]
    return Document(lines)


def proof_in_words(found: CloudCertificates) -> str:
    """Return what the application logs in with."""
    return PROOFS.get(found.application_proof or "", "nothing yet")


def _certificate(certificate: CloudCertificate, found: CloudCertificates, width: int) -> Iterator[Line]:
    if certificate.state == "next":
        title, role = "Next certificate", Role.NOTICE
        told = f"used once Microsoft Entra accepts it; until then, the application logs in with {proof_in_words(found)}"
    elif found.application_proof == "own certificate":
        title, role, told = "Certificate in use", Role.GOOD, "what the application logs in with"
    else:
        title, role = "Certificate not in use", Role.NOTICE
        told = f"the application logs in with {proof_in_words(found)}"
    yield line(Span(f" {title}", role))
    yield from wrapped(told, width - 1, "   ")
    for name, text in (
        ("valid until", f"{certificate.ends:%Y-%m-%d}"),
        ("thumbprint", certificate.sha1),
        ("SHA-256", certificate.sha256),
    ):
        yield from labelled(f"   {name:<12} ", text, width)


def _upload(client_id: str, file: str, width: int) -> Iterator[Line]:
    yield line(Span(" Upload the public part to the app registration", Role.TITLE))
    yield from wrapped(
        f"In https://entra.microsoft.com, or the portal of your national cloud: Entra ID, App registrations, the "
        f"application {client_id}, Certificates & secrets, Certificates, Upload certificate.",
        width - 1,
        "   ",
    )
    yield from wrapped("Or with the Azure CLI, from a file with the lines below (--out FILE writes one):", width, "   ")
    yield line(f"   az ad app credential reset --id {client_id} --cert @{file} --append")
