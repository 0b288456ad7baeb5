"""Find the files that paths and globs name, with what a rotation left of them, each file once."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import translate
from re import compile
from typing import NamedTuple

from msgspec import Struct

log = logging.getLogger(__name__)

_DAY = r"\d{4}-?\d\d-?\d\d(?:[T_.-]?[\d:.-]*\dZ?)?"
_AFTER = compile(rf"(.+?)[.-](?:\d{{1,4}}|\d{{10}}|{_DAY})")  # x.log.1, x.log-20261123, 0.log.20261123-1805
_WITHIN = compile(rf"(.+?)-{_DAY}(\.[A-Za-z]\w*)")  # x-2026-11-23T18-05-01.123.log

_NUMBER = compile(r"\.(\d{1,4})(?:\.gz)?$")

Inode = tuple[int, int]  # device and number
Version = tuple[int, int]  # what changes when a file does: size and time


class Found(Struct, frozen=True):
    """A file as it stands there now."""

    named: str  # the path that the user would know it by
    path: str  # where it is
    base: str  # the path that its log is written to; shared by all that rotation made of one log
    aside: bool  # whether it is what rotation made
    rotated: bool  # and another file is written by now
    status: os.stat_result

    @property
    def inode(self) -> Inode:
        return self.status.st_dev, self.status.st_ino

    @property
    def age(self) -> tuple[bool, int, int]:
        """Sorts what rotation made of one log, the oldest first: by number, or by when it was written last."""
        number = _NUMBER.search(self.path)
        return not self.aside, -int(number[1]) if number and self.aside else 0, self.status.st_mtime_ns

    @property
    def version(self) -> Version:
        return self.status.st_size, self.status.st_mtime_ns


class Search(Struct):
    """What a look at the disk showed."""

    files: dict[Inode, Found] = {}
    folders: set[str] = set()  # where it looked, as far as they exist
    troubles: dict[str, str] = {}  # path -> why it can't be read


def base_of(name: str) -> str:
    """The name a file had before it was rotated: `audit.log` of `audit.log.1`, `audit.log-20261123.gz` and the like."""
    name = name.removesuffix(".gz")
    found = _WITHIN.fullmatch(name)
    if found:
        return found[1] + found[2]
    found = _AFTER.fullmatch(name)
    return found[1] if found else name


def find(patterns: Iterable[str], rotated: bool = True) -> Search:
    """Every regular file that a pattern names and, if `rotated`, those that rotation left beside it."""
    search = Search()
    names = _Names(search)
    for pattern in patterns:
        for folder, last in _folders(os.path.expanduser(pattern)):
            for entry in names.matching(folder, last, rotated):
                _add(search, entry.path, entry)
                if entry.is_link and rotated:  # the kubelet's links lead to the newest file only
                    beside, name = os.path.split(entry.target)
                    for other in names.matching(beside, glob.escape(name), rotated):
                        _add(search, entry.path, other)
    return search


def _folders(pattern: str) -> Iterator[tuple[str, str]]:
    """The folders that a pattern leads to, and the pattern of names in each."""
    folder, last = os.path.split(pattern)
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        yield folder or ".", glob.escape(last)
        return
    if last == "**":
        folder, last = pattern, "*"
    if not glob.has_magic(folder):
        yield folder or ".", last
        return
    for each in glob.iglob(folder, recursive=True):
        if os.path.isdir(each):
            yield each, last


class _Entry(NamedTuple):
    path: str
    target: str  # what it is, behind all links
    base: str
    is_link: bool


class _Names:
    """The names in folders, each read once a search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._read: dict[str, list[tuple[str, bool]]] = {}

    def matching(self, folder: str, pattern: str, rotated: bool) -> Iterator[_Entry]:
        """The names in a folder that the pattern means, and what rotation made of such names."""
        wanted = compile(translate(pattern)).match
        for name, is_link in self._names(folder):
            if name.startswith(".") and not pattern.startswith("."):
                continue
            if wanted(name) or (rotated and wanted(base_of(name))):
                path = name if folder == "." else os.path.join(folder, name)
                target = os.path.realpath(path) if is_link else path
                beside, last = os.path.split(target)
                yield _Entry(path, target, os.path.join(beside, base_of(last)), is_link)

    def _names(self, folder: str) -> list[tuple[str, bool]]:
        names = self._read.get(folder)
        if names is None:
            names = []
            try:
                with os.scandir(folder) as entries:
                    names = sorted((entry.name, entry.is_symlink()) for entry in entries)
                self._search.folders.add(folder)
            except (FileNotFoundError, NotADirectoryError):
                log.debug("no such folder yet", extra={"folder": folder})
            except OSError as error:
                self._search.troubles[folder] = error.strerror or str(error)
            self._read[folder] = names
        return names


def _add(search: Search, named: str, entry: _Entry) -> None:
    try:
        status = os.stat(entry.path)
    except FileNotFoundError:
        return  # a link to nothing, or gone since
    except OSError as error:
        search.troubles[entry.path] = error.strerror or str(error)
        return
    if stat.S_ISDIR(status.st_mode):
        search.troubles[entry.path] = f"is a folder; name files, such as {entry.path}/*"
    elif not stat.S_ISREG(status.st_mode):
        search.troubles[entry.path] = "is no regular file"
    else:
        aside = entry.target != entry.base
        found = Found(named, entry.path, entry.base, aside, aside and os.path.exists(entry.base), status)
        search.files.setdefault(found.inode, found)
