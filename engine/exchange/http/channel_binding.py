"""What ties a log-in to the TLS connection it is made on, so that nobody in between can pass it on."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

from engine.tls.certificate import UNREADABLE

TOO_WEAK = ("md5", "sha1")


def tls_server_end_point(certificate: bytes) -> GssChannelBindings:
    """Return the binding for a server's certificate (DER), hashed as RFC 5929, section 4.1 has it.

    Exchange demands it where Extended Protection is on, as it is by default since Exchange 2019 CU14.
    """
    digest = hashes.Hash(_signature_hash(certificate))
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


def _signature_hash(certificate: bytes) -> hashes.HashAlgorithm:
    """The certificate passed OpenSSL already; what this parser finds wrong with it does not matter here."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UNREADABLE:
        algorithm = None
    return hashes.SHA256() if algorithm is None or algorithm.name in TOO_WEAK else algorithm
