"""What ties a log-in to the TLS connection it is made on, so that nobody in between can pass it on."""

import ssl

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

from engine.exchange.http.wire import NetworkStream

TOO_WEAK = ("md5", "sha1")


def channel_binding_of(stream: NetworkStream) -> GssChannelBindings | None:
    """Return the tls-server-end-point binding of a connection, None without TLS.

    Exchange demands it where Extended Protection is on, as it is by default since Exchange 2019 CU14.
    """
    tls: ssl.SSLObject | None = stream.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return tls_server_end_point(certificate) if certificate is not None else None


def tls_server_end_point(certificate: bytes) -> GssChannelBindings:
    """Return the binding for a server's certificate (DER), hashed as RFC 5929, section 4.1 has it."""
    digest = hashes.Hash(_signature_hash(certificate))
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


def _signature_hash(certificate: bytes) -> hashes.HashAlgorithm:
    """The certificate passed OpenSSL already; what this parser finds wrong with it does not matter here."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        algorithm = None
    return hashes.SHA256() if algorithm is None or algorithm.name in TOO_WEAK else algorithm
