"""What can go wrong on the latent wire, split by who can act.

    CodecError (ValueError)
    ├── LocalProtocolError            the caller of this package misused it; nothing was sent
    │   ├── MessageFieldError         a message was built from a value that it cannot hold
    │   ├── LatentInputError          a latent of the wrong shape or kind was handed to an encoder
    │   │   └── NonFiniteLatentError  the latent holds NaN or infinity
    │   ├── StreamOrderError          a message does not fit where its stream stands
    │   ├── UnknownStreamFormatError (LookupError)   neither msgpack nor protobuf
    │   └── UnknownSpaceError (LookupError)          no map for this latent space id or hash
    ├── MapFileError                  a file that an operator gave is no map, block or dictionary
    ├── ListenerGoneError (ConnectionError)          whoever read a graph's latents reads no more
    ├── RequestRefusedError           a server answered a request for latents with an ordinary error
    └── RemoteProtocolError           the peer sent bytes that the protocol does not allow
        ├── LimitExceededError        ... or claims more than the receiver is willing to hold
        └── StreamFailedError         ... or said itself that the stream failed (`finish_reason: error`)

Every class carries its facts as attributes; the text is made from them. A receiver that catches
`RemoteProtocolError` must drop the stream: there is no resynchronisation.
"""

from __future__ import annotations


class CodecError(ValueError):
    """Base of everything that the latent transport raises on purpose."""


class LocalProtocolError(CodecError):
    """The caller asked for something that would break the protocol; nothing was sent."""


class MessageFieldError(LocalProtocolError):
    """A message field holds a value that the protocol has no place for.

    field: name of the field as it stands on the wire. value: what came, shortened. expected: what would do.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = _shortened(value)
        self.expected = expected
        super().__init__(f"{field}: got {self.value}, expected {expected}")


class LatentInputError(LocalProtocolError):
    """A latent cannot be encoded into this stream: its shape, type or place in the stream is wrong."""

    def __init__(self, problem: str, got: object, expected: object) -> None:
        self.problem = problem
        self.got = got
        self.expected = expected
        super().__init__(f"{problem}: got {got}, expected {expected}")


class NonFiniteLatentError(LatentInputError):
    """The latent holds NaN or infinity, which no pipeline can carry.

    channels: indices of the channels that hold such values.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        self.channels = channels
        super().__init__(
            "latent values", f"NaN or infinity in channels {list(channels)}", "finite numbers everywhere"
        )


class StreamOrderError(LocalProtocolError):
    """A message does not fit where its stream stands. state: where; field: the wire field that shows it."""

    def __init__(self, problem: str, *, state: str, field: str | None = None) -> None:
        self.problem = problem
        self.state = state
        self.field = field
        super().__init__(problem)


class UnknownStreamFormatError(LocalProtocolError, LookupError):
    """No such stream format. stream_format: what was asked for; known: what there is."""

    def __init__(self, stream_format: str, known: tuple[str, ...]) -> None:
        self.stream_format = _shortened(stream_format)
        self.known = known
        super().__init__(f"stream format {self.stream_format}, expected one of {', '.join(known)}")


class UnknownSpaceError(LocalProtocolError, LookupError):
    """No latent space is registered under this id or hash. known: the ids that are."""

    def __init__(self, wanted: str, known: tuple[str, ...]) -> None:
        self.wanted = _shortened(wanted)
        self.known = known
        super().__init__(f"latent space {self.wanted} is not known here, expected one of {', '.join(known)}")


class MapFileError(CodecError):
    """A file of a latent space cannot be used. path: the file; problem: what is wrong with it."""

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(f"{self.path}: {problem}")


class ListenerGoneError(CodecError, ConnectionError):
    """Nobody reads the latents that a graph emits any more. prompt_id, channel: whose."""

    def __init__(self, prompt_id: str, channel: str) -> None:
        self.prompt_id = prompt_id
        self.channel = channel
        super().__init__(f"nobody reads channel {channel!r:.80} of prompt {prompt_id} any more")


class RequestRefusedError(CodecError):
    """A server refused a request. status: of HTTP; code, param: as its JSON says, None where it does not."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        self.status = status
        self.message = _shortened(message)
        self.code = code
        self.param = param
        super().__init__(f"the server answered {status}: {self.message}")


class RemoteProtocolError(CodecError):
    """The peer's bytes are not a latent stream.

    problem: what was wrong, what would do. byte_offset: where in the body (None when only the message
    was at hand). message_index: 0 is the header. field: name of the wire field, when one is to blame.
    """

    def __init__(
        self,
        problem: str,
        *,
        byte_offset: int | None = None,
        message_index: int | None = None,
        field: str | None = None,
    ) -> None:
        self.problem = problem
        self.byte_offset = byte_offset
        self.message_index = message_index
        self.field = field
        super().__init__(problem)

    def __str__(self) -> str:
        """The problem with the place it was found."""
        place = [
            f"{name} {value}"
            for name, value in (
                ("message", self.message_index),
                ("byte", self.byte_offset),
                ("field", self.field),
            )
            if value is not None
        ]
        return f"{self.problem} ({', '.join(place)})" if place else self.problem

    def located(self, *, byte_offset: int | None, message_index: int | None) -> RemoteProtocolError:
        """This error with the place filled in where it was not known yet; returns itself."""
        self.byte_offset = byte_offset if self.byte_offset is None else self.byte_offset
        self.message_index = message_index if self.message_index is None else self.message_index
        return self


class LimitExceededError(RemoteProtocolError):
    """The peer claims or sends more than the receiver allows. limit, claimed: the two numbers."""

    def __init__(
        self,
        what: str,
        *,
        claimed: int,
        limit: int,
        byte_offset: int | None = None,
        message_index: int | None = None,
        field: str | None = None,
    ) -> None:
        self.claimed = claimed
        self.limit = limit
        super().__init__(
            f"{what}: {claimed} is over the limit of {limit}",
            byte_offset=byte_offset,
            message_index=message_index,
            field=field,
        )


class StreamFailedError(RemoteProtocolError):
    """The sender ended the stream with an error frame. seq: its number; the frames before it are good."""

    def __init__(self, seq: int, *, message_index: int | None = None) -> None:
        self.seq = seq
        super().__init__("the sender reported a failure", message_index=message_index, field="finish_reason")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
