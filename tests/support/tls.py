"""Certificates for servers in tests: an authority, and what it or nobody has signed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """A certificate authority of its own; a client trusts ``root``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"Authority of {folder.name}")
        builder = _builder(self._name, self._name, self._key, -1, 3650)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        signed = builder.add_extension(basic, True).add_extension(usage, True)
        subject = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        root = signed.add_extension(subject, False).sign(self._key, hashes.SHA256())
        self.root = folder / "root.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def server(
        self, host: str = "127.0.0.1", *, first_day: int = -1, last_day: int = 60
    ) -> ServerCertificate:
        """A certificate for the host, valid between two days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(host), self._name, key, first_day, last_day)
        return self._written(_for_host(builder, host).sign(self._key, hashes.SHA256()), key)

    def self_signed(self, host: str = "127.0.0.1") -> ServerCertificate:
        """A certificate that nobody else vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(host), _name(host), key, -1, 60)
        return self._written(_for_host(builder, host).sign(key, hashes.SHA256()), key)

    def _written(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> ServerCertificate:
        stem = f"{certificate.serial_number:x}"
        paths = ServerCertificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        paths.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        paths.key.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        paths.key.chmod(0o600)
        return paths


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    first_day: int,
    last_day: int,
) -> x509.CertificateBuilder:
    # An hour more, so that the number of whole days is the same all through a test.
    now = datetime.now(UTC) + timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first_day * DAY)
        .not_valid_after(now + last_day * DAY)
    )


def _for_host(builder: x509.CertificateBuilder, host: str) -> x509.CertificateBuilder:
    name: x509.GeneralName = (
        x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    )
    return builder.add_extension(x509.SubjectAlternativeName([name]), False)
