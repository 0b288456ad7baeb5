"""Which shapes several have in common: whoever writes a line first is told how many others write such lines."""

from __future__ import annotations

from collections.abc import Iterator

from detectors._lines.templates import Place, Template, Tree

ALIKE = 32  # shapes of the same length and first word that are compared


class Common(Template):
    """A shape of one writer or several, as it was when the last of them began to write it."""

    __slots__ = ("listed", "writers")

    def __init__(self, words: list[str], place: Place, born: int = 0) -> None:
        super().__init__(words, place, born)
        self.writers = 0
        self.listed = False  # in the tree; else only lines of the very same words are found to be of it


class Commons:
    """All shapes by what they have in common. Of a crowd of shapes alike only the first are compared: that some belong
    together may be missed then, but whoever writes them has them all the same."""

    def __init__(self) -> None:
        self._tree: Tree[Common] = Tree(alike=ALIKE)
        self._crowd: dict[tuple[str, ...], Common] = {}

    def find(self, words: list[str]) -> Common:
        """What a shape that is born with these words has in common with others'; new where that is nothing."""
        place = self._tree.place(words)
        found = self._crowd.get(tuple(words)) or self._tree.find(words, place)
        return found or self.add(Common(words, place))

    def add(self, common: Common) -> Common:
        common.listed = self._tree.add(common)
        if not common.listed:
            self._crowd[tuple(common.words)] = common
        return common

    def leave(self, common: Common) -> None:
        """One writer less has it."""
        common.writers -= 1
        if common.writers:
            return
        if common.listed:
            self._tree.remove(common)
        else:
            del self._crowd[tuple(common.words)]

    def __iter__(self) -> Iterator[Common]:
        yield from self._tree
        yield from self._crowd.values()
