"""Take turns at writing indexes: a collecting process for as long as it runs, a reading one to mend one."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from event_model.errors import StoreError
from store.trouble import trouble

_FILE = "index.lock"
_PATIENCE = 600.0  # seconds that a collecting process waits for a reader to finish
_PAUSE = 0.05


class Turn:
    """The right to write the indexes below a folder, given back by `end` or when the process ends."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def to_mend(cls, root: Path) -> Turn | None:
        """For a moment; None where another process has it, or this user should not write there."""
        try:
            if root.stat().st_uid != os.geteuid():  # its owner could not go on with files of ours
                return None
            file = _open(root)
        except OSError:
            return None
        if not _lock(file):
            os.close(file)
            return None
        os.ftruncate(file, 0)
        return cls(file)

    @classmethod
    def to_collect(cls, root: Path) -> Turn:
        """For good. Waits for a reader that mends; raises StoreError where another process collects."""
        try:
            file = _open(root)
        except OSError as error:
            raise trouble(error, root) from None
        deadline = time.monotonic() + _PATIENCE
        while not _lock(file):
            holder = os.pread(file, 100, 0).decode("utf-8", "replace").strip()
            if holder or time.monotonic() > deadline:
                os.close(file)
                raise StoreError(
                    f"the indexes in {root} are being written by {holder or 'a reader'}. Stop it first"
                )
            time.sleep(_PAUSE)
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        return cls(file)

    @staticmethod
    def is_taken(root: Path) -> bool:
        """Whether some process has it now."""
        try:
            file = os.open(root / _FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _lock(file, fcntl.LOCK_SH)
        finally:
            os.close(file)

    def end(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _open(root: Path) -> int:
    return os.open(root / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(file: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
