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
        self._last = -1  # largest pointer added, while this process writes
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
        writer = self._writer or self._begin()
        if pointer <= self._last:
            return
        time, made = document(pointer, event)
        known = self.summary
        if known.since is None or known.until is None or not known.since <= time <= known.until:
            self.summary = known.widened(time)
        writer.add_json(made)
        self._last = pointer
        self._waiting += 1

    def _begin(self) -> Any:
        self._last = self.last()
        self._writer = self._index.writer(HEAP_BYTES, 1)
        return self._writer

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
        if self._writer:
            return self._last
        largest = {"it": {"max": {"field": POINTER}}}
        found = self._fresh().aggregate(tantivy.Query.all_query(), largest)["it"]["value"]
        return -1 if found is None else int(found)

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
        self._waiting = 0
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
        if self._writer is None:  # else we know better
            self.summary = found

    def _signature(self) -> tuple[int, int]:
        try:
            found = (self.folder / _META).stat()
        except OSError as error:
            raise ValueError(f"{self.folder} is no index: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns
