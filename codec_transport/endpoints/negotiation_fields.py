"""A request body as typed fields: each reader takes one field or rejects it by name.

JSON null counts as absent everywhere (callers that look at null itself ask `FieldReader.raw`).
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from codec_transport.endpoints.rejection import RejectionError


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json_object(body: bytes, *, max_bytes: int) -> dict[str, Any]:
    """The body as an object. Raises: RejectionError 413 over the limit, 400 for anything but an object."""
    if len(body) > max_bytes:
        raise RejectionError(413, "too_large", f"body of {len(body)} bytes, at most {max_bytes} are accepted")
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RejectionError(400, "invalid_json", "the body is not JSON in UTF-8") from error
    if not isinstance(parsed, dict):
        kind = type(parsed).__name__
        raise RejectionError(400, "invalid_type", f"the body is a JSON {kind}, expected an object")
    return parsed


class FieldReader:
    """Typed access to one request body. Unknown fields are never looked at."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def has(self, name: str) -> bool:
        """True when the field is there and not null."""
        return self._fields.get(name) is not None

    def is_null(self, name: str) -> bool:
        """True when the field is there and null."""
        return name in self._fields and self._fields[name] is None

    def raw(self, name: str) -> Any:
        """The field as it came; None when it is absent."""
        return self._fields.get(name)

    def flag(self, name: str) -> bool:
        """True or false; absent means false. Raises: RejectionError `invalid_type`."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong_type(name, value, "true or false")
        return bool(value)

    def text(self, name: str, *, max_chars: int = 1000) -> str | None:
        """A text field. Raises: RejectionError `invalid_type`, or `invalid_value` for one too long."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong_type(name, value, "text")
        if len(value) > max_chars:
            raise self._out_of_range(name, f"{len(value)} characters, at most {max_chars} are accepted")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise self._out_of_range(name, "holds half of a surrogate pair, which is no character")
        return value

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number in a range; 25.0 counts as 25. Raises: `invalid_type`, `invalid_value`."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong_type(name, value, "a whole number")
        if not least <= value <= most:
            raise self._out_of_range(name, f"expected {least} to {most}")
        return value

    def number(self, name: str, *, least: float, most: float) -> float | None:
        """A number in a range. Raises: `invalid_type`, `invalid_value`."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(name, value, "a number")
        if not least <= value <= most or not math.isfinite(value):
            raise self._out_of_range(name, f"expected {least:g} to {most:g}")
        return float(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of several words. Raises: `invalid_type`, `invalid_value` with the words as extra."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise RejectionError(
                400,
                "invalid_value",
                f"{name} is {value!r:.80}, expected one of {', '.join(allowed)}",
                param=name,
                extras={"supported": list(allowed)},
            )
        return value

    @staticmethod
    def _wrong_type(name: str, value: Any, expected: str) -> RejectionError:
        message = f"{name} is a {type(value).__name__}, expected {expected}"
        return RejectionError(400, "invalid_type", message, param=name)

    @staticmethod
    def _out_of_range(name: str, problem: str) -> RejectionError:
        return RejectionError(400, "invalid_value", f"{name}: {problem}", param=name)
