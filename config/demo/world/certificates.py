"""A demo certificate authority and server certificates in several states of repair."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Condition(StrEnum):
    """What is right or wrong with a certificate."""

    GOOD = "good"
    EXPIRED = "expired"
    SELF_SIGNED = "self-signed"
    WRONG_NAME = "wrong-name"


class Authority:
    """A certificate authority of its own, in a folder: ``ca.pem`` and one PEM file per server."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Demo mail authority")
        self.ca_path = folder / "ca.pem"
        self.ca_path.write_bytes(self._self_signed().public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str, condition: Condition) -> Path:
        """Write certificate and key for a host into one PEM file, and give its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        named = "other.example" if condition is Condition.WRONG_NAME else host
        self_signed = condition is Condition.SELF_SIGNED
        start, end = _validity(expired=condition is Condition.EXPIRED)
        signer = key if self_signed else self._key
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(named))
            .issuer_name(_name(named) if self_signed else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(named)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .sign(signer, hashes.SHA256())
        )
        path = self._folder / f"{host}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def _self_signed(self) -> x509.Certificate:
        start, end = _validity(expired=False)
        public = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _validity(*, expired: bool) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    if expired:
        return now - timedelta(days=100), now - timedelta(days=10)
    return now - timedelta(days=1), now + timedelta(days=365)
