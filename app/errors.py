"""Errors of the HTTP surface; `app.middleware.errors` turns them into answers.

AppError
+-- RequestError(ValueError)        the caller sent something this route cannot use: a 4xx
|   +-- NotFoundError(LookupError)  what the request names is not there: 404
|   +-- BodyTooLargeError           more bytes than the limit: 413
+-- UserError(PermissionError)      the user that the request names is unknown: 401
"""

from __future__ import annotations

from typing import Any


class AppError(Exception):
    """Base of everything `app` raises on purpose."""

    status = 500

    def to_body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return error_body("internal_error", str(self))


class RequestError(AppError, ValueError):
    """The caller sent something this route cannot use.

    Fields: `status` (HTTP), `type` (short stable name), `message`, `field` (name of the query, form, body or
    header field at fault; "body" for the whole), `plain` (the answer's `error` is the message itself, where
    the documented shape is a string).
    """

    def __init__(
        self, type_: str, message: str, *, field: str = "body", status: int = 400, plain: bool = False
    ) -> None:
        self.type, self.message, self.field, self.status, self.plain = type_, message, field, status, plain
        super().__init__(f"{field}: {message}")

    def to_body(self) -> dict[str, Any]:
        """`{"error": {type, message, details, extra_info: {field}}}`, or `{"error": text, "field"}`."""
        if self.plain:
            return {"error": self.message, "field": self.field}
        return error_body(self.type, self.message, field=self.field)


class NotFoundError(RequestError, LookupError):
    """What the request names is not there."""

    def __init__(self, message: str, *, field: str, plain: bool = False) -> None:
        super().__init__("not_found", message, field=field, status=404, plain=plain)


class BodyTooLargeError(RequestError):
    """More bytes than the limit. Field: `limit_bytes`."""

    def __init__(self, limit_bytes: float, *, field: str = "body") -> None:
        self.limit_bytes = int(limit_bytes)
        super().__init__(
            "body_too_large",
            f"is larger than the limit of {self.limit_bytes} bytes (--max-upload-size)",
            field=field,
            status=413,
        )


class UserError(AppError, PermissionError):
    """The user that the request names is unknown. Field: `user`."""

    def __init__(self, user: str, status: int = 401) -> None:
        self.user, self.status = user, status
        super().__init__(f"unknown user {user!r}; name one of GET /users in the header Comfy-User")

    def to_body(self) -> dict[str, Any]:
        return error_body("unknown_user", str(self), field="Comfy-User")


def error_body(type_: str, message: str, *, field: str | None = None, details: str = "") -> dict[str, Any]:
    """The JSON shape of every error answer that has no shape of its own in the contract."""
    extra = {} if field is None else {"field": field}
    return {"error": {"type": type_, "message": message, "details": details, "extra_info": extra}}
