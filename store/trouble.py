"""Say what is wrong with the store's disk, and what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

from event_model.errors import NoRoom, StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
MAKE_ROOM = "Make room on that disk, or keep less: store.retention, store.max_size"
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def is_full(error: OSError) -> bool:
    """Whether there is no room left, so that the same may work later."""
    return error.errno in _FULL


def trouble(error: OSError, path: Path) -> StoreError:
    """The error in words for people: which file, why, and what to do."""
    if is_full(error):
        return NoRoom(f"{path}: {error.strerror or error}. {MAKE_ROOM}")
    if error.errno in _CLOSED:
        advice = "Make it writable for this user, or choose another folder: store.path"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        advice = "The store needs a folder; choose another: store.path"
    elif error.errno == errno.EMFILE:
        advice = "Raise the limit of open files: ulimit -n"
    else:
        advice = "Check that disk, or choose another folder: store.path"
    return StoreError(f"{path}: {error.strerror or error}. {advice}")
