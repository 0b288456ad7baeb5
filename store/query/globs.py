"""Match text against a pattern with `*` and `?`, in time that no pattern can make long."""

from __future__ import annotations

from collections.abc import Callable

from store.query.values import characters

ANY, ONE = object(), object()


def glob(pattern: str) -> Callable[[str], bool]:
    """Whether a text is as the pattern (see ast.Like) says, from its first to its last character."""
    runs = _runs(pattern)
    if len(runs) == 1:
        whole = _Run(runs[0])
        return lambda text: len(text) == whole.length and whole.at(text, 0)
    first, *middle, last = (_Run(run) for run in runs)
    least = first.length + sum(run.length for run in middle) + last.length

    def meets(text: str) -> bool:
        if len(text) < least or not first.at(text, 0) or not last.at(text, len(text) - last.length):
            return False
        place, end = first.length, len(text) - last.length
        for run in middle:  # the leftmost place of each leaves most room for the others
            place = run.find(text, place, end)
            if place < 0:
                return False
            place += run.length
        return True

    return meets


class _Run:
    """What stands between two `*`: literal text, perhaps with `?`."""

    def __init__(self, run: list[str | object]) -> None:
        self.length = len(run)
        self._known = [(place, char) for place, char in enumerate(run) if isinstance(char, str)]
        self._text = "".join(char for _, char in self._known)
        self._plain = len(self._known) == len(run)

    def at(self, text: str, place: int) -> bool:
        if self._plain:
            return text.startswith(self._text, place)
        return all(text[place + offset] == char for offset, char in self._known)

    def find(self, text: str, start: int, end: int) -> int:
        """The first place from `start` on where it stands before `end`, or -1."""
        if self._plain:
            return text.find(self._text, start, end)
        return next((place for place in range(start, end - self.length + 1) if self.at(text, place)), -1)


def _runs(pattern: str) -> list[list[str | object]]:
    runs: list[list[str | object]] = [[]]
    for char, escaped in characters(pattern):
        if char == "*" and not escaped:
            runs.append([])
        else:
            runs[-1].append(ONE if char == "?" and not escaped else char)
    return runs
