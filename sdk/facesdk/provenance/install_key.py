"""The key that signs what this installation makes: made once, offline, and kept in the user's own folder."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesdk.errors import ProvenanceError
from facesdk.provenance.key_folder import write_key_folder
from facesdk.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FOLDER = "signing"
_KEY, _CHAIN, _ROOT = "key.pem", "chain.pem", "root.pem"
YEARS = 10
"""There is no trusted time in an offline signature: when the certificate is over, so is the signature."""
ORGANISATION = "facesdk, this installation only"


@dataclass(frozen=True)
class InstallKey:
    """A key with its certificates.

    Attributes:
        key_pem: the private key, PKCS 8.
        chain_pem: its certificate, then the root's.
        root_pem: the root's certificate: what `facesdk verify` trusts on this machine.
    """

    key_pem: bytes
    chain_pem: str
    root_pem: str

    def __repr__(self) -> str:
        return "InstallKey(...)"


def install_key(settings: Settings | None = None) -> InstallKey:
    """This installation's key; made on first use, readable by its user alone.

    Args:
        settings: read from the environment by default; says where it is kept.

    Raises:
        ProvenanceError: the folder cannot be written or read, or `cryptography` is not installed.
    """
    folder = (settings or Settings.from_environment()).config_folder / FOLDER
    try:
        if not (folder / _KEY).exists():
            _make(folder)
        return InstallKey((folder / _KEY).read_bytes(), (folder / _CHAIN).read_text(), (folder / _ROOT).read_text())
    except OSError as error:
        raise ProvenanceError(
            f"the key for C2PA manifests cannot be kept in {folder}: {error.strerror}.",
            "Make the folder writable, or name another one with FACESDK_HOME.",
        ) from error


def known_root(settings: Settings | None = None) -> str | None:
    """This installation's root certificate, or None if nothing was ever signed here."""
    file = (settings or Settings.from_environment()).config_folder / FOLDER / _ROOT
    return file.read_text() if file.is_file() else None


def _make(folder: Path) -> None:
    """Makes all three files."""
    made = _new_key()
    files = {_KEY: made.key_pem, _CHAIN: made.chain_pem.encode(), _ROOT: made.root_pem.encode()}
    write_key_folder(folder, files)


def _new_key() -> InstallKey:
    """A root that signs one certificate and is then forgotten, so that nobody can make another one in its name."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID
    except ImportError as error:
        raise ProvenanceError(f"C2PA manifests need cryptography: {error}.", "install facesdk[c2pa]") from error
    # Whole days: the moment of installation is nobody's business.
    today = datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = today + datetime.timedelta(days=365 * YEARS)
    root_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Two installations' roots differ in their name, too, as some readers look for nothing else.
    root_name = _name(f"anchor {secrets.token_hex(4)}")

    def certificate(name: x509.Name, key: EllipticCurvePrivateKey, is_root: bool) -> x509.Certificate:
        usage = {
            "content_commitment": False,
            "key_encipherment": False,
            "data_encipherment": False,
            "key_agreement": False,
            "encipher_only": False,
            "decipher_only": False,
            "digital_signature": not is_root,
            "key_cert_sign": is_root,
            "crl_sign": is_root,
        }
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if not is_root:
            # Source: C2PA specification 2.2, section 14.5.1 (certificate profile).
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purposes, critical=False)
        return builder.sign(root_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    root = certificate(root_name, root_key, True).public_bytes(pem).decode()
    own = certificate(_name("signer"), own_key, False).public_bytes(pem).decode()
    private = own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return InstallKey(private, own + root, root)


def _name(what: str) -> Any:
    """A pseudonym: of no person, machine or place."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"facesdk {what}"),
        ]
    )
