"""One index, or the alias of several, and what the state asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from event_model.errors import StoreError
from store.elastic.client import Connection, reason, telling

PAGE = 1000  # documents in one answer
REQUEST_BYTES = 8 << 20  # of a bulk request, unless one document is larger
MOST_DOCUMENT = 20 << 20  # bytes; a server has a bound as well, of a tenth of its memory or less
TOO_LARGE = 413  # status of what the server, or what stands before it, takes no request of so many bytes for
SETUP = "`tallyman store setup` makes what is missing"
_Answer = TypeVar("_Answer")


class Hit(Struct, frozen=True):
    """A document, and which writing of it this is: `seq` and `term` change with each."""

    id: str
    index: str  # the concrete one
    source: dict[str, Any]
    seq: int
    term: int
    sort: list[Any]

    @property
    def unchanged(self) -> dict[str, int]:
        """The condition that nobody has written it meanwhile."""
        return {"if_seq_no": self.seq, "if_primary_term": self.term}


def hit(found: Mapping[str, Any]) -> Hit:
    """What the server says of a document."""
    return Hit(
        found["_id"], found["_index"], found.get("_source", {}),
        found.get("_seq_no", -1), found.get("_primary_term", 0), found.get("sort", []),
    )  # fmt: skip


class Answer(Struct, frozen=True):
    """What came of one operation of a bulk request."""

    status: int
    reason: str

    @property
    def conflicts(self) -> bool:
        """It was written by someone else meanwhile, or is there already, or is gone."""
        return self.status in (404, 409)


def _requests(operations: Iterable[list[bytes]]) -> Iterator[list[list[bytes]]]:
    """The operations of bulk requests that are not too long for the server (100 MB unless told otherwise)."""
    request: list[list[bytes]] = []
    size = 0
    for lines in operations:
        length = sum(map(len, lines))
        if request and size + length > REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(lines)
        size += length
    if request:
        yield request


@dataclass(slots=True)
class Index:
    """All methods raise StoreError where the cluster can't be reached or refuses."""

    client: Any  # elasticsearch.Elasticsearch
    connection: Connection
    name: str
    _is_there: bool = field(default=False, init=False)

    def get(self, id: str, index: str = "") -> Hit | None:
        """The document as it was written last, whether or not a search would find it yet."""
        asking = self.client.options(ignore_status=404)
        found = self._ask(lambda: asking.get(index=index or self.name, id=id))
        return hit(found) if found.get("found") else None

    def get_all(self, places: Sequence[tuple[str, str]], **more: Any) -> list[Hit]:
        """The documents of these (index, id) as they were written last, without those that are gone."""
        if not places:
            return []
        wanted = [{"_index": index, "_id": id} for index, id in places]
        found = self._ask(lambda: self.client.mget(docs=wanted, **more))
        for each in found["docs"]:
            if "error" in each and each["error"]["type"] != "index_not_found_exception":
                at = f"Elasticsearch at {self.connection.address}, asking for {each['_index']}"
                raise StoreError(f"{at}: {reason(each)}. `tallyman store check` asks how it is")
        return [hit(each) for each in found["docs"] if each.get("found")]

    def search(self, query: Any, *, limit: int = PAGE, **more: Any) -> list[Hit]:
        """The documents that meet a query; none if there is no such index."""
        return [hit(each) for each in self.answer(query, size=limit, **more)["hits"]["hits"]]

    def answer(self, query: Any, **more: Any) -> Any:
        """What the server answers to a query; no hits if there is no such index."""
        import elasticsearch

        asked: dict[str, Any] = {"seq_no_primary_term": True, "track_total_hits": False, **more}

        def search() -> Any:
            try:  # with `ignore_unavailable` it would pass for empty where it may not be read
                return self.client.search(index=self.name, query=query, **asked)
            except elasticsearch.NotFoundError as error:
                if error.error != "index_not_found_exception":
                    raise
                return {"hits": {"hits": []}}

        return self._ask(search)

    def scan(
        self, query: Any, sort: list[Any], *, page: int = PAGE, after: list[Any] | None = None, **more: Any
    ) -> Iterator[list[Hit]]:
        """All documents that meet a query, in pages; `sort` tells all of them apart, `after` is that of one of them."""
        while True:
            behind = {"search_after": after} if after is not None else {}
            found = self.search(query, limit=page, sort=sort, **behind, **more)
            if found:
                yield found
            if len(found) < page:
                return
            after = found[-1].sort

    def create(self, id: str, document: Any, *, refresh: bool = False) -> bool:
        """Put a new document in; whether there was none of this id."""
        self._exist()
        asking = self.client.options(ignore_status=409)
        made = self._ask(
            lambda: asking.index(index=self.name, id=id, document=document, op_type="create", refresh=refresh)
        )
        return "error" not in made

    def create_all(self, documents: Iterable[tuple[str, Any]]) -> None:
        """Put in those of these (id, document) that are not there."""
        self._exist()
        source = iter(documents)
        while piece := list(islice(source, PAGE)):
            operations = [({"create": {"_id": id}}, document) for id, document in piece]
            self._refuse_others(self.bulk(operations), 409)

    def put(self, id: str, document: Any) -> None:
        """Put a document in the place of what was there."""
        self._exist()
        self._ask(lambda: self.client.index(index=self.name, id=id, document=document))

    def change(self, found: Hit, parts: Any) -> bool:
        """Change parts of a document; whether nobody else has changed it meanwhile."""
        (answer,) = self.bulk([self.updating(found, parts)])
        return answer.status < 300

    def updating(self, found: Hit, parts: Any) -> tuple[Any, Any]:
        """The operation, for `bulk`, that changes parts of a document unless it was written meanwhile."""
        return {"update": self._at(found)}, {"doc": parts}

    def delete(self, found: Iterable[Hit], *, refresh: bool = False) -> int:
        """Delete documents, but for those that were written meanwhile; how many."""
        answers = self.bulk([({"delete": self._at(each)}, None) for each in found], refresh=refresh)
        self._refuse_others(answers, 404, 409)
        return sum(answer.status < 300 for answer in answers)

    def bulk(self, operations: Sequence[tuple[Any, Any]], *, refresh: bool = False) -> list[Answer]:
        """What came of each of these (action, body or None); never raises for one alone.

        TOO_LARGE is the status of one that no request can hold.
        """
        encoded = ([msgspec.json.encode(part) for part in each if part is not None] for each in operations)
        return [answer for request in _requests(encoded) for answer in self._sent(request, refresh)]

    def _sent(self, request: list[list[bytes]], refresh: bool) -> list[Answer]:
        """What the server says of each operation; of a request that is too large, in halves."""
        lines = [line for operation in request for line in operation]
        if sum(map(len, lines)) <= MOST_DOCUMENT:
            answered = self._ask(lambda: self._unless_too_large(lines, refresh))
            if answered is not None:
                found = (next(iter(item.values())) for item in answered["items"])
                return [Answer(each["status"], reason(each) if "error" in each else "") for each in found]
        if len(request) == 1:
            return [Answer(TOO_LARGE, "no request takes so many bytes")]
        middle = len(request) // 2
        return [*self._sent(request[:middle], refresh), *self._sent(request[middle:], refresh)]

    def _unless_too_large(self, lines: list[bytes], refresh: bool) -> Any:
        """The answer to one request; None where it has too many bytes for someone on the way."""
        import elasticsearch

        try:
            return self.client.bulk(operations=lines, index=self.name, refresh=refresh)
        except elasticsearch.ApiError as error:
            if error.meta.status != TOO_LARGE:
                raise
            return None

    def drop_empty(self) -> None:
        """Delete the indices behind the alias that hold nothing, but for the one that is written."""
        self.refresh()
        behind = self._ask(lambda: self.client.indices.get_alias(name=self.name))
        for index, aliases in behind.items():
            if not aliases["aliases"][self.name].get("is_write_index"):
                held = self._ask(lambda index=index: self.client.count(index=index))  # type: ignore[misc]
                if not held["count"]:
                    self._ask(lambda index=index: self.client.indices.delete(index=index))  # type: ignore[misc]

    def roll(self, **conditions: Any) -> bool:
        """Go on in a new index where one of the conditions is met; whether it was."""
        rolled = self._ask(lambda: self.client.indices.rollover(alias=self.name, conditions=conditions))
        return bool(rolled["rolled_over"])

    def refresh(self) -> None:
        """Have searches find what was written up to now."""
        self._ask(lambda: self.client.indices.refresh(index=self.name, ignore_unavailable=True))

    def _at(self, found: Hit) -> dict[str, Any]:
        return {"_index": found.index, "_id": found.id, **found.unchanged}

    def _refuse_others(self, answers: Iterable[Answer], *expected: int) -> None:
        """Raises StoreError for an operation that failed with any other status."""
        for answer in answers:
            if answer.status >= 300 and answer.status not in expected:
                at = f"Elasticsearch at {self.connection.address}, {self.name}"
                raise StoreError(f"{at}: refused ({answer.status}): {answer.reason}")

    def _exist(self) -> None:
        """Raises StoreError if there is no such index: writing would make one without our mapping."""
        if not self._is_there and not self._ask(lambda: self.client.indices.exists(index=self.name)):
            raise StoreError(f"Elasticsearch at {self.connection.address} has no {self.name}. {SETUP}")
        self._is_there = True

    def _ask(self, ask: Callable[[], _Answer]) -> _Answer:
        with telling(self.connection, f"asking for {self.name}"):
            return ask()
