"""One master key; every use has its own derived key, so that none can stand in for another."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portico.platform.settings import Settings


class MasterKeyInvalid(Exception):
    pass


class KeyRing:
    """Keys derived from the master key by purpose: `tokens`, `audit`, `vault`, `link`."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) < 32:
            raise MasterKeyInvalid(
                "security.master_key must be at least 32 bytes, base64; make one with `openssl rand -base64 32`"
            )
        self._master_key = master_key

    def derive(self, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=b"portico", info=purpose.encode()).derive(self._master_key)


class Sealer:
    """Envelope encryption: a fresh data key per secret, wrapped by the vault key; bound to its place by `context`."""

    def __init__(self, ring: KeyRing) -> None:
        self._wrap = AESGCM(ring.derive("vault"))

    def seal(self, value: str, context: str) -> bytes:
        data_key, wrap_nonce, nonce = AESGCM.generate_key(256), os.urandom(12), os.urandom(12)
        wrapped = self._wrap.encrypt(wrap_nonce, data_key, context.encode())
        return (
            b"\x01" + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, value.encode(), context.encode())
        )

    def open(self, sealed: bytes, context: str) -> str:
        wrap_nonce, wrapped, nonce, body = sealed[1:13], sealed[13:61], sealed[61:73], sealed[73:]
        data_key = self._wrap.decrypt(wrap_nonce, wrapped, context.encode())
        return AESGCM(data_key).decrypt(nonce, body, context.encode()).decode()


def open_key_ring(settings: Settings) -> KeyRing:
    """From the setting, or (development only) from a file made once in the data folder, readable by its owner alone."""
    if settings.security.master_key:
        return KeyRing(_decode(settings.security.master_key.reveal()))
    path = settings.data_dir / "master.key"
    if not path.exists():
        _create_privately(path, base64.b64encode(os.urandom(32)))
    return KeyRing(_decode(path.read_text().strip()))


def _create_privately(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # link, not rename: of two processes starting at once, the first key stays.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MasterKeyInvalid("security.master_key is not base64; make one with `openssl rand -base64 32`") from error


def digest_secret(secret: str) -> bytes:
    """For secrets with full entropy (keys, tokens); passwords go through argon2 instead."""
    return hashlib.sha256(secret.encode()).digest()
