"""The shapes of log lines: what stays of a line when its numbers, ids, addresses and times are taken out.

A fixed-depth tree in the manner of Drain (He et al., ICWS 2017): by number of words and first word, then the most
similar shape of a short list. Two things differ. A line whose digits alone are new costs one look-up. And words
that decide what a line means (`denied`, `failed`, `ERROR`) are never generalised: `Principal <*> is <*>` would
hide the first refusal.
"""

from __future__ import annotations

from functools import lru_cache
from operator import eq
from re import IGNORECASE, compile

MOST_CHARACTERS = 512  # of a line that are looked at: its shape is at its start
MOST_WORDS = 48
MOST_ALIKE = 64  # shapes of the same length and first word
MOST_SIGNATURES = 16_384
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


class Template:
    """One shape. `words` grows more general as lines join it."""

    __slots__ = ("born", "id", "owner", "words")

    def __init__(self, id: int, words: list[str], owner: str, born: int = 0) -> None:
        self.id, self.words, self.owner = id, words, owner
        self.born = born or _plain(words)  # plain words of its first line

    def __str__(self) -> str:
        return " ".join(self.words)


class Templates:
    """The shapes of all lines seen, at most `most`; at most `each` that one owner brought in."""

    def __init__(self, most: int = 10_000, each: int = 300) -> None:
        self.most, self.each = most, each
        self.by_id: dict[int, Template] = {}
        self._signatures: dict[bytes, Template] = {}
        self._tree: dict[tuple[int, str], list[Template]] = {}
        self._owned: dict[str, int] = {}
        self._next = 1

    def find(self, line: str, owner: str) -> Template | None:
        """The shape of a line, made if it is new; None where its owner has brought in too many."""
        head = line[:MOST_CHARACTERS]
        signature = head.encode("utf-8", "replace").translate(None, _DIGITS)
        found = self._signatures.get(signature)
        if found is None:
            found = self._search(words_of(head), owner)
            if found is not None:
                self._remember(signature, found)
        return found

    def _search(self, words: list[str], owner: str) -> Template | None:
        alike = self._tree.get(_place(words), [])
        best = _most_similar(alike, words)
        if best is not None:
            _generalise(best, words)
            return best
        if self._owned.get(owner, 0) >= self.each or len(self.by_id) >= self.most or len(alike) >= MOST_ALIKE:
            return None
        return self._add(Template(self._next, words, owner))

    def _add(self, template: Template) -> Template:
        self.by_id[template.id] = template
        self._tree.setdefault(_place(template.words), []).append(template)
        self._owned[template.owner] = self._owned.get(template.owner, 0) + 1
        self._next = max(self._next, template.id + 1)
        return template

    def _remember(self, signature: bytes, template: Template) -> None:
        if len(self._signatures) >= MOST_SIGNATURES:
            for old in list(self._signatures)[: MOST_SIGNATURES // 2]:
                del self._signatures[old]
        self._signatures[signature] = template

    def forget(self, ids: set[int]) -> None:
        """Drop these shapes: nobody has printed them for long."""
        for id in ids & self.by_id.keys():
            template = self.by_id.pop(id)
            place = _place(template.words)
            self._tree[place].remove(template)
            if not self._tree[place]:
                del self._tree[place]
            self._owned[template.owner] -= 1
            if not self._owned[template.owner]:
                del self._owned[template.owner]
        self._signatures = {line: it for line, it in self._signatures.items() if it.id in self.by_id}

    def closest(self, template: Template) -> Template | None:
        """The known shape that shares the largest part of its words with this one; None where none shares a fifth."""
        words = set(template.words) - {HOLE}
        best, most = None, 1 / 5
        for other in self.by_id.values():
            if other is not template:
                others = set(other.words) - {HOLE}
                shared = len(words & others) / (len(words | others) or 1)
                if shared > most:
                    best, most = other, shared
        return best

    def restore(self, id: int, words: str, owner: str, born: int) -> None:
        """Take a shape of a snapshot."""
        self._add(Template(id, words.split(" "), owner, born))


def words_of(line: str) -> list[str]:
    """The words of a line, with holes where it holds numbers, ids, addresses or times."""
    return _VARIABLE.sub(HOLE, line).split(None, MOST_WORDS)[:MOST_WORDS] or [""]


def _place(words: list[str]) -> tuple[int, str]:
    first = words[0]
    return len(words), HOLE if HOLE in first else first[:32]


def _plain(words: list[str]) -> int:
    return sum(HOLE not in word for word in words)


def _most_similar(alike: list[Template], words: list[str]) -> Template | None:
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
