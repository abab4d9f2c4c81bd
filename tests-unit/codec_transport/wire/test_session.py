"""The stream state machine: its table, both ends, two sessions joined back to back."""

from __future__ import annotations

import pytest

from codec_transport.errors import (
    LimitExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    StreamOrderError,
)
from codec_transport.wire.encoder import encode_message
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.rules import TRANSITIONS, StreamEvent, StreamState, event_of
from codec_transport.wire.session import ReceivingSession, SendingSession

FORMATS = ["msgpack", "protobuf"]
RAW = LatentStreamHeader("a", (2, 2), "fp16", "raw")
DELTA = LatentStreamHeader("a", (2, 2), "fp16", "delta+int8")
SCALES = b"\x00\x3c\x00\x3c"


def frame(seq, *, done=False, data=bytes(8), keyframe=True, reason=None) -> LatentFrame:
    return LatentFrame(data, seq, keyframe, done, reason)


def sent(stream_format, *messages) -> bytes:
    session = SendingSession(stream_format)
    return b"".join(buffer for message in messages for buffer in session.send(message))


def unchecked(*messages) -> bytes:
    """The bytes of messages in any order, as a careless peer would send them."""
    return b"".join(buffer for message in messages for buffer in encode_message(message, "msgpack"))


def receive(body, stream_format="msgpack"):
    session = ReceivingSession(stream_format)
    session.receive_data(body)
    messages = []
    while (message := session.next_message()) is not NEED_DATA:
        messages.append(message)
    session.receive_end()
    return session, messages


def test_table_covers_every_state_and_leads_nowhere_unknown():
    assert set(TRANSITIONS) == set(StreamState)
    assert all(state in StreamState for moves in TRANSITIONS.values() for state in moves.values())
    reachable = {StreamState.AWAITING_HEADER} | {
        state for moves in TRANSITIONS.values() for state in moves.values()
    }
    assert reachable == set(StreamState)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (RAW, StreamEvent.HEADER),
        (frame(0), StreamEvent.FRAME),
        (frame(0, done=True, reason="ok"), StreamEvent.LAST_FRAME),
        (frame(0, done=True, reason="error"), StreamEvent.LAST_FRAME),
        (frame(0, done=True, reason="error", data=b""), StreamEvent.ERROR_FRAME),
    ],
)
def test_kind_of_each_message(message, event):
    assert event_of(message) is event


@pytest.mark.parametrize("stream_format", FORMATS)
def test_what_one_end_sends_the_other_receives(stream_format):
    messages = [RAW, frame(0), frame(7), frame(8, done=True, reason="ok")]
    session, received = receive(sent(stream_format, *messages), stream_format)
    assert received == messages
    assert session.state is StreamState.DONE and session.header == RAW


@pytest.mark.parametrize("stream_format", FORMATS)
def test_failure_ends_the_stream_with_an_error_frame(stream_format):
    session = SendingSession(stream_format)
    buffers = [*session.send(RAW), *session.send(frame(4)), *session.send_failure()]
    assert session.state is StreamState.FAILED
    receiver, received = receive(b"".join(buffers), stream_format)
    assert received[-1] == LatentFrame(b"", 5, True, True, "error")
    assert receiver.state is StreamState.FAILED


def test_failure_right_after_the_header_is_frame_zero():
    session = SendingSession("msgpack")
    session.send(RAW)
    session.send_failure()
    assert (session.num_frames, session.state) == (1, StreamState.FAILED)


@pytest.mark.parametrize(
    ("before", "message", "field"),
    [
        ([], frame(0), None),
        ([RAW], RAW, None),
        ([RAW, frame(0, done=True)], frame(1), None),
        ([RAW, frame(3)], frame(3), "seq"),
        ([RAW, frame(3)], frame(2), "seq"),
        ([RAW], frame(0, data=bytes(7)), "data"),
        ([RAW], frame(0, data=b""), "data"),
        ([RAW], frame(0, keyframe=False), "keyframe"),
        ([DELTA], frame(0, data=bytes(4), keyframe=False), "keyframe"),
        ([DELTA], frame(0, data=bytes(4)), "data"),
        ([DELTA], frame(0, data=b"\x00\x7c" + bytes(6)), "data"),
        ([RAW], frame(0, done=True, reason="tired"), "finish_reason"),
    ],
)
def test_sending_a_wrong_message_is_our_fault_and_changes_nothing(before, message, field):
    session = SendingSession("msgpack")
    for earlier in before:
        session.send(earlier)
    state = session.state
    with pytest.raises(StreamOrderError) as caught:
        session.send(message)
    assert isinstance(caught.value, LocalProtocolError)
    assert (caught.value.field, caught.value.state) == (field, state.value)
    assert session.state is state


@pytest.mark.parametrize(
    ("messages", "index", "field"),
    [
        ([RAW, frame(1), frame(1)], 2, "seq"),
        ([RAW, frame(0, data=bytes(9))], 1, "data"),
        ([DELTA, frame(0, data=bytes(4), keyframe=False)], 1, "keyframe"),
        ([DELTA, frame(0, data=b"\x00\xbc" + bytes(6))], 1, "data"),
        ([RAW, RAW], 1, "type"),
        ([frame(0)], 0, "latent_space_id"),
        ([RAW, frame(0, done=True), frame(1, done=True)], 2, None),
    ],
)
def test_receiving_a_wrong_message_is_the_peers_fault_with_its_place(messages, index, field):
    body = unchecked(*messages)
    with pytest.raises(RemoteProtocolError) as caught:
        receive(body)
    assert (caught.value.message_index, caught.value.field) == (index, field)
    assert caught.value.byte_offset == len(unchecked(*messages[:index]))


def test_receiver_tolerates_what_the_reference_server_sends():
    body = unchecked(RAW, frame(0, keyframe=False), frame(1, keyframe=False, done=True, reason="later word"))
    assert len(receive(body)[1]) == 3


def test_delta_frames_follow_a_keyframe():
    body = sent(
        "msgpack", DELTA, frame(0, data=SCALES + bytes(4)), frame(1, data=bytes(4), keyframe=False, done=True)
    )
    assert len(receive(body)[1]) == 3


def test_stream_without_its_last_frame_is_refused_at_the_end():
    with pytest.raises(RemoteProtocolError) as caught:
        receive(unchecked(RAW, frame(0)))
    assert caught.value.field == "done"


def test_error_repeats_itself_and_nothing_comes_after_it():
    session = ReceivingSession("msgpack")
    session.receive_data(unchecked(RAW, frame(0, data=b"short"), frame(1, done=True)))
    session.next_message()
    for _ in range(3):
        with pytest.raises(RemoteProtocolError, match="payload of 5 bytes"):
            session.next_message()
    with pytest.raises(RemoteProtocolError):
        session.receive_end()


def test_stream_of_more_frames_than_the_receiver_takes_is_refused():
    announced = LatentStreamHeader("a", (2, 2), "fp16", "raw", total_frames=4)
    session = ReceivingSession("msgpack", max_frames=3)
    session.receive_data(unchecked(announced))
    with pytest.raises(LimitExceededError) as caught:
        session.next_message()
    assert (caught.value.field, caught.value.claimed, caught.value.limit) == ("total_frames", 4, 3)
    silent = ReceivingSession("msgpack", max_frames=3)
    silent.receive_data(unchecked(RAW, *(frame(seq) for seq in range(4))))
    for _ in range(4):
        silent.next_message()
    with pytest.raises(LimitExceededError) as caught:
        silent.next_message()
    assert caught.value.message_index == 4
