"""Match texts by wildcards and regular expressions, always in time linear in their length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from sigma.types import SigmaString

Matches = Callable[[str], bool]
LONGEST_PATTERN = 4096
_REMEMBERED = 512  # answers of a pattern: the same images, names and commands come again and again
_SHORT = 200  # characters of a text whose answer is remembered

MANY, ONE = "*", "?"
Shape = list[str | tuple[str]]  # MANY, ONE and literal texts, in order


def escape(text: str) -> str:
    """The text as a regular expression that finds it."""
    return str(re2.escape(text))


def searcher(patterns: Sequence[str], flags: str = "") -> Matches:
    """Whether one of these regular expressions is found anywhere in a text. Raises ValueError."""
    each = [_compiled(pattern, flags) for pattern in patterns]
    if len(each) > 1:
        try:
            each = [_compiled("|".join(f"(?:{pattern})" for pattern in patterns), flags, limit=False)]
        except ValueError:  # too large as one
            pass
    searches = [compiled.search for compiled in each]

    def find(text: str) -> bool:
        raw = text.encode("utf-8", "replace")  # half of a surrogate pair can't be encoded
        return any(search(raw) is not None for search in searches)

    remembered = lru_cache(maxsize=_REMEMBERED)(find)
    return lambda text: remembered(text) if len(text) <= _SHORT else find(text)


def _compiled(pattern: str, flags: str, limit: bool = True) -> re2._Regexp:
    if limit and len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile((f"(?{flags}){pattern}" if flags else pattern).encode(), options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"the pattern {pattern!r} can't be run in bounded time: {reason}") from None


def shape_of(value: SigmaString, cased: bool) -> Shape:
    """The wildcards and texts of a Sigma string; texts in lower case unless cased."""
    from sigma.types import SpecialChars

    shape: Shape = []
    for part in value.s:
        if isinstance(part, str):
            shape.append((part if cased else part.lower(),))
        else:
            shape.append(MANY if part is SpecialChars.WILDCARD_MULTI else ONE)
    return tidy(shape)


def tidy(shape: Shape) -> Shape:
    """Neighbouring stars are one, neighbouring texts too."""
    whole: Shape = []
    for part in shape:
        last = whole[-1] if whole else None
        if part == MANY and last == MANY:
            continue
        if isinstance(part, tuple) and isinstance(last, tuple):
            whole[-1] = (last[0] + part[0],)
        else:
            whole.append(part)
    return whole


def any_of(shapes: Iterable[Shape]) -> Matches:
    """Whether a whole text has one of these shapes: plain ones are looked up together."""
    exact: set[str] = set()
    starts: list[str] = []
    ends: list[str] = []
    parts: list[str] = []
    others: list[Matches] = []
    for shape in shapes:
        texts = [part[0] for part in shape if isinstance(part, tuple)]
        match [part if isinstance(part, str) else "text" for part in shape]:
            case [] | ["text"]:
                exact.add("".join(texts))
            case ["text", "*"]:
                starts += texts
            case ["*", "text"]:
                ends += texts
            case ["*", "text", "*"]:
                parts += texts
            case _:
                others.append(_matcher(shape))
    found = [*_plain(frozenset(exact), tuple(starts), tuple(ends), tuple(parts)), *others]
    if len(found) == 1:
        return found[0]
    return lambda text: any(matches(text) for matches in found)


def _plain(
    exact: frozenset[str], starts: tuple[str, ...], ends: tuple[str, ...], parts: tuple[str, ...]
) -> Iterable[Matches]:
    if exact:
        yield exact.__contains__
    if starts:
        yield lambda text: text.startswith(starts)
    if ends:
        yield lambda text: text.endswith(ends)
    if len(parts) == 1:
        yield lambda text: parts[0] in text
    elif parts:
        yield lambda text: any(map(text.__contains__, parts))


def _matcher(shape: Shape) -> Matches:
    if ONE in shape:
        wild = {MANY: ".*", ONE: "."}
        text = "".join(wild[part] if isinstance(part, str) else escape(part[0]) for part in shape)
        return searcher([rf"\A(?:{text})\z"], "s")
    if shape == [MANY]:
        return lambda text: True
    texts = [part[0] for part in shape if isinstance(part, tuple)]
    return _pieces(texts, shape[0] != MANY, shape[-1] != MANY)


def _pieces(texts: list[str], at_start: bool, at_end: bool) -> Matches:
    """Texts in this order with anything between: the leftmost will do, so nothing is tried twice."""

    def matches(text: str) -> bool:
        at, last, middle = 0, len(text), texts
        if at_start:
            if not text.startswith(texts[0]):
                return False
            at, middle = len(texts[0]), middle[1:]
        if at_end:
            last -= len(texts[-1])
            if last < at or not text.endswith(texts[-1]):
                return False
            middle = middle[:-1]
        for piece in middle:
            found = text.find(piece, at, last)
            if found < 0:
                return False
            at = found + len(piece)
        return at <= last

    return matches
