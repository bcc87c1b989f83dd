"""The one secret of a data folder, and the keys derived from it by purpose."""

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from whatssound.adapters.data_folder import DataFolderError

PURPOSES: Final = ("jwt", "blobs", "playlists", "homes", "publishable")
"""`jwt` signs access tokens, `blobs` names stored audio, `playlists` signs the way to it, `homes` hides addresses,
`publishable` is the API key for pages."""

SECRET_BYTES: Final = 32
KEY_BYTES: Final = 32
JWT_SECRET_MIN_BYTES: Final = 32
"""RFC 7518 §3.2: an HS256 key has at least the hash's 256 bits."""


class Secret:
    """Keys by purpose, so that one can change, or leak, without the others.

    `jwt_secret` replaces the key for tokens and nothing else. Raises DataFolderError when it is shorter than 32 bytes.
    """

    def __init__(self, material: bytes, *, jwt_secret: str | None = None) -> None:
        self._material = material
        self._jwt = None if jwt_secret is None else jwt_secret.encode()
        if self._jwt is not None and len(self._jwt) < JWT_SECRET_MIN_BYTES:
            raise DataFolderError(
                f"The JWT secret has {len(self._jwt)} bytes; give one of at least {JWT_SECRET_MIN_BYTES}, "
                "or none to use the data folder's own."
            )

    def __repr__(self) -> str:
        return "Secret(…)"

    def derive(self, purpose: str) -> bytes:
        """The 32-byte key for one of `PURPOSES`: HKDF-SHA256 over the secret, so always the same for the same secret.

        Raises ValueError for another purpose.
        """
        if purpose not in PURPOSES:
            raise ValueError(f"no key is known for {purpose!r}")
        if purpose == "jwt" and self._jwt is not None:
            return self._jwt
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"whatssound/" + purpose.encode()).derive(self._material)

    def publishable_key(self) -> str:
        """An API key that everybody may see, of the form that Supabase's clients know; always the same."""
        return "sb_publishable_" + base64.urlsafe_b64encode(self.derive("publishable")[:24]).decode()


def open_secret(file: Path, *, jwt_secret: str | None = None) -> Secret:
    """The secret in `file`, made at the first call; processes that start together agree on one.

    Raises DataFolderError when the file cannot be read or written, is readable by others, or is damaged.
    """
    try:
        if not file.exists():
            _create(file)
        return Secret(_read(file), jwt_secret=jwt_secret)
    except OSError as problem:
        raise DataFolderError(
            f"The secret {file} cannot be read or made: {problem.strerror}. Mend its permissions, "
            "or give another data folder with --data."
        ) from problem


def _read(file: Path) -> bytes:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise DataFolderError(
            f"The secret {file} is open to other users (mode {mode:04o}). Run `chmod 600 {file}`; "
            "if somebody may have read it, delete it: everybody signs in anew and audio is encoded anew."
        )
    material = file.read_bytes()
    if len(material) != SECRET_BYTES:
        raise DataFolderError(
            f"The secret {file} has {len(material)} bytes instead of {SECRET_BYTES}: it is damaged. Restore it from "
            "a copy, or delete it: everybody signs in anew and audio is encoded anew."
        )
    return material


def _create(file: Path) -> None:
    """Write a whole file beside it, then give it the name unless somebody was faster: never half a secret."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(secrets.token_bytes(SECRET_BYTES))
            new.flush()
            os.fsync(new.fileno())
        try:
            os.link(beside, file)
        except FileExistsError:
            return
        _sync_folder(file.parent)
    finally:
        beside.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
