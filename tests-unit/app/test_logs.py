"""The log ring and what fills it."""

from __future__ import annotations

import logging
import sys

from app.logs import LogBuffer, capture_output


def test_the_ring_keeps_the_last_entries() -> None:
    buffer = LogBuffer(max_entries=3)
    for number in range(5):
        buffer.write(f"{number}\n")
    assert [entry["m"] for entry in buffer.entries()] == ["2\n", "3\n", "4\n"]
    assert buffer.text().count(" - ") == 3


def test_a_huge_write_is_cut_and_an_empty_one_is_none() -> None:
    buffer = LogBuffer()
    buffer.write("x" * 1_000_000)
    buffer.write("")
    (entry,) = buffer.entries()
    assert len(entry["m"]) == 16_384


def test_prints_and_log_records_are_kept_once_and_still_go_out(capsys) -> None:
    buffer = LogBuffer()
    logger = logging.getLogger("somebody")
    restore = capture_output(buffer)
    try:
        print("printed")
        sys.stderr.write("complained\n")
        logger.warning("logged %s", 5)
        logger.warning("two args %s %s", 1, 2)
    finally:
        restore()
    print("after")
    lines = [entry["m"] for entry in buffer.entries() if entry["m"] != "\n"]
    assert lines == ["printed", "complained\n", "logged 5\n", "two args 1 2\n"]
    written = capsys.readouterr()
    assert written.out == "printed\nafter\n"
    assert "complained\n" in written.err


def test_a_listener_hears_each_entry_until_it_leaves() -> None:
    buffer = LogBuffer()
    heard: list[str] = []
    buffer.listen(lambda entry: heard.append(entry["m"]))
    buffer.write("one")
    buffer.listen(None)
    buffer.write("two")
    assert heard == ["one"]
