"""Count what a search found: in all, over time, by value; and leave out what would take too long."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from api.asking import Asked, Span
from event_model.errors import QueryError
from event_model.parts import Store
from store.query.ast import Query
from store.query.names import resolve

Answer = TypeVar("Answer")
VALUES = 10  # commonest values of a field


class Counts(Generic[Answer]):
    """Answers that are on their way, by name."""

    def __init__(self, threads: Executor, asked: dict[str, Callable[[], Answer]]) -> None:
        self._coming = {name: threads.submit(ask) for name, ask in asked.items()}
        self.left_out: list[str] = []  # those that would have had to look at too many events

    def get(self, name: str) -> Answer | None:
        """The answer, once it is there; None for one that was not asked, or is left out."""
        coming = self._coming.get(name)
        try:
            return None if coming is None else coming.result()
        except TimeoutError:
            self.left_out.append(name)
            return None


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts of one search, asked all at once, while its page is looked for."""

    store: Store
    asked: Asked
    span: Span

    def begin(self, threads: Executor, bars: int, names: list[str]) -> Counts[Any]:
        """`histogram` (start of each bar and events in it), `top NAME` (the commonest values of a field and events that
        have them), `hidden` (how many there are without the lens), as far as asked."""
        asks: dict[str, Callable[[], Any]] = {}
        if bars:
            asks["histogram"] = lambda: self._histogram(self.asked.shown, bars)
        asks |= {f"top {name}": partial(self._top, name) for name in names}
        if self.asked.people:
            asks["hidden"] = lambda: self._total(self.asked.whole)
        return Counts(threads, asks)

    def _total(self, query: Query) -> int:
        found = self.store.search(query, **self.span._asdict(), limit=0, after=None, oldest_first=False)
        return found.total if found.exact else sum(count for _, count in self._histogram(query, 1))

    def _histogram(self, query: Query, bars: int) -> list[tuple[str, int]]:
        return self.store.histogram(query, **self.span._asdict(), buckets=bars)

    def _top(self, name: str) -> list[tuple[Any, int]]:
        return self.store.top(self.asked.shown, name, **self.span._asdict(), size=VALUES)


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
