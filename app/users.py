"""Users and where their files are: one default user, or several by the header Comfy-User.

This is no authentication: as in ComfyUI a client says who it is. User folders are below
`folder_paths.get_user_directory()`.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.errors import RequestError, UserError
from app.files import write_whole

DEFAULT_USER = "default"
SYSTEM_PREFIX = "__"
"""Ids that start so are reserved for the host and never a client's."""

MAX_NAME_CHARS = 64


class UserStore:
    """The users of one server. `directory` is asked each time, because packs may move it."""

    def __init__(self, directory: Callable[[], str], multi_user: bool) -> None:
        self._directory = directory
        self.multi_user = multi_user

    def names(self) -> dict[str, str]:
        """User id -> display name; one default user unless multi-user is on."""
        if not self.multi_user:
            return {DEFAULT_USER: DEFAULT_USER}
        return {**self._registered()}

    def describe(self) -> dict[str, Any]:
        """The answer of GET /users. A `users` key means multi-user to the web page."""
        if self.multi_user:
            return {"storage": "server", "users": self.names()}
        return {"storage": "server", "migrated": os.path.isdir(self.root(DEFAULT_USER))}

    def user_of(self, headers: Mapping[str, str]) -> str:
        """The user id a request speaks for. Raises: UserError when it names none that exists."""
        if not self.multi_user:
            return DEFAULT_USER
        user = headers.get("comfy-user", "")
        if user not in self.names() or user.startswith(SYSTEM_PREFIX):
            raise UserError(user)
        return user

    def root(self, user: str) -> Path:
        """The folder of a user; it may not exist yet."""
        return Path(self._directory()) / user

    def add(self, name: object) -> str:
        """Registers a user and gives the new id. Raises: RequestError for a bad or taken name."""
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_CHARS:
            raise RequestError(
                "invalid_username",
                f"username must be a text of 1 to {MAX_NAME_CHARS} characters",
                field="username",
                plain=True,
            )
        name = name.strip()
        if name.startswith(SYSTEM_PREFIX):
            raise RequestError(
                "invalid_username",
                f"username must not start with {SYSTEM_PREFIX!r}",
                field="username",
                plain=True,
            )
        known = self._registered()
        if name in known.values():
            raise RequestError("duplicate_username", "Duplicate username.", field="username", plain=True)
        user = f"{re.sub(r'[^a-zA-Z0-9-_]', '-', name)}_{uuid.uuid4()}"
        write_whole(self._file(), json.dumps({**known, user: name}).encode())
        return user

    def _file(self) -> Path:
        return Path(self._directory()) / "users.json"

    def _registered(self) -> dict[str, str]:
        try:
            found = json.loads(self._file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
