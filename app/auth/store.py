"""The keys of this server, in one file of the user folder: names, scopes and hashes, never a key itself.

A key is 256 random bits. The hash is a plain SHA-256: slow hashes protect secrets that people think up and others
guess; nobody guesses 256 random bits, and a fast hash keeps each request cheap. The file is read again whenever it
changes, so that `python -m app.keys revoke` counts at once for a running server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.auth.scopes import Scope

FILE_NAME = "api_keys.json"
PREFIX = "codec"
_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})")
_NO_HASH = "0" * 64


class KeyFileError(ValueError):
    """The key file cannot be used. Fields: `path`, `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}; mend it or move it away to start with a new key")


class UnknownKeyError(LookupError):
    """No key of that id or name. Field: `key`."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"no key with the id or name {key!r}; `list` shows them")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it is kept. `created` is in seconds since 1970."""

    id: str
    name: str
    scope: str
    sha256: str
    created: float

    @property
    def level(self) -> Scope:
        """The scope on the ladder."""
        return Scope.parse(self.scope)


@dataclass(frozen=True, slots=True)
class _Content:
    keys: tuple[ApiKey, ...]
    cookie_secret: str
    webhook_secret: str


class KeyStore:
    """The key file. Every method may be called from any thread."""

    def __init__(self, folder: str | Path, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(folder) / FILE_NAME
        self._clock = clock
        self._lock = threading.RLock()
        self._seen: tuple[int, int, int] | None = None
        self._content = _new_content()

    def list_keys(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first. Raises: KeyFileError."""
        return self._read().keys

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id. Raises: KeyFileError."""
        return next((key for key in self.list_keys() if key.id == key_id), None)

    def check(self, token: str) -> ApiKey | None:
        """The key that a caller showed, None when there is no such key. Raises: KeyFileError."""
        found = _KEY.fullmatch(token)
        key = self.find(found.group(1)) if found is not None else None
        expected = key.sha256 if key is not None else _NO_HASH
        return key if hmac.compare_digest(_hash(token), expected) else None

    def add(self, name: str, scope: Scope) -> tuple[ApiKey, str]:
        """Makes a key; the record and the key itself, which nobody can show again.

        Raises: ValueError for an empty or taken name, KeyFileError.
        """
        name = name.strip()
        with self._changing():
            content = self._read()
            if not name or any(key.name == name for key in content.keys):
                raise ValueError(f"a key needs a name that no other key has, got {name!r}")
            key_id = secrets.token_hex(6)
            token = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
            key = ApiKey(key_id, name, scope.name.lower(), _hash(token), self._clock())
            self._write(_Content((*content.keys, key), content.cookie_secret, content.webhook_secret))
        return key, token

    def revoke(self, id_or_name: str) -> ApiKey:
        """Forgets a key; cookies made with it end too. Raises: UnknownKeyError, KeyFileError."""
        with self._changing():
            content = self._read()
            doomed = next((key for key in content.keys if id_or_name in (key.id, key.name)), None)
            if doomed is None:
                raise UnknownKeyError(id_or_name)
            kept = tuple(key for key in content.keys if key is not doomed)
            self._write(_Content(kept, content.cookie_secret, content.webhook_secret))
        return doomed

    @property
    def cookie_secret(self) -> bytes:
        """What the page's cookies are signed with."""
        return self._persisted().cookie_secret.encode()

    @property
    def webhook_secret(self) -> str:
        """What webhooks are signed with, in the form that receivers are given: `whsec_` and base64."""
        return self._persisted().webhook_secret

    def _persisted(self) -> _Content:
        content = self._read()
        if self._seen is not None:
            return content
        with self._changing():
            content = self._read()
            if self._seen is None:
                self._write(content)
            return self._content

    def _read(self) -> _Content:
        with self._lock:
            try:
                stat = self.path.stat()
            except FileNotFoundError:
                if self._seen is not None:
                    self._seen, self._content = None, _new_content()
                return self._content
            except OSError as error:
                raise KeyFileError(self.path, error.strerror or str(error)) from error
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._seen:
                self._content = _parse(self.path)
                self._seen = stamp
            return self._content

    def _write(self, content: _Content) -> None:
        document = {**asdict(content), "keys": [asdict(key) for key in content.keys]}
        temporary = self.path.with_name(f".{FILE_NAME}.{secrets.token_hex(6)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise KeyFileError(self.path, error.strerror or str(error)) from error
        stat = self.path.stat()
        self._seen, self._content = (stat.st_mtime_ns, stat.st_size, stat.st_ino), content

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, between threads and, where the system can lock files, between processes."""
        with self._lock, _file_lock(self.path.with_name(f".{FILE_NAME}.lock")):
            yield


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # not on this system: two writers at the same instant could lose one change
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KeyFileError(path, error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _new_content() -> _Content:
    webhook = base64.b64encode(secrets.token_bytes(32)).decode()
    return _Content((), secrets.token_urlsafe(32), f"whsec_{webhook}")


def _parse(path: Path) -> _Content:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        keys = tuple(ApiKey(**entry) for entry in document["keys"])
        for key in keys:
            _check(key)
        return _Content(keys, str(document["cookie_secret"]), str(document["webhook_secret"]))
    except OSError as error:
        raise KeyFileError(path, error.strerror or str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileError(path, f"is not a key file ({error})") from error


def _check(key: ApiKey) -> None:
    Scope.parse(key.scope)
    if not all(isinstance(text, str) for text in (key.id, key.name, key.sha256)) or len(key.sha256) != 64:
        raise ValueError(f"key {key.id!r} has no usable hash")
