"""Load rules again when their files change; a broken edit keeps the last good version and says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from event_model.errors import RuleError
from rules.engine.conditions import Lists
from rules.engine.pack import Pack, files, join, load_file

log = logging.getLogger(__name__)
QUIET = 0.2  # seconds without a change before rules are read: editors write in several steps
_Stamp = tuple[int, int, int]


class Library:
    """Folders of rules; `load` reads again what has changed since it last did."""

    def __init__(self, folders: Iterable[Path], lists: Lists | None = None) -> None:
        self.folders, self.lists = list(folders), dict(lists or {})
        self._read: dict[Path, tuple[_Stamp, Pack]] = {}
        self._good: dict[Path, Pack] = {}

    def load(self) -> Pack:
        """All rules as the files now are, or as they were when they last could be read."""
        found = list(files(self.folders))
        self._read = {path: self._file(path) for path in found}
        self._good = {path: pack for path, pack in self._good.items() if path in self._read}
        return join(self._best(path, pack) for path, (_, pack) in self._read.items())

    def _file(self, path: Path) -> tuple[_Stamp, Pack]:
        stamp = _stamp(path)
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known
        pack = load_file(path, self.lists)
        if pack.rules and not pack.errors:
            self._good[path] = pack
        return stamp, pack

    def _best(self, path: Path, pack: Pack) -> Pack:
        good = self._good.get(path)
        if not pack.errors or good is None:
            return pack
        kept = [
            RuleError(f"{error.message} (kept the last good version)", error.path, error.line)
            for error in pack.errors
        ]
        return Pack(good.rules, kept)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:  # gone since it was listed: reading it will say so
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


class Watch:
    """Calls `on_change` with the pack, from a thread of its own, when it is no longer `told`; `stop` ends it."""

    def __init__(self, library: Library, on_change: Callable[[Pack], None], told: Pack) -> None:
        self._library, self._on_change, self._told = library, on_change, told
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._observer = _observer(library.folders, self._changed)
        self._changed.set()  # a file may have changed since it was read, and before it was watched
        self._thread = threading.Thread(target=self._run, name="rules", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            while not self._stopped.is_set() and self._changed.is_set():
                self._changed.clear()
                self._stopped.wait(QUIET)
            if self._stopped.is_set():
                return
            self._reload()

    def _reload(self) -> None:
        try:
            pack = self._library.load()
        except RuleError as error:  # a folder went away: the rules stay as they are
            log.warning("rules can't be read", extra={"reason": str(error)})
            return
        if _alike(pack, self._told):
            return
        log.info("rules read", extra={"rules": len(pack.rules), "errors": len(pack.errors)})
        self._told = pack
        self._on_change(pack)

    def stop(self) -> None:
        self._stopped.set()
        self._changed.set()
        self._observer.stop()
        self._observer.join()
        self._thread.join()


def watch(folders: Iterable[Path], on_change: Callable[[Pack], None], lists: Lists | None = None) -> Watch:
    """Load these folders and tell of each change; the first pack is told before this returns."""
    library = Library(folders, lists)
    pack = library.load()
    on_change(pack)
    return Watch(library, on_change, pack)


def _alike(one: Pack, other: Pack) -> bool:
    """Whether nothing was read anew, and nothing else is wrong."""
    return one.rules == other.rules and [*map(str, one.errors)] == [*map(str, other.errors)]


def _observer(folders: Iterable[Path], changed: threading.Event) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in ("opened", "closed_no_write"):  # our own reading
                changed.set()

    observer = Observer()
    for folder in {path if path.is_dir() else path.parent for path in folders}:
        observer.schedule(Handler(), str(folder), recursive=True)
    observer.daemon = True
    observer.start()
    return observer
