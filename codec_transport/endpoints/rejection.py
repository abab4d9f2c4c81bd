"""A request that is refused before any work: status, code, field and what would have been accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_transport.errors import CodecError


class RejectionError(CodecError):
    """The answer to a request that cannot be served, decided before sampling.

    status: HTTP status. code: machine-readable reason. param: the request field to blame, None for the
    whole request. extras: further members of the body, such as `supported_pipelines`. headers: further
    response headers. The message never holds a prompt, a path or a stack trace.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        extras: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.extras = dict(extras or {})
        self.headers = dict(headers or {})
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """The JSON body: the error as OpenAI clients read it, its text again as `detail`, the extras."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "code": self.code, "param": self.param}
        return {"error": error, "detail": self.message, **self.extras}


class VersionRequiredError(RejectionError):
    """The client speaks a version below the floor that the operator enforces (426)."""

    def __init__(
        self,
        *,
        minimum_version: str,
        client_version: str,
        required_features: tuple[str, ...] = (),
        docs_url: str | None = None,
        deployment_id: str | None = None,
    ) -> None:
        self.minimum_version = minimum_version
        self.client_version = client_version
        self.required_features = required_features
        self.docs_url = docs_url
        self.deployment_id = deployment_id
        super().__init__(
            426,
            "codec_version_required",
            f"client version {client_version}, expected at least {minimum_version}",
            headers={
                "Codec-Min-Version": minimum_version,
                "Codec-Required-Features": ", ".join(required_features),
            },
        )

    def body(self) -> dict[str, Any]:
        """The flat body that clients test: here `error` is the code itself."""
        body: dict[str, Any] = {
            "error": self.code,
            "minimum_version": self.minimum_version,
            "required_features": list(self.required_features),
            "client_version": self.client_version,
        }
        if self.docs_url is not None:
            body["docs_url"] = self.docs_url
        if self.deployment_id is not None:
            body["deployment_id"] = self.deployment_id
        return body
