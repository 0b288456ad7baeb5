"""Join records that span lines: what a container wrote as one line, its runtime may have cut into several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Joined = tuple[int, bytes]  # offset of the first byte, and the lines with "\n" between them
Place = tuple[str, bool]  # which stream a line belongs to, and whether more of it follows

MAX_JOINED = 1 << 20  # bytes of a record put together of several lines


class Joiner(Protocol):
    """Puts lines together to records."""

    def feed(self, offset: int, line: bytes) -> list[Joined]:
        """The records that this line completes."""
        ...

    def passes(self, lines: list[bytes]) -> bool:
        """Whether each of these lines is a record by itself, so that none need be fed. A quick look: no is allowed."""
        ...

    def flush(self) -> list[Joined]:
        """What is still incomplete, as records: for where nothing follows."""
        ...

    @property
    def state(self) -> Any:
        """What is still incomplete, as plain data; None where nothing is. A new joiner goes on from it."""
        ...


class Pieces:
    """Joins the pieces of a line, each stream by itself; a line that is no piece of anything passes as it is."""

    def __init__(
        self,
        place: Callable[[bytes], Place | None],
        state: Any = None,
        *,
        whole: Callable[[list[bytes]], bool] = lambda lines: False,
        limit: int = MAX_JOINED,
    ) -> None:
        """`place` tells of one line what it is; `whole` of many, at a glance, that none is a piece."""
        self._place, self._whole, self._limit = place, whole, limit
        self._open: dict[str, Joined] = {
            stream: (offset, raw) for stream, (offset, raw) in (state or {}).items()
        }

    def feed(self, offset: int, line: bytes) -> list[Joined]:
        place = self._place(line)
        if place is None:
            return [(offset, line)]
        stream, goes_on = place
        begun = self._open.pop(stream, None) if self._open else None
        if begun is not None:
            offset, line = begun[0], begun[1] + b"\n" + line
        if not goes_on or len(line) >= self._limit:
            return [(offset, line)]
        self._open[stream] = (offset, line)
        return []

    def passes(self, lines: list[bytes]) -> bool:
        return not self._open and self._whole(lines)

    def flush(self) -> list[Joined]:
        begun = sorted(self._open.values())
        self._open = {}
        return begun

    @property
    def state(self) -> Any:
        return {stream: list(joined) for stream, joined in self._open.items()} or None
