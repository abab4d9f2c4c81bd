"""The page's cookie: proof that a key was shown once, signed, without the key in it.

`<key id>.<expiry>.<HMAC>`. The signature covers the key's hash, so a revoked or replaced key ends its cookies.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from app.auth.store import ApiKey, KeyStore

COOKIE_NAME = "codec_session"
LIFETIME_S = 30 * 24 * 3600
"""A month: the page is a tool that people open every few days."""

_COOKIE = re.compile(r"([0-9a-f]{12})\.([0-9]{1,12})\.([0-9a-f]{64})")


def make_cookie(store: KeyStore, key: ApiKey, now: float) -> str:
    """The cookie's value for somebody who showed `key`."""
    expiry = int(now) + LIFETIME_S
    return f"{key.id}.{expiry}.{_signature(store, key, expiry)}"


def check_cookie(store: KeyStore, value: str, now: float) -> ApiKey | None:
    """The key that a cookie stands for, None when it is forged, too old, or the key is gone."""
    found = _COOKIE.fullmatch(value)
    if found is None:
        return None
    key, expiry = store.find(found.group(1)), int(found.group(2))
    if key is None or expiry <= now:
        return None
    return key if hmac.compare_digest(_signature(store, key, expiry), found.group(3)) else None


def _signature(store: KeyStore, key: ApiKey, expiry: int) -> str:
    text = f"{key.id}.{expiry}.{key.sha256}"
    return hmac.new(store.cookie_secret, text.encode(), hashlib.sha256).hexdigest()
