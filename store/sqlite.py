"""One SQLite file: a connection for each thread, schema steps, and errors in words for people."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from event_model.errors import NoRoom, StoreError
from store.trouble import MAKE_ROOM, trouble

APPLICATION = 0x54414C59  # marks the file as ours
WAIT = 15.0  # seconds for another process's transaction
_ADVICE = {
    "full": MAKE_ROOM,
    "readonly": "Make it writable for this user, or choose another folder: store.path",
    "unable to open": "Make its folder writable for this user, or choose another: store.path",
    "locked": "Another program keeps it locked; end that one",
}
_DAMAGED = "Move it away: alerts are found again from the journal, decisions about them are lost"


class SqliteFile:
    """The file at `path`, made if need be and brought up to the last of `steps`. Raises StoreError."""

    def __init__(self, path: Path, steps: Sequence[Sequence[str]]) -> None:
        self.path = path
        self._own = threading.local()
        self._opened: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._mutex = threading.Lock()
        self._closed = False
        new = not path.exists()
        try:
            self._upgrade(steps)
            if new:
                path.chmod(0o600)  # opening it ourselves, to close it again, would undo SQLite's locks on it
        except OSError as error:
            self.close()
            raise trouble(error, path) from None
        except BaseException:
            self.close()
            raise

    def read(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows that a query finds."""
        with self._explained():
            return self._connection().execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction: committed at the end, undone by any error."""
        with self._explained():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some errors have undone it already
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection."""
        with self._mutex:
            self._closed = True
            while self._opened:
                self._opened.pop()[1].close()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is not None and not self._closed:
            return found
        with self._mutex:
            if self._closed:
                raise StoreError(f"{self.path} has been closed")
            self._close_left()
            made = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            self._opened.append((threading.current_thread(), made))
        made.row_factory = sqlite3.Row
        _write_ahead(made)
        made.execute("PRAGMA synchronous = NORMAL")
        made.execute("PRAGMA foreign_keys = ON")
        self._own.connection = made
        return made

    def _close_left(self) -> None:
        """Close the connections of threads that have ended: a server makes and ends threads all day."""
        left = [connection for thread, connection in self._opened if not thread.is_alive()]
        self._opened = [(thread, connection) for thread, connection in self._opened if thread.is_alive()]
        for connection in left:
            connection.close()

    def _upgrade(self, steps: Sequence[Sequence[str]]) -> None:
        version, application, tables = self.read(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
            " FROM pragma_user_version, pragma_application_id"
        )[0]
        if application != APPLICATION and (version or tables):
            raise StoreError(f"{self.path} is not Tallyman's. Choose another folder: store.path")
        if version > len(steps):
            raise StoreError(
                f"{self.path} was written by a newer Tallyman (schema {version}, ours is {len(steps)}); "
                "use that one, or choose another folder: store.path"
            )
        if version == len(steps):
            return
        with self.transaction() as connection:
            done = connection.execute("PRAGMA user_version").fetchone()[
                0
            ]  # another process may have been faster
            for step in steps[done:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(steps)}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            damaged = isinstance(error, sqlite3.DatabaseError) and (
                "malformed" in text or "not a database" in text
            )
            advice = next((words for part, words in _ADVICE.items() if part in text), "Check that disk")
            kind = NoRoom if "full" in text else StoreError
            raise kind(f"{self.path}: {text}. {_DAMAGED if damaged else advice}") from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer not wait for one another; the file remembers it."""
    deadline = time.monotonic() + WAIT
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # SQLite itself does not wait here for another who has just made the file
