"""A client certificate's fingerprint, by which the registry knows it."""

from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from streams.registry import RegistryRefused


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate in PEM, in hexadecimal digits. Raises RegistryRefused."""
    try:
        certificate = load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise RegistryRefused(
            "certificate: is none in PEM; give the file that begins with BEGIN CERTIFICATE"
        ) from None
    return sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
