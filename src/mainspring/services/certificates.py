"""A local certificate authority and the server certificate that it signs, kept as files.

A private key and its certificate live in one file, which is replaced whole, so no crash can leave a pair that
does not match. The first line of such a file says what is in it; a start that finds it fresh needs no cryptography.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

CA_LIFE = timedelta(days=3650)
# Some clients refuse 398 days and more, counted from a start that lies a little back.
LIFE = timedelta(days=396)
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(hours=12)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """ca_file: what clients trust; cert_file, key_file: what the server shows (may be one file)."""

    ca_file: Path
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class _About:
    """not_after: epoch seconds; issuer: SHA-256 of the authority's certificate, hex."""

    names: tuple[str, ...]
    not_after: float
    issuer: str


def ensure_certificates(
    directory: Path, names: Sequence[str], *, now: datetime | None = None
) -> Certificates:
    """The authority and a server certificate for `names` (host names and IP addresses), made or renewed as needed.

    Writes ca.pem, ca-key.pem and server.pem (both 0600) in `directory`, which is made. The authority lasts ten
    years; the server certificate is signed again when a name is missing or less than 30 days are left.
    """
    now = now or datetime.now(UTC)
    directory.mkdir(parents=True, exist_ok=True)
    authority, server, ca_file = (directory / n for n in ("ca-key.pem", "server.pem", "ca.pem"))
    if not _fresh(_read_about(authority), now):
        _write(authority, _make_authority(now), 0o600)
    ca_pem = _certificates_in(authority)[0] + "\n"
    if not ca_file.exists() or ca_file.read_text() != ca_pem:
        _write(ca_file, ca_pem, 0o644)
    issuer = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca_pem)).hexdigest()
    found = _read_about(server)
    known = found and found.issuer == issuer and set(names) <= set(found.names)
    if not known or not _fresh(found, now):
        _write(server, _sign(authority, _About(tuple(dict.fromkeys(names)), 0, issuer), now), 0o600)
    return Certificates(ca_file, server, server)


def local_names(*hosts: str) -> list[str]:
    """What this machine is called: localhost, the loopback addresses, its host name, and `hosts`.

    A wildcard among `hosts` (0.0.0.0, ::, "") stands for the address that faces the network.
    """
    import socket

    name = socket.gethostname().lower()
    given = [a for h in hosts for a in ([h] if h not in ("0.0.0.0", "::", "") else _facing_addresses())]  # noqa: S104
    found = ["localhost", "127.0.0.1", "::1", name, _full_name(name), *given]
    return list(dict.fromkeys(n for n in found if n and _can_be_named(n)))


def bundle_with_system_cas(ca_file: Path, out: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Writes to `out` the authorities that this machine trusts, and ours; for clients that read only one file.

    The machine's are those of SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else the system's, else certifi's.
    Returns `out`.
    """
    theirs: list[str] = []
    for source in _bundles(out, environ):
        theirs = _certificates_in(source)
        if theirs:
            break
    blocks = dict.fromkeys([*_certificates_in(ca_file), *theirs])
    text = "\n".join(blocks) + "\n"
    if not out.exists() or out.read_text() != text:
        _write(out, text, 0o644)
    return out


def _bundles(out: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    named = (environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    default = ssl.get_default_verify_paths()
    for name in (*named, default.openssl_cafile, *_SYSTEM_BUNDLES):
        # Our own bundle, named by an earlier `mainspring env`, is no source: it could only keep what is outdated.
        if name and Path(name).is_file() and Path(name).resolve() != out.resolve():
            yield Path(name)
    import certifi

    yield Path(certifi.where())


def _certificates_in(file: Path) -> list[str]:
    try:
        return [re.sub(r"\r", "", block) for block in _CERTIFICATE.findall(file.read_text(errors="replace"))]
    except OSError:
        return []


def _read_about(file: Path) -> _About | None:
    try:
        text = file.read_text()
        found = json.loads(text.split("\n", 1)[0].removeprefix("# "))
        about = _About(tuple(found["names"]), float(found["not_after"]), str(found["issuer"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return about if _CERTIFICATE.search(text) and "PRIVATE KEY-----" in text else None


def _fresh(about: _About | None, now: datetime) -> bool:
    return about is not None and about.not_after - now.timestamp() > RENEW_BEFORE.total_seconds()


def _write(file: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _make_authority(now: datetime) -> str:
    import socket

    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Mainspring local CA ({socket.gethostname()})"[:64])
    end = now + CA_LIFE
    builder = _builder(name, name, key.public_key(), key.public_key(), now, end, authority=True)
    return _together(_About((), end.timestamp(), ""), key, builder, key)


def _sign(authority: Path, about: _About, now: datetime) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = authority.read_bytes()
    issuer = x509.load_pem_x509_certificate(_certificates_in(authority)[0].encode())
    signer = serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN") :], None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{authority} holds no elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + LIFE, issuer.not_valid_after_utc)
    subject, public = _name("Mainspring"), signer.public_key()
    builder = _builder(subject, issuer.subject, key.public_key(), public, now, end, authority=False)
    alternatives = x509.SubjectAlternativeName([_general_name(n) for n in about.names])
    builder = builder.add_extension(alternatives, critical=False).add_extension(
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    return _together(replace(about, not_after=end.timestamp()), key, builder, signer)


def _together(
    about: _About,
    key: ec.EllipticCurvePrivateKey,
    builder: x509.CertificateBuilder,
    signer: ec.EllipticCurvePrivateKey,
) -> str:
    from cryptography.hazmat.primitives import hashes, serialization

    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return f"# {json.dumps(asdict(about))}\n{secret.decode()}{certificate.decode()}"


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    from cryptography import x509

    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | {"encipher_only": False, "decipher_only": False}
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(identifier, critical=False)
    )


def _name(common_name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _can_be_named(name: str) -> bool:
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def _full_name(name: str) -> str:
    """The fully qualified name, when it is known soon: a slow resolver must not hold up a start."""
    import socket
    from threading import Thread

    if "." in name:
        return name
    found: list[str] = []
    asking = Thread(target=lambda: found.append(socket.getfqdn(name).lower()), daemon=True)
    asking.start()
    asking.join(0.5)
    return found[0] if found else ""


def _facing_addresses() -> list[str]:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a datagram socket: nothing is sent
        except OSError:
            return []
        return [probe.getsockname()[0]]
