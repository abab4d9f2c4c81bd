"""The last lines the process wrote, for the web page's log panel.

`LogBuffer` keeps entries and tells a listener about new ones. They come from the root logger through
`BufferHandler`, and from stdout and stderr through `TeeStream`: packs print, and the panel shows it.
"""

from __future__ import annotations

import io
import logging
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

MAX_ENTRIES = 300
"""Measured: the peer keeps this many writes."""

MAX_ENTRY_CHARS = 16_384
"""A pack that prints a tensor or a picture must not grow the process."""

Entry = dict[str, str]


class LogBuffer:
    """A ring of `{"t": ISO time, "m": text}`. Every method is safe from any thread."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._lock = threading.Lock()
        self._listener: Callable[[Entry], None] | None = None
        self.subscribers: set[str] = set()
        """Session ids that asked for `logs` messages; used on the server's loop only."""

    def write(self, text: str) -> None:
        """Adds one write."""
        if not text:
            return
        entry = {"t": datetime.now().isoformat(), "m": text[:MAX_ENTRY_CHARS]}
        with self._lock:
            self._entries.append(entry)
            listener = self._listener
        if listener is not None:
            listener(entry)

    def entries(self) -> list[Entry]:
        """A copy, oldest first."""
        with self._lock:
            return list(self._entries)

    def text(self) -> str:
        """All entries as one text, each `time - text`."""
        return "".join(f"{entry['t']} - {entry['m']}" for entry in self.entries())

    def listen(self, listener: Callable[[Entry], None] | None) -> None:
        """Calls `listener` with each new entry, from the writing thread."""
        with self._lock:
            self._listener = listener


class TeeStream(io.TextIOBase):
    """A text stream that also writes into a buffer; everything else is the original's."""

    def __init__(self, original: TextIO, buffer: LogBuffer) -> None:
        self._original, self._buffer = original, buffer

    def write(self, text: str) -> int:
        written = self._original.write(text)
        self._buffer.write(text)
        return written

    def flush(self) -> None:
        self._original.flush()

    def isatty(self) -> bool:
        return self._original.isatty()

    def fileno(self) -> int:
        return self._original.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the original's, read through
        return self._original.encoding

    @property
    def original(self) -> TextIO:
        """The stream underneath, to put back."""
        return self._original


class BufferHandler(logging.Handler):
    """Writes records into a buffer, as plain text."""

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__()
        self._buffer = buffer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._buffer.write(self.format(record) + "\n")
        except Exception:  # a record whose arguments do not fit its text must not raise at the caller
            self.handleError(record)


def capture_output(buffer: LogBuffer) -> Callable[[], None]:
    """Starts filling the buffer; the returned call ends it.

    Handlers that were set up before keep the real streams, so no line comes twice.
    """
    out, err, handler = TeeStream(sys.stdout, buffer), TeeStream(sys.stderr, buffer), BufferHandler(buffer)
    sys.stdout, sys.stderr = out, err
    logging.getLogger().addHandler(handler)

    def restore() -> None:
        logging.getLogger().removeHandler(handler)
        if sys.stdout is out:
            sys.stdout = out.original
        if sys.stderr is err:
            sys.stderr = err.original

    return restore


def terminal_size() -> dict[str, Any]:
    """Columns and rows that the panel should lay the text out for."""
    size = shutil.get_terminal_size()
    return {"cols": size.columns, "rows": size.lines}
