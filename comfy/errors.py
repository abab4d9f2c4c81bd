"""Errors of model execution.

ComfyError
+-- WeightsError(ValueError)      a file of weights cannot be used
|   +-- WeightsFileError          the file itself: unreadable, truncated, wrong kind
|   +-- UnknownModelError         its keys belong to no family known here
|   +-- WeightsShapeError         keys are known, numbers do not fit together
+-- LatentError(ValueError)       pixels or a latent of a shape that a VAE cannot take
+-- SamplingError(ValueError)     a sampler, scheduler or its numbers
+-- ConditionError(ValueError)    a conditioning that cannot be applied to this model or latent
+-- TextError(ValueError)         a prompt or embedding that cannot be encoded
"""

from __future__ import annotations


class ComfyError(Exception):
    """Base of everything `comfy` raises on purpose."""


class WeightsError(ComfyError, ValueError):
    """A file of weights cannot be used.

    Fields: `path` (as given, may be empty), `key` (state-dict or metadata key at fault, may be empty),
    `expected` and `found` (texts, may be empty).
    """

    def __init__(
        self, message: str, *, path: str = "", key: str = "", expected: str = "", found: str = ""
    ) -> None:
        self.message, self.path, self.key, self.expected, self.found = message, path, key, expected, found
        where = f"{path}: " if path else ""
        at = f" (key {key!r})" if key else ""
        came = f"; found {found}" if found else ""
        want = f", expected {expected}" if expected else ""
        super().__init__(f"{where}{message}{at}{came}{want}")


class WeightsFileError(WeightsError):
    """The file itself is unreadable, truncated, oversized or of another kind."""


class UnknownModelError(WeightsError):
    """The keys belong to no model family known here."""


class WeightsShapeError(WeightsError):
    """The keys are known, but shapes or metadata numbers do not fit together."""


class LatentError(ComfyError, ValueError):
    """Pixels or a latent have a shape that a VAE cannot take.

    Fields: `expected` and `found` (texts).
    """

    def __init__(self, message: str, *, expected: str, found: str) -> None:
        self.message, self.expected, self.found = message, expected, found
        super().__init__(f"{message}; found {found}, expected {expected}")


class SamplingError(ComfyError, ValueError):
    """A sampler or scheduler name, or the numbers given to it, cannot be used."""


class ConditionError(ComfyError, ValueError):
    """A conditioning cannot be applied to this model or latent."""


class TextError(ComfyError, ValueError):
    """A prompt or a textual-inversion embedding cannot be encoded."""
