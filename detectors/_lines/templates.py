"""The shapes of log lines: what stays of a line when its numbers, ids, addresses and times are taken out.

A fixed-depth tree in the manner of Drain (He et al., ICWS 2017): by number of words and first word, then the most
similar shape of a short list. Three things differ. A line whose digits alone are new costs one look-up. The first word is
the first that is neither time nor level, for most lines begin with these. And words that decide what a line means
(`denied`, `failed`, `ERROR`) are never generalised: `Principal <*> is <*>` would hide the first refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf
from operator import eq
from re import IGNORECASE, compile
from typing import Generic, TypeVar

from collector.credentials import mask

MOST_CHARACTERS = 512  # of a line that are looked at: its shape is at its start
MOST_WORDS = 48
SIMILAR = 0.6  # share of a shape's plain words that a line must have
HOLE = "<*>"

_DIGITS = b"0123456789"
_VARIABLE = compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # UUID
    r"|(?<![A-Za-z0-9])(?=[a-zA-Z]*+[0-9])[0-9a-fA-F]{6,}+(?![A-Za-z])"  # hexadecimal id
    r"|0x[0-9a-fA-F]++"
    r"|[0-9]++(?:(?:[.:,_/T+-]?|[a-f]{1,4})[0-9]++)*+"  # number, time, address, short id
)
_TELLING = compile(
    r"(?:\b|_)(?:err(?:or)?s?|warn(?:ing)?s?|fatal|panic\w*|critical|severe|alert|emerg\w*|exception|fail\w*|den(?:y|ied)|"
    r"refus\w*|reject\w*|unauthori[sz]ed|forbidden|invalid|allow(?:ed)?|grant(?:ed)?|accept(?:ed)?|success\w*|ok|root|admin|"
    r"kill\w*|abort\w*|crash\w*|corrupt\w*|disabled?|enabled?|delet\w*|creat\w*|remov\w*|not?|info|debug|notice)(?:\b|_)"
    r"|^[EFIW]<\*>$",  # klog's level and date
    IGNORECASE,
)
_OPENING = compile(  # what a line may begin with before it says anything: a level, names of a date, mere marks
    r"\W*+(?:(?:level|lvl|severity)=\W*+)?(?:trace|debug|info|information|notice|log|warn|warning|err|error|critical|crit|"
    r"severe|fatal|panic|alert|emerg|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|utc|gmt)?"
    r"\W*+",
    IGNORECASE,
)

Place = tuple[int, str]  # number of words, and the first that says what a line is about
T = TypeVar("T", bound="Template")


class Template:
    """One shape. `words` grows more general as lines join it."""

    __slots__ = ("born", "place", "words")

    def __init__(self, words: list[str], place: Place, born: int = 0) -> None:
        self.words, self.place = words, place
        self.born = born or _plain(words)  # plain words of its first line

    def __str__(self) -> str:
        return " ".join(self.words)


class Tree(Generic[T]):
    """Shapes by their number of words and first plain word; of these the most similar is found.

    Past `firsts` first words to a length they are names rather than words, and what begins with another is looked for
    in one list. A list holds at most `alike`.
    """

    def __init__(self, firsts: float = inf, alike: float = inf) -> None:
        self.firsts, self.alike = firsts, alike
        self._lists: dict[int, dict[str, list[T]]] = {}

    def find(self, words: list[str], place: Place) -> T | None:
        """The shape that a line of these words joins, more general from now on; None where none at `place` is similar."""
        length, first = place
        best = _most_similar(self._lists.get(length, {}).get(first, ()), words)
        if best is not None:
            _generalise(best, words)
        return best

    def place(self, words: list[str]) -> Place:
        """Where lines of these words are looked for."""
        length, first = len(words), _first(words)
        lists = self._lists.get(length, {})
        return length, first if first in lists or len(lists) < self.firsts else HOLE

    def add(self, template: T) -> bool:
        """Whether there was room for it."""
        length, first = template.place
        alike = self._lists.setdefault(length, {}).setdefault(first, [])
        if len(alike) >= self.alike:
            return False
        alike.append(template)
        return True

    def remove(self, template: T) -> None:
        length, first = template.place
        lists = self._lists[length]
        lists[first].remove(template)
        if not lists[first]:
            del lists[first]
        if not lists:
            del self._lists[length]

    def __iter__(self) -> Iterator[T]:
        return (each for lists in self._lists.values() for alike in lists.values() for each in alike)


def signature(line: str) -> bytes:
    """The same for lines that differ in digits alone."""
    return line[:MOST_CHARACTERS].encode("utf-8", "replace").translate(None, _DIGITS)


def words_of(line: str) -> list[str]:
    """The words of a line, with holes where it holds numbers, ids, addresses or times. No secret is among them."""
    return _VARIABLE.sub(HOLE, mask(line[:MOST_CHARACTERS])).split(None, MOST_WORDS)[:MOST_WORDS] or [""]


def closest(template: T, others: Iterable[T]) -> T | None:
    """The one that shares the largest part of its words with this one; None where none shares a fifth."""
    words = set(template.words) - {HOLE}
    best, most = None, 1 / 5
    for other in others:
        if other is not template:
            theirs = set(other.words) - {HOLE}
            shared = len(words & theirs) / (len(words | theirs) or 1)
            if shared > most:
                best, most = other, shared
    return best


def _first(words: list[str]) -> str:
    """The first word that says what a line is about: no time, level, id or bracket of these."""
    for word in words:
        if not _is_opening(word):
            return word[:32]
    return HOLE


@lru_cache(8192)
def _is_opening(word: str) -> bool:
    return HOLE in word or _OPENING.fullmatch(word) is not None


def _plain(words: list[str]) -> int:
    return sum(HOLE not in word for word in words)


def _most_similar(alike: Sequence[T], words: list[str]) -> T | None:
    best, most = None, 0.0
    for template in alike:
        if sum(map(eq, template.words, words)) < SIMILAR * template.born:  # most are ruled out by this alone
            continue
        similar = _similarity(template, words)
        if similar > most:
            best, most = template, similar
            if similar == 1.0:
                break
    return best if most >= SIMILAR else None


def _similarity(template: Template, words: list[str]) -> float:
    """Share of the plain words that the shape was born with which this line has; 0 where a telling word differs."""
    same = 0
    for ours, theirs in zip(template.words, words, strict=True):
        if ours == theirs:
            same += HOLE not in ours
        elif _tells(theirs) or _tells(ours):
            return 0.0
    return same / template.born if template.born else float(template.words == words)


@lru_cache(8192)
def _tells(word: str) -> bool:
    return _TELLING.search(word) is not None


def _generalise(template: Template, words: list[str]) -> None:
    template.words = [
        ours if ours == theirs else HOLE for ours, theirs in zip(template.words, words, strict=True)
    ]
