"""The one flag by which a running prompt is asked to stop.

Engine, sampling loops and progress bars poll it; the server sets it. `InterruptProcessingException` keeps
its name and base because custom nodes catch it (door: `comfy.model_management`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_flag = threading.Event()
_listeners: list[Callable[[], None]] = []


class InterruptProcessingException(Exception):
    """The user asked the running prompt to stop. Never logged as an error."""


def interrupt_current_processing(value: bool = True) -> None:
    """Asks the running prompt to stop (True) or withdraws the request (False). Safe from any thread."""
    if value:
        _flag.set()
        for listener in tuple(_listeners):
            listener()
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


def add_interrupt_listener(listener: Callable[[], None]) -> None:
    """Has `listener` called, in the asking thread, whenever a stop is asked for: for waiters that cannot poll."""
    _listeners.append(listener)


def remove_interrupt_listener(listener: Callable[[], None]) -> None:
    """Undoes `add_interrupt_listener`."""
    _listeners.remove(listener)
