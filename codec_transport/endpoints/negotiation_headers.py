"""Request headers as values: media types, content codings, map pins, client versions. Pure text work.

Sources: RFC 9110 sections 12.4.2 (weights), 12.5.1 (Accept), 12.5.3 (Accept-Encoding).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codec_transport.spaces.space import hex_of
from codec_transport.wire.codings import IDENTITY

MEDIA_TYPES: dict[str, tuple[str, str]] = {  # format -> plain form, codec form
    "msgpack": ("application/x-msgpack", "application/x-codec-msgpack"),
    "protobuf": ("application/x-protobuf", "application/x-codec-protobuf"),
}

# Best first among equals: dictionaries beat br, br beats gzip on these bodies.
CODING_PREFERENCE: tuple[str, ...] = ("zstd", "br", "gzip", IDENTITY)

ClientVersion = tuple[int, int]


def lower_keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name; repeated ones joined by commas."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def weighted(header: str | None) -> dict[str, float]:
    """Members of a comma list with their weights, lower case; parameters other than q are dropped.

    A weight that cannot be read counts as 1, as if it were not there.
    """
    weights: dict[str, float] = {}
    for member in (header or "").split(","):
        name, *parameters = (part.strip().lower() for part in member.split(";"))
        if not name:
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, text = parameter.partition("=")
            if key.strip() == "q" and re.fullmatch(r"[01](\.[0-9]{0,3})?", text.strip()):
                weight = min(float(text), 1.0)
        weights[name] = weight
    return weights


@dataclass(frozen=True, slots=True)
class MediaPreference:
    """What an `Accept` header says about the two stream formats and JSON."""

    weights: Mapping[str, float]

    @classmethod
    def parse(cls, accept: str | None) -> MediaPreference:
        """From the header's text; None or empty accepts everything."""
        return cls(weighted(accept))

    def names_codec_type(self) -> bool:
        """True when a Codec media type is named and not refused; wildcards do not name."""
        return any(self.weights.get(name, 0.0) > 0 for forms in MEDIA_TYPES.values() for name in forms)

    def is_refused(self, media_type: str) -> bool:
        """True when the header gives this type weight 0; a type that is not mentioned is not refused."""
        return self._weight(media_type)[0] == 0.0

    def best_format(self) -> str | None:
        """The format with the highest weight, named before wildcard, msgpack on a tie.

        msgpack when the header says nothing about either; None when every form of both is refused.
        """
        ranked = [
            (*self._weight(name), stream_format == "msgpack", stream_format)
            for stream_format, forms in MEDIA_TYPES.items()
            for name in forms
        ]
        mentioned = [entry for entry in ranked if entry[1] > 0]
        if not mentioned:
            return "msgpack"
        weight, _, _, stream_format = max(mentioned)
        if weight > 0:
            return stream_format
        unmentioned = [entry for entry in ranked if entry[1] == 0]
        return max(unmentioned)[3] if unmentioned else None

    def content_type(self, stream_format: str) -> str:
        """The response's media type: the plain form, or the codec form for callers that name only that."""
        plain, codec = MEDIA_TYPES[stream_format]
        named = [name for name in (plain, codec) if self.weights.get(name, 0.0) > 0]
        if not named:  # the body chose another format than the header: keep the header's style
            named = [
                name for forms in MEDIA_TYPES.values() for name in forms if self.weights.get(name, 0.0) > 0
            ]
        if named and all(name.startswith("application/x-codec-") for name in named):
            return codec
        return codec if self.weights.get(plain) == 0.0 and self.weights.get(codec) != 0.0 else plain

    def _weight(self, media_type: str) -> tuple[float, int]:
        """Weight and how specific its source is: 3 named, 2 `application/*`, 1 `*/*`, 0 not mentioned."""
        main_type = media_type.partition("/")[0]
        for name, specificity in ((media_type, 3), (f"{main_type}/*", 2), ("*/*", 1)):
            if name in self.weights:
                return self.weights[name], specificity
        return 1.0, 0


def choose_coding(accept_encoding: str | None, available: Sequence[str]) -> str | None:
    """The content coding to use: highest weight first, then CODING_PREFERENCE; None when all are refused.

    available: codings at hand besides identity. Without the header nothing is coded.
    """
    weights = weighted(accept_encoding)
    if "x-gzip" in weights:
        weights.setdefault("gzip", weights["x-gzip"])
    candidates: list[tuple[float, int, str]] = []
    for rank, coding in enumerate(CODING_PREFERENCE):
        if coding != IDENTITY and coding not in available:
            continue
        if coding in weights:
            weight = weights[coding]
        elif "*" in weights:
            weight = weights["*"]
        else:
            # identity is acceptable unless refused, but anything the client asked for comes first
            weight = 0.0001 if coding == IDENTITY else 0.0
        if weight > 0:
            candidates.append((weight, -rank, coding))
    return max(candidates)[2] if candidates else None


def offers_coding(accept_encoding: str | None) -> bool:
    """True when the client would take something else than identity."""
    return any(weight > 0 and name != IDENTITY for name, weight in weighted(accept_encoding).items())


def map_pin(header: str) -> str | None:
    """The 64 hex digits of an `X-Codec-Map` pin: `sha256:<hex>`, bare hex, or `<url>;sha256=<hex>`."""
    text = header.strip()
    _, marker, digits = text.lower().rpartition(";sha256=")
    return hex_of(digits.strip('"') if marker else text)


def client_version(header: str | None) -> ClientVersion | None:
    """Major and minor number of `Codec-Client-Version`; None when absent or not a version."""
    found = re.match(r"\s*v?([0-9]{1,4})\.([0-9]{1,4})(?![0-9])", header or "", re.IGNORECASE)
    return (int(found[1]), int(found[2])) if found else None
