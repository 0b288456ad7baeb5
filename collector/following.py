"""Follow all files of a source at once, through rotation, truncation, packing and restarts."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Container, Iterator
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any

from msgspec import structs

from collector.contents import Content, open_content
from collector.copies import Recall, same_start
from collector.finding import Found, Inode, Search, Version, find
from collector.marks import Marks, skipped
from collector.tailing import Reading, Tail
from event_model.parts import Batch

log = logging.getLogger(__name__)

GRACE = 5.0  # seconds without a byte after which the writer of a file that was moved away has left it
HOT = 2.0  # seconds after which a log that has not grown is looked at less often
FORGET = 7 * 86400.0  # seconds after which a content that no path leads to is forgotten
REFRESH = 30 * 86400.0  # and after which the position of one that is still there is written again
MOST_LOGGED = 10_000  # troubles remembered as logged
MOST_OPEN = min(4000, getrlimit(RLIMIT_NOFILE)[0] // 2)  # files; the idlest are closed until they grow


class Follower:
    """The files of one source: `look` finds them, `turn` reads what is new in them.

    A content, which is what was written to one file, is known by its first bytes and by those before the place
    up to which it was read. So a copy, packed or not, that rotation makes goes on where the original was left,
    and a new file that got the old one's inode does not.
    """

    def __init__(
        self,
        paths: list[str],
        reading: Reading,
        positions: dict[str, Any],
        *,
        rotated: bool,
        from_start: bool,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.troubles: dict[str, str] = {}  # path -> why it is not read
        self.folders: set[str] = set()
        self.busy = False  # whether the last turn left something unread
        self.stale = False  # whether it saw that a file was moved away
        self._paths, self._reading, self._rotated = paths, reading, rotated
        self._from_start = from_start
        self._present: set[Inode] | None = None  # what is not to be read: it was there at the first look
        self._marks = Marks(positions, f"{reading.source}:")
        self._recall = Recall(self._marks, reading.clock)
        self._tails: dict[Inode, Tail] = {}
        self._families: list[
            tuple[str, list[Tail]]
        ] = []  # by folder: what rotation made of one log, oldest first
        self._empty: dict[Inode, Found] = {}
        self._resting: dict[Inode, tuple[str, Version]] = {}  # read to the end: key, and how they were then
        self._orphans: list[Tail] = []  # their files hold something else by now
        self._broken: dict[str, str] = {}  # troubles while reading
        self._logged: set[tuple[str, str]] = set()

    def close(self) -> None:
        for tail in (*self._tails.values(), *self._orphans):
            tail.content.close()
        self._tails.clear()
        self._orphans.clear()

    def look(self) -> Iterator[Batch]:
        """See which files there are: begin with what is new, let go of what is over."""
        search = find(self._paths, self._rotated)
        self.folders = search.folders
        self.troubles, self._broken = {**search.troubles, **self._broken}, {}
        yield from self._settle(search)
        self._empty = {}
        self._note_present(search)
        # copies after what they were made of
        for found in sorted(
            search.files.values(), key=lambda each: (each.aside, each.inode not in self._marks.inodes)
        ):
            rest = self._resting.get(found.inode)
            if found.inode not in self._tails and not (rest and rest[1] == found.version):
                yield from self._meet(found)
        yield from self._bury(search)
        self._recall.keep(search.files)
        self._arrange()
        yield from self._forget()
        self._tell()

    def turn(self, folders: Container[str] | None = None) -> Iterator[Batch]:
        """Read a piece of each log that has grown; of one log, an older file to its end before a newer one.

        With `folders`, of the logs in these and of those that have grown lately.
        """
        self.busy = self.stale = False
        if self._empty:
            yield from self._meet_grown()
        lately = self._reading.clock() - HOT
        for folder, family in self._families:
            hot = family[-1].active > lately
            if hot or folders is None or folder in folders:
                yield from self._read_family(family)
            if hot and not self.stale:
                self.stale = _was_moved(family[-1])

    def _read_family(self, family: list[Tail]) -> Iterator[Batch]:
        for tail in family:
            if self._tails.get(tail.found.inode) is tail:
                yield from self._read(tail)
                if not tail.at_end:
                    self.busy = True
                    return

    def _settle(self, search: Search) -> Iterator[Batch]:
        """Where the contents being read are by now, and which of them are over."""
        for inode, tail in list(self._tails.items()):
            found = search.files.get(inode)
            tail.lost, tail.found = found is None, found or tail.found
            idle = self._reading.clock() - tail.active
            if not tail.content.intact():
                self._detach(tail)
            elif tail.at_end and self._is_read(tail):
                yield from self._keep(tail, tail.settle(idle))
                if idle > GRACE and not tail.recognised and tail.begins:
                    self.troubles[tail.named] = (
                        "no format recognises its first records; name one with `format`"
                    )
                if idle > GRACE and (tail.lost or tail.found.rotated):
                    yield from self._end(tail)
        self._resting = {inode: rest for inode, rest in self._resting.items() if inode in search.files}
        idlest = sorted(self._tails.values(), key=lambda tail: tail.active)
        for tail in idlest[: max(0, len(idlest) - MOST_OPEN)]:
            if tail.at_end and not tail.lost:
                self._rest(tail)

    def _note_present(self, search: Search) -> None:
        if self._from_start:
            return
        if self._present is None:
            self._present = {inode for inode, found in search.files.items() if found.status.st_size}
        self._present &= search.files.keys()

    def _is_read(self, tail: Tail) -> bool:
        """Whether nothing has come since it was read to its end. What nobody understands is not read."""
        return not tail.recognised or tail.content.consumed == tail.content.status.st_size

    def _arrange(self) -> None:
        families: dict[str, list[Tail]] = {}
        for tail in self._tails.values():
            families.setdefault(tail.found.base, []).append(tail)
        for family in families.values():
            family.sort(key=lambda tail: (False, *tail.found.age[1:]) if tail.lost else tail.found.age)
        self._families = [
            (os.path.realpath(os.path.dirname(base)), family) for base, family in families.items()
        ]

    # a file that is not being read

    def _meet_grown(self) -> Iterator[Batch]:
        for found in list(self._empty.values()):
            try:
                status = os.stat(found.path)
            except OSError:
                continue  # the next look will say why
            if status.st_size and (status.st_dev, status.st_ino) == found.inode:
                del self._empty[found.inode]
                yield from self._meet(structs.replace(found, status=status))
                self._arrange()

    def _meet(self, found: Found) -> Iterator[Batch]:
        """Begin with a file, go on with it, or let it wait until it is clear what it is."""
        if not found.status.st_size:
            self._empty[found.inode] = found
            return
        try:
            content = open_content(found)
        except FileNotFoundError:
            return  # moved since: the next look will find it
        except OSError as error:
            self._blame(found.named, error)
            return
        try:
            yield from self._begin(found, content)
        except OSError as error:
            self._blame(found.named, error)
        finally:
            if found.inode not in self._tails:
                content.close()

    def _begin(self, found: Found, content: Content) -> Iterator[Batch]:
        head = content.head()
        if not head:  # packed, and nothing in it yet
            if content.finished:
                self._resting[found.inode] = "", found.version
            return
        verdict, rewritten = self._recall.judge(found, content, head, self._tails.values())
        for tail in rewritten:
            self._detach(tail)
        if verdict.mark is not None and verdict.mark.skipped:
            self._resting[found.inode] = verdict.key, found.version
        elif verdict.mark is not None:
            holder = self._holder(verdict.key)
            if holder:
                self._rest(holder)
            self._add(Tail(verdict.key, found, content, self._reading, head)).go_on(
                verdict.mark, verdict.before
            )
        elif not verdict.waits:
            content.rewind()
            yield from self._start(found, content, head)

    def _start(self, found: Found, content: Content, head: bytes) -> Iterator[Batch]:
        """Read a file that holds nothing known."""
        key = self._new_key(found.inode)
        tail = Tail(key, found, content, self._reading, head)
        mark = None
        if self._present and found.inode in self._present:
            self._present.discard(found.inode)  # what is written there anew is new
            mark = skipped(found, content, head)
        if mark is not None:
            self._marks.put(key, mark)
            yield Batch(self._reading.origin(found.named, ""), [], key, mark.plain(), mark.moved)
        if mark is not None and mark.skipped:
            self._resting[found.inode] = key, found.version
            return
        if mark is not None and (before := content.skip(mark)) is not None:
            tail.go_on(mark, before)
        self._add(tail)

    def _add(self, tail: Tail) -> Tail:
        self._tails[tail.found.inode] = tail
        self._resting.pop(tail.found.inode, None)
        return tail

    def _holder(self, key: str) -> Tail | None:
        return next((tail for tail in self._tails.values() if tail.key == key), None)

    def _new_key(self, inode: Inode) -> str:
        key = first = f"{self._reading.source}:{inode[0]:x}-{inode[1]:x}"
        number = 1
        while key in self._marks or self._holder(key):
            number += 1
            key = f"{first}-{number}"
        return key

    # a file that is being read

    def _read(self, tail: Tail) -> Iterator[Batch]:
        try:
            batch = tail.read()
        except ValueError:
            self._detach(tail)
            tail.at_end = True
            yield from self.look()
            return
        except OSError as error:
            self._blame(tail.named, error)
            self._drop(tail)
            return
        yield from self._keep(tail, batch)
        if tail.content.finished:
            yield from self._end(tail)

    def _detach(self, tail: Tail) -> None:
        """The file was truncated or written anew; a copy made before may hold what was not read yet."""
        del self._tails[tail.found.inode]
        self._orphans.append(tail)

    def _bury(self, search: Search) -> Iterator[Batch]:
        """Begin anew with files that were written anew; what was read of them, and continues nowhere, is over."""
        for tail in self._orphans:
            if not self._is_continued(tail):
                yield from self._keep(tail, tail.finish())
            tail.content.close()
        anew = {tail.found.inode for tail in self._orphans}
        self._orphans = []
        for inode in anew:
            if inode in search.files and inode not in self._tails:
                yield from self._meet(search.files[inode])

    def _is_continued(self, orphan: Tail) -> bool:
        if orphan.marked:
            return self._holder(orphan.key) is not None
        return any(same_start(tail.found, tail.begins, orphan) for tail in self._tails.values())

    def _end(self, tail: Tail) -> Iterator[Batch]:
        """Nothing more will come."""
        if tail.content.packed and not tail.content.finished:
            self._blame(tail.named, EOFError("the gzip data end too early"))
        else:
            yield from self._keep(tail, tail.finish())
        self._rest(tail)

    def _keep(self, tail: Tail, batch: Batch | None) -> Iterator[Batch]:
        if batch is not None:
            assert tail.marked is not None
            self._marks.put(tail.key, tail.marked)
            yield batch

    def _rest(self, tail: Tail) -> None:
        """Close a file until it changes."""
        status = tail.content.status
        if not tail.lost and self._is_read(tail):
            self._resting[tail.found.inode] = tail.key, (status.st_size, status.st_mtime_ns)
        self._drop(tail)

    def _drop(self, tail: Tail) -> None:
        del self._tails[tail.found.inode]
        tail.content.close()

    # book-keeping

    def _blame(self, path: str, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        self._broken[path] = self.troubles[path] = reason

    def _forget(self) -> Iterator[Batch]:
        """What has not been seen for long; and remember what has, but has not moved for very long."""
        now = time.time()
        held = {tail.key for tail in self._tails.values()} | {key for key, _ in self._resting.values()}
        for key, mark in self._marks.older(now - FORGET):
            origin = self._reading.origin(mark.path, mark.format)
            if key not in held:
                self._marks.drop(key)
                yield Batch(origin, [], key, None, now)
            elif mark.moved < now - REFRESH:
                self._marks.put(key, mark := structs.replace(mark, moved=now))
                yield Batch(origin, [], key, mark.plain(), now)

    def _tell(self) -> None:
        """Log each trouble once."""
        if len(self._logged) > MOST_LOGGED:
            self._logged.clear()
        for path, reason in self.troubles.items():
            if (path, reason) not in self._logged:
                self._logged.add((path, reason))
                self.counts["unreadable_files"] += 1
                log.warning("file not read", extra={"path": path, "reason": reason})


def _was_moved(tail: Tail) -> bool:
    """Whether another file is written in place of one that has just grown."""
    try:
        status = os.stat(tail.found.path)
    except OSError:
        return False  # nothing to read there yet
    return (status.st_dev, status.st_ino) != tail.found.inode and not tail.lost
