"""The platform's one key: seals secret inputs and signs capabilities."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path


class Vault:
    """Keys derived from 32 random bytes in a file that only its owner reads."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            _create(file)
        root = file.read_bytes()
        self._seal_key = hmac.digest(root, b"seal", "sha256")
        self._sign_key = hmac.digest(root, b"sign", "sha256")

    def seal(self, plain: bytes, about: str) -> str:
        """Encrypt (AES-256-GCM); only `open` with the same `about` gets it back."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self._seal_key).encrypt(nonce, plain, about.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, about: str) -> bytes:
        """Decrypt what `seal` made. Raises ValueError for anything else."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        raw = base64.b64decode(sealed)
        try:
            return AESGCM(self._seal_key).decrypt(raw[:12], raw[12:], about.encode())
        except InvalidTag as error:
            raise ValueError("sealed with another key") from error

    def hmac(self, message: str) -> bytes:
        """32 bytes that only this platform can make for message."""
        return hmac.digest(self._sign_key, message.encode(), hashlib.sha256)

    def capability(self, message: str) -> str:
        """64 hex digits that prove a right to whatever message names."""
        return self.hmac(message).hex()

    def proves(self, capability: str, message: str) -> bool:
        """Whether the capability was made for message, in constant time."""
        return hmac.compare_digest(capability.encode(), self.capability(message).encode())


def _create(file: Path) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(secrets.token_bytes(32))
        out.flush()
        os.fsync(out.fileno())
    draft.rename(file)
