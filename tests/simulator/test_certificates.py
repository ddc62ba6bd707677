"""Generated certificates are accepted by a verifying client, only for their names."""

import asyncio
import ssl
from pathlib import Path

import pytest

from engine.simulator.certificates import CertificateAuthority, IssuedCertificate


async def greet(certificate: IssuedCertificate, trust: ssl.SSLContext, name: str) -> bytes | None:
    """Connect under `name`; return the certificate that was shown."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=certificate.context) as server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
        shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return shown


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "mail.corp.example"])
async def test_every_name_of_the_certificate_is_trusted(tmp_path: Path, name: str) -> None:
    authority = CertificateAuthority()
    certificate = authority.issue("localhost", "127.0.0.1", "mail.corp.example")
    trust = ssl.create_default_context(cafile=authority.ca_file(tmp_path))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    assert await greet(certificate, trust, name) == certificate.der


async def test_another_name_or_another_ca_is_not_trusted() -> None:
    authority = CertificateAuthority()
    certificate = authority.issue("localhost")
    for issuer, name in ((authority, "mail.corp.example"), (CertificateAuthority(), "localhost")):
        with pytest.raises(ssl.SSLCertVerificationError):
            await greet(certificate, ssl.create_default_context(cadata=issuer.pem.decode()), name)
