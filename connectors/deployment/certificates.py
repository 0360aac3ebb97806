"""Certificates of an authority of one's own, for the connections inside an installation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS: Final = 3650
CERTIFICATE_DAYS: Final = 397
"""As long as browsers take a server's certificate, at most."""
_EARLIER: Final = timedelta(hours=1)
"""Clocks differ."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key and its certificate, PEM."""

    key: bytes
    certificate: bytes


def make_authority(name: str) -> Pair:
    """A new authority that signs certificates of servers and clients, and no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key, AUTHORITY_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return _pair(key, builder.sign(key, hashes.SHA256()))


def issue(authority: Pair, name: str, hosts: Sequence[str] = ()) -> Pair:
    """A key and certificate for a program called `name`, reached as `hosts` (DNS names, IP addresses)."""
    signer = load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey), "an authority of `make_authority`"
    [issuer] = x509.load_pem_x509_certificate(authority.certificate).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, str(issuer.value), key, CERTIFICATE_DAYS)
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
        )
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return _pair(key, builder.sign(signer, hashes.SHA256()))


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Pair:
    return Pair(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
    )
