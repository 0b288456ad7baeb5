"""Let one process at a time write to a store."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from event_model.errors import StoreError


class Lock:
    """An exclusive lock on a folder, held until closed or until the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 100, 0).decode("utf-8", "replace").strip() or "another process"
            os.close(self._file)
            raise StoreError(
                f"{folder} is being written by {holder}. Stop it first, or choose another folder: store.path"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)
