"""The one flag by which a running prompt is asked to stop.

Engine, sampling loops and progress bars poll it; the server sets it. `InterruptProcessingException` keeps
its name and base because custom nodes catch it (door: `comfy.model_management`).
"""

from __future__ import annotations

import threading

_flag = threading.Event()


class InterruptProcessingException(Exception):
    """The user asked the running prompt to stop. Never logged as an error."""


def interrupt_current_processing(value: bool = True) -> None:
    """Asks the running prompt to stop (True) or withdraws the request (False). Safe from any thread."""
    if value:
        _flag.set()
    else:
        _flag.clear()


def processing_interrupted() -> bool:
    """Whether a stop was asked for and not yet taken."""
    return _flag.is_set()


def throw_exception_if_processing_interrupted() -> None:
    """Raises InterruptProcessingException, and takes the request, if a stop was asked for."""
    if _flag.is_set():
        _flag.clear()
        raise InterruptProcessingException
