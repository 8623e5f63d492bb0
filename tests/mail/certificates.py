"""Certificates of every kind, made for one test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and those above it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_info(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def chain(self) -> list[bytes]:
        """As a server sends it."""
        encoding = serialization.Encoding.DER
        return [self.der, *(each.public_bytes(encoding) for each in self.above)]

    def write(self, path: Path, *, with_chain: bool = True) -> Path:
        """Certificates and key as one PEM file."""
        sent = [self.certificate, *(self.above if with_chain else ())]
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        encoding = serialization.Encoding.PEM
        path.write_bytes(b"".join(each.public_bytes(encoding) for each in sent) + key)
        return path


def issue(
    *names: str,
    issuer: Issued | None = None,
    authority: bool = False,
    starts: timedelta = -DAY,
    ends: timedelta = 365 * DAY,
    common_name: str = "test",
) -> Issued:
    """A certificate for DNS names, signed by its issuer or else by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Issued(certificate, key, (issuer.certificate, *issuer.above) if issuer else ())
