"""Hold the indexes of all partitions, opened when they are first asked for and mended when they must be."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import RLock

from event_model.errors import StoreError
from store import summary
from store.building import (
    FOLDER,
    Done,
    Normalize,
    Progress,
    build,
    build_at,
    create,
    go_on,
    is_ahead,
    journal_bytes,
)
from store.index import Index
from store.journal import Journal
from store.turn import Turn

log = logging.getLogger(__name__)
_LOOK_EVERY = 5.0  # seconds between two looks of a reader whether an index was left behind


class Indexes:
    """One index a partition. A writing process has the turn for good, a reading one only to mend."""

    def __init__(self, journal: Journal, normalize: Normalize, *, writable: bool) -> None:
        self._journal, self._normalize = journal, normalize
        self._turn = Turn.to_collect(journal.root) if writable else None
        self._mutex = RLock()
        self._open: dict[str, Index] = {}
        self._borrowed: dict[str, tempfile.TemporaryDirectory[str]] = {}
        self._looked = -_LOOK_EVERY

    def close(self) -> None:
        with self._mutex:
            for index in self._open.values():
                index.close()
            for folder in self._borrowed.values():
                folder.cleanup()
            self._open, self._borrowed = {}, {}
            if self._turn:
                self._turn.end()
                self._turn = None

    def all(self, since: int | None = None, until: int | None = None) -> list[tuple[str, Index]]:
        """What can be searched now, oldest first. A partition that was dropped is gone from it.

        Those that hold nothing with since <= time < until need not be among them.
        """
        with self._mutex:
            partitions = self._journal.partitions()
            for gone in self._open.keys() - set(partitions):
                del self._open[gone]
            for gone in self._borrowed.keys() - set(partitions):
                self._end_borrowing(gone)
            if self._turn is None:
                self._look(partitions)
            wanted = [name for name in partitions if self._may_hold(name, since, until)]
            found = [(name, self._get(name, name == partitions[-1])) for name in wanted]
            return [(name, index) for name, index in found if index]

    def _may_hold(self, partition: str, since: int | None, until: int | None) -> bool:
        """Told without opening the index; an open one knows better."""
        known = None if partition in self._open else summary.load(self._folder(partition))
        return known is None or not known.fits() or known.may_hold(since, until)

    def mend(self, folder: Path, reason: str) -> None:
        """Make the index in this folder anew; nothing if its partition is gone."""
        with self._mutex:
            partitions = self._journal.partitions()
            for partition in partitions:
                index = self._open.get(partition)
                if index and index.folder == folder:
                    del self._open[partition]
                    self._missing(partition, partition == partitions[-1], reason)

    def let_go(self, partition: str) -> None:
        """Forget an index that could not be written; it is opened anew when next asked for."""
        with self._mutex:
            index = self._open.pop(partition, None)
            if index:
                with suppress(ValueError, OSError):  # its writer is broken already
                    index.close()

    def to_write(self, partition: str) -> Index:
        """The index of a partition, made if there is none."""
        with self._mutex:
            index = self._open.get(partition)
            if index is None:
                folder = self._folder(partition)
                try:
                    index = Index(folder) if folder.exists() else create(folder.parent)
                except ValueError as error:
                    return self._rebuilt(partition, complete=False, reason=str(error))
                self._open[partition] = index
            return index

    def catch_up(self) -> int:
        """Add what the journal holds and the indexes don't; how many entries that were."""
        partitions = self._journal.partitions()
        return sum(self._catch_up(partition, newest=partition == partitions[-1]) for partition in partitions)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Make every index anew; the old ones answer until then."""
        partitions = self._journal.partitions()
        sizes = [journal_bytes(self._journal, partition) for partition in partitions]
        for place, partition in enumerate(partitions):
            done = _shifted(progress, sum(sizes[:place]), sum(sizes))
            with self._mutex:
                self._rebuilt(partition, complete=partition != partitions[-1], done=done)

    def _catch_up(self, partition: str, newest: bool) -> int:
        known = summary.load(self._folder(partition))
        if known and known.fits() and known.complete and not newest:
            return 0
        index = self.to_write(partition)
        if is_ahead(index, self._journal, partition):
            with self._mutex:
                self._rebuilt(partition, complete=not newest, reason="it is ahead of the journal")
            return 0
        added = go_on(index, self._journal, partition, self._normalize)
        index.commit(complete=not newest)
        index.close()
        if added:
            log.info("index caught up", extra={"partition": partition, "entries": added})
        return added

    def _rebuilt(
        self, partition: str, *, complete: bool, reason: str = "", done: Done | None = None
    ) -> Index:
        if reason:
            log.warning("index is built anew", extra={"partition": partition, "reason": reason})
        old = self._open.pop(partition, None)
        if old:
            old.close()
        build(self._journal, partition, self._normalize, complete=complete, done=done)
        self._open[partition] = index = Index(self._folder(partition))
        return index

    def _get(self, partition: str, newest: bool) -> Index | None:
        index = self._open.get(partition)
        if index is None:
            try:
                index = self._open[partition] = Index(self._folder(partition))
            except ValueError as error:
                return self._missing(partition, newest, str(error))
        return index

    def _missing(self, partition: str, newest: bool, reason: str) -> Index | None:
        """An index that can't be read: built anew here, or, where that is not ours to do, for us alone."""
        root = self._journal.root
        if newest and not self._folder(partition).exists() and (self._turn or Turn.is_taken(root)):
            return None  # its first entries are about to be committed
        turn = self._turn or Turn.to_mend(root)
        if turn is None:
            return self._borrow(partition, reason)
        try:
            return self._rebuilt(partition, complete=not newest, reason=reason)
        except (OSError, ValueError) as error:  # such as a full disk
            return self._borrow(partition, str(error))
        finally:
            if turn is not self._turn:
                turn.end()

    def _borrow(self, partition: str, reason: str) -> Index:
        log.warning("index is built for this process", extra={"partition": partition, "reason": reason})
        home = tempfile.TemporaryDirectory(prefix="tallyman-")
        try:
            build_at(Path(home.name) / FOLDER, self._journal, partition, self._normalize)
            index = Index(Path(home.name) / FOLDER)
        except (OSError, ValueError) as error:
            home.cleanup()
            raise StoreError(
                f"{self._folder(partition)} can't be read ({reason}) nor built anew in "
                f"{tempfile.gettempdir()} ({error}). Make room there"
            ) from error
        self._end_borrowing(partition)
        self._open[partition], self._borrowed[partition] = index, home
        return index

    def _end_borrowing(self, partition: str) -> None:
        if partition in self._borrowed:
            self._open.pop(partition, None)
            self._borrowed.pop(partition).cleanup()

    def _give_back(self, partition: str) -> None:
        """Use the partition's own index again if it can be read by now, else bring the private one up to date."""
        try:
            own = Index(self._folder(partition))
        except ValueError:
            private = self._open.get(partition)
            if private and go_on(private, self._journal, partition, self._normalize):
                private.commit()
        else:
            self._end_borrowing(partition)
            self._open[partition] = own

    def _look(self, partitions: list[str]) -> None:
        """Where nobody collects, add what the last one that did has left in the journal only."""
        if time.monotonic() - self._looked < _LOOK_EVERY:
            return
        self._looked = time.monotonic()
        for partition in self._borrowed.keys() & set(partitions):
            self._give_back(partition)
        turn = Turn.to_mend(self._journal.root)
        if turn is None:
            return
        try:
            for partition in partitions:
                self._end_borrowing(partition)  # its own can be mended now
                self._catch_up(partition, newest=partition == partitions[-1])
        except (OSError, ValueError, StoreError) as error:  # such as a full disk: search what there is
            log.warning("index can't catch up", extra={"reason": str(error)})
        finally:
            turn.end()

    def _folder(self, partition: str) -> Path:
        return self._journal.root / partition / FOLDER


def _shifted(progress: Progress | None, before: int, total: int) -> Done | None:
    """The progress of one partition as that of all."""
    return None if progress is None else lambda done: progress(before + done, total)
