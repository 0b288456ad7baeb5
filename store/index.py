"""Make the events of one partition searchable: a tantivy index, derived from the journal beside it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock as Mutex
from typing import Any

import tantivy
from msgspec.structs import replace

from event_model.event import Event
from store import summary
from store.columns import POINTER, document, fingerprint, register, schema
from store.query.ast import All, Query
from store.selection import Selection
from store.summary import Summary

HEAP_BYTES = 48 << 20  # for what is not committed yet
_EVERYTHING = All()
_META = "meta.json"  # tantivy writes it anew with each commit


class Index:
    """The index in a folder: one thread of one process writes it, any number search it meanwhile.

    Raises ValueError for a folder that holds none, a damaged one, or one that another version made; so do
    its methods when the folder is lost or damaged later.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self._mutex = Mutex()
        self._last: int | None = None
        self._waiting = 0
        self._writer: Any = None
        if create:
            folder.mkdir(mode=0o700)
            self._index: Any = tantivy.Index(schema(), path=str(folder))
            summary.save(folder, Summary(fingerprint()))
        else:
            self._index = tantivy.Index.open(str(folder))
        register(self._index)
        self._index.config_reader("manual")
        self.summary = Summary()
        self._reload()

    def add(self, pointer: int, event: Event) -> None:
        """Make the event searchable, from the next commit on. What was added before is passed over."""
        if pointer <= self.last():
            return
        if self._writer is None:
            self._writer = self._index.writer(HEAP_BYTES, 1)
        time, made = document(pointer, event)
        self.summary = self.summary.widened(time, time)
        self._writer.add_json(made)
        self._last = pointer
        self._waiting += 1

    def commit(self, *, complete: bool = False) -> None:
        """Make durable and searchable what was added; `complete`: nothing will be added any more."""
        if self._waiting:
            self._describe(complete=False)  # before: no search may pass over what is there
            self._writer.commit()
            self._waiting = 0
        if complete:
            self._describe(complete=True)

    def last(self) -> int:
        """The largest pointer added; -1 if there is none."""
        searcher = self._fresh() if self._writer is None else None
        if self._last is None:
            largest = {"it": {"max": {"field": POINTER}}}
            found = (searcher or self._fresh()).aggregate(tantivy.Query.all_query(), largest)["it"]["value"]
            self._last = -1 if found is None else int(found)
        return self._last

    def known(self) -> Summary:
        """What the index says of itself now."""
        self._fresh()
        return self.summary

    def select(
        self, query: Query = _EVERYTHING, since: int | None = None, until: int | None = None
    ) -> Selection:
        """What is committed and meets the query, with since <= time < until (microseconds since 1970)."""
        return Selection(self.folder, self._index.schema, self._fresh(), query, since, until)

    def close(self) -> None:
        """Stop writing. What was not committed is lost here; the journal has it."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.wait_merging_threads()

    def _describe(self, *, complete: bool) -> None:
        self.summary = replace(self.summary, complete=complete)
        if self.summary != summary.load(self.folder):
            summary.save(self.folder, self.summary)

    def _fresh(self) -> Any:
        with self._mutex:
            if self._signature() != self._seen:
                self._reload()
            return self._index.searcher()

    def _reload(self) -> None:
        self._seen = self._signature()
        self._index.reload()
        found = summary.load(self.folder)
        if found is None or not found.fits():
            raise ValueError(f"{self.folder} was made by another version")
        if self._writer is None:  # another process may have written
            self.summary, self._last = found, None

    def _signature(self) -> tuple[int, int]:
        try:
            found = (self.folder / _META).stat()
        except OSError as error:
            raise ValueError(f"{self.folder} is no index: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns
