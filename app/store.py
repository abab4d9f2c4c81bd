"""The durable queue: waiting prompts and history in one SQLite file of the user folder.

Every change is one transaction in write-ahead mode: when the process dies, what `added` returned for is in the file. A
prompt that was running then is not run again by itself; `restore` gives it back apart from those that still wait.
Secrets never come here: items arrive cut to their public parts. The file is locked by the process that has it open, so
that two servers on one user folder never run each other's prompts.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

FILE_NAME = "codec_queue.sqlite3"
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE prompts (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    prompt_id TEXT NOT NULL,
    number REAL NOT NULL,
    is_running INTEGER NOT NULL DEFAULT 0,
    item TEXT NOT NULL
);
CREATE INDEX prompts_by_id ON prompts (prompt_id);
CREATE TABLE history (
    finished INTEGER PRIMARY KEY AUTOINCREMENT,
    prompt_id TEXT NOT NULL UNIQUE,
    entry TEXT NOT NULL
);
"""

Item = tuple[Any, ...]
Entry = dict[str, Any]


class StoreError(OSError):
    """The queue's file cannot be used. Fields: `path`, `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True)
class Restored:
    """What the last process left. `waiting` in the order in which it would have run; `history` oldest first."""

    waiting: list[Item] = field(default_factory=list)
    interrupted: list[Item] = field(default_factory=list)
    history: list[tuple[str, Entry]] = field(default_factory=list)

    @property
    def next_number(self) -> int:
        """A queue number behind all that were given out."""
        numbers = [item[0] for item in (*self.waiting, *self.interrupted)]
        numbers += [entry["prompt"][0] for _, entry in self.history if entry.get("prompt")]
        return max((int(abs(number)) + 1 for number in numbers), default=0)


class SqliteQueueStore:
    """Writes the queue down as it changes; satisfies `comfy_execution.queue.QueueStore`.

    Called under the queue's lock. A write that fails is logged and the queue goes on from memory: a full disk must
    not lose the prompts that memory still holds.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_history: int) -> None:
        """Opens or makes the file. Raises: StoreError when it cannot be opened, is another's or is newer."""
        self.path = os.fspath(path)
        self._max_history = max_history
        try:
            self._db = self._open()
        except sqlite3.Error as error:
            locked = "locked" in str(error)
            reason = "another server uses this user folder" if locked else f"is no queue file ({error})"
            raise StoreError(self.path, reason) from error

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            # the first write takes the lock that this process keeps
            db.execute("BEGIN IMMEDIATE")
            _prepare_tables(db, self.path)
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def restore(self) -> Restored:
        """Everything in the file."""
        rows = self._db.execute("SELECT is_running, item FROM prompts ORDER BY number, arrival").fetchall()
        items = [(bool(is_running), tuple(json.loads(item))) for is_running, item in rows]
        history = self._db.execute("SELECT prompt_id, entry FROM history ORDER BY finished").fetchall()
        return Restored(
            waiting=[item for is_running, item in items if not is_running],
            interrupted=[item for is_running, item in items if is_running],
            history=[(prompt_id, json.loads(entry)) for prompt_id, entry in history],
        )

    def put_back(self) -> None:
        """Prompts that were running wait again."""
        self._write(("UPDATE prompts SET is_running = 0", ()))

    # -- what the queue tells --------------------------------------------------------------------------------

    def added(self, item: Item) -> None:
        """A prompt was accepted."""
        self._write(
            (
                "INSERT INTO prompts (prompt_id, number, item) VALUES (?, ?, ?)",
                (item[1], item[0], _text(item)),
            )
        )

    def started(self, prompt_id: str) -> None:
        """A prompt is being run."""
        self._write(
            (
                "UPDATE prompts SET is_running = 1 WHERE arrival = (SELECT arrival FROM prompts"
                " WHERE prompt_id = ? AND is_running = 0 ORDER BY number, arrival LIMIT 1)",
                (prompt_id,),
            )
        )

    def finished(self, prompt_id: str, entry: Mapping[str, Any]) -> None:
        """A prompt ended: it leaves the queue and enters the history in one step; the oldest entries go."""
        self._write(
            (
                "DELETE FROM prompts WHERE arrival = (SELECT arrival FROM prompts"
                " WHERE prompt_id = ? ORDER BY is_running DESC, arrival LIMIT 1)",
                (prompt_id,),
            ),
            ("DELETE FROM history WHERE prompt_id = ?", (prompt_id,)),
            ("INSERT INTO history (prompt_id, entry) VALUES (?, ?)", (prompt_id, _text(entry))),
            (
                "DELETE FROM history WHERE finished <= (SELECT finished FROM history"
                " ORDER BY finished DESC LIMIT 1 OFFSET ?)",
                (self._max_history,),
            ),
        )

    def removed(self, prompt_id: str) -> None:
        """A waiting prompt was dropped."""
        self._write(
            (
                "DELETE FROM prompts WHERE arrival = (SELECT arrival FROM prompts"
                " WHERE prompt_id = ? AND is_running = 0 ORDER BY number, arrival LIMIT 1)",
                (prompt_id,),
            )
        )

    def history_removed(self, prompt_id: str | None) -> None:
        """A history entry, or with None all of them, was dropped."""
        if prompt_id is None:
            self._write(("DELETE FROM history", ()))
        else:
            self._write(("DELETE FROM history WHERE prompt_id = ?", (prompt_id,)))

    def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except (sqlite3.Error, ValueError) as error:
            logger.error("the queue's file %s cannot be written: %s", self.path, error)  # noqa: TRY400 - the text says it
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")


def _prepare_tables(db: sqlite3.Connection, path: str) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(path, f"was written by a newer version ({version})")
    if version == 0:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _text(value: Any) -> str:
    """JSON of an item or entry. Values of foreign nodes that JSON does not know become their text."""
    return json.dumps(value, default=str, separators=(",", ":"))
