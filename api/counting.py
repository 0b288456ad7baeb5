"""Count what a search found: in all, over time, by value; and leave out what would take too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api.asking import Asked, Span
from event_model.errors import QueryError
from event_model.parts import Store
from store.query.ast import Query
from store.query.names import resolve

Answer = TypeVar("Answer")
VALUES = 10  # commonest values of a field


@dataclass(slots=True)
class Counting:
    """One search's counts. `left_out` names those that would have had to look at too many events."""

    store: Store
    asked: Asked
    span: Span
    left_out: list[str] = field(default_factory=list)

    def histogram(self, bars: int) -> list[tuple[str, int]] | None:
        """Start of each bar, and events in it."""
        return self._tried("histogram", lambda: self._histogram(self.asked.shown, bars))

    def top(self, name: str) -> list[tuple[Any, int]] | None:
        """The commonest values of a field."""
        return self._tried(f"top {name}", lambda: self._top(name))

    def whole(self) -> int | None:
        """How many there are without the lens."""
        return self._tried("hidden", lambda: self._total(self.asked.whole))

    def _total(self, query: Query) -> int:
        found = self.store.search(query, **self.span._asdict(), limit=0, after=None, oldest_first=False)
        return found.total if found.exact else sum(count for _, count in self._histogram(query, 1))

    def _histogram(self, query: Query, bars: int) -> list[tuple[str, int]]:
        return self.store.histogram(query, **self.span._asdict(), buckets=bars)

    def _top(self, name: str) -> list[tuple[Any, int]]:
        return self.store.top(self.asked.shown, name, **self.span._asdict(), size=VALUES)

    def _tried(self, name: str, count: Callable[[], Answer]) -> Answer | None:
        try:
            return count()
        except TimeoutError:
            self.left_out.append(name)
            return None


def fields(text: str, most: int) -> list[str]:
    """The fields that are named with commas between. Raises QueryError for one that there is not."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if len(names) > most:
        raise QueryError(f"{len(names)} fields; the most is {most}")
    for name in names:
        try:
            resolve(name)
        except LookupError as error:
            raise QueryError(str(error.args[0]), text, text.index(name)) from None
    return names
