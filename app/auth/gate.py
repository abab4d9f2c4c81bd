"""Who is calling: the key or cookie of a request, and whether this server asks for one at all."""

from __future__ import annotations

import enum
import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.auth.cookies import check_cookie, make_cookie
from app.auth.scopes import Scope
from app.auth.store import ApiKey, KeyStore


class AuthMode(enum.Enum):
    """What the operator chose. AUTO asks for keys as soon as the server listens beyond this machine."""

    OFF = "off"
    ON = "on"
    AUTO = "auto"

    @classmethod
    def parse(cls, text: str) -> AuthMode:
        """The mode of that name. Raises: ValueError with the names that exist."""
        try:
            return cls(text.strip().lower())
        except ValueError as error:
            raise ValueError(f"--auth (or CODEC_AUTH) must be off, on or auto, got {text[:40]!r}") from error


def asks_for_keys(mode: AuthMode, addresses: Iterable[str]) -> bool:
    """Whether callers need a key. A name that is no loopback address counts as reachable from outside."""
    if mode is not AuthMode.AUTO:
        return mode is AuthMode.ON
    return not all(_is_loopback(address) for address in addresses)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from. `by_cookie`: the browser sent the proof by itself, so its origin counts."""

    key: ApiKey
    by_cookie: bool

    @property
    def level(self) -> Scope:
        """What the caller may do."""
        return self.key.level


@dataclass(slots=True)
class Gate:
    """Checks proofs against the key store."""

    store: KeyStore
    clock: Callable[[], float] = field(default=time.time)

    def identify(self, authorization: str | None, cookie: str | None) -> Caller | None:
        """The caller, by `Authorization: Bearer` or else by cookie. Raises: KeyFileError."""
        if authorization is not None:
            kind, _, token = authorization.strip().partition(" ")
            key = self.store.check(token.strip()) if kind.lower() == "bearer" else None
            return None if key is None else Caller(key, by_cookie=False)
        if cookie:
            key = check_cookie(self.store, cookie, self.clock())
            return None if key is None else Caller(key, by_cookie=True)
        return None

    def cookie_for(self, token: str) -> str | None:
        """The cookie for somebody who shows a key, None when it is none. Raises: KeyFileError."""
        key = self.store.check(token)
        return None if key is None else make_cookie(self.store, key, self.clock())

    def first_key(self) -> str | None:
        """An admin key when there is no key yet: else nobody could come in. Raises: KeyFileError."""
        return None if self.store.list_keys() else self.store.add("first start", Scope.ADMIN)[1]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"
