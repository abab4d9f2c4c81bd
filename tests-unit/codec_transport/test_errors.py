"""Errors carry their facts as attributes and make their text from them."""

from __future__ import annotations

from codec_transport.errors import (
    LatentInputError,
    LimitExceededError,
    LocalProtocolError,
    MessageFieldError,
    NonFiniteLatentError,
    RemoteProtocolError,
    StreamFailedError,
    UnknownSpaceError,
)


def test_remote_error_names_the_place_it_knows():
    error = RemoteProtocolError("a varint runs out", byte_offset=17, message_index=2, field="seq")
    assert str(error) == "a varint runs out (message 2, byte 17, field seq)"
    assert str(RemoteProtocolError("no place")) == "no place"


def test_location_is_filled_in_only_where_it_was_not_known():
    error = RemoteProtocolError("bad", byte_offset=5).located(byte_offset=99, message_index=1)
    assert (error.byte_offset, error.message_index) == (5, 1)


def test_limit_error_holds_both_numbers():
    error = LimitExceededError("message length", claimed=10, limit=4, byte_offset=3)
    assert (error.claimed, error.limit) == (10, 4)
    assert isinstance(error, RemoteProtocolError)


def test_field_error_shortens_what_came():
    error = MessageFieldError("dtype", "x" * 5000, "fp16")
    assert error.field == "dtype"
    assert len(str(error)) < 200


def test_local_and_remote_faults_are_told_apart_by_type():
    local = (MessageFieldError("a", 1, "b"), LatentInputError("a", 1, 2), UnknownSpaceError("a", ("b",)))
    assert all(isinstance(error, LocalProtocolError) for error in local)
    assert not any(isinstance(error, RemoteProtocolError) for error in local)
    assert not isinstance(StreamFailedError(3), LocalProtocolError)


def test_special_errors_carry_their_facts():
    assert NonFiniteLatentError((0, 2)).channels == (0, 2)
    assert isinstance(UnknownSpaceError("a", ("b",)), LookupError)
    assert StreamFailedError(3).seq == 3
