"""Put searches to the cluster: whole answers, or an error in words."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from event_model.errors import StoreError
from store.elastic.access import Access
from store.elastic.client import Connection, explain, telling
from store.elastic.narrowed import Filter

GRACE = 5.0  # seconds that we wait longer than the server searches
KEEP_ALIVE = "1m"  # of a point in time, from one look to the next
Body = dict[str, Any]
STARTING = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 0)  # seconds between tries: a new index takes a moment to start
_MISSING = ("missing shards", "no_shard_available")
_NONE: Body = {"buckets": [], "sum_other_doc_count": 0, "doc_count_error_upper_bound": 0}
_TOO_SLOW = ("search_timeout_exception", "time exceeded", "task_cancelled_exception")


class Lost(StoreError):
    """The point in time has ended that was to be read at."""


class Searcher:
    """Searches in data streams of one cluster, there or not yet.

    Raises StoreError, also where this account may read only some of them, and TimeoutError for what takes longer than
    `connection.timeout`: never a part of an answer.
    """

    def __init__(self, client: Any, connection: Connection, index: str) -> None:
        self.client, self.connection, self.index = client, connection, index
        self._access = Access(client, connection, "reader", ("read",))
        self._copy = f"tallyman-{secrets.token_hex(4)}"  # the same copies of the shards from page to page

    def permitted(self) -> None:
        """Raises StoreError where this account may not read all that is searched."""
        self._access.check(self.index.split(","))

    def ask(self, *bodies: Body) -> list[Body]:
        """The answers to searches, made in one request."""
        self.permitted()
        seconds = self.connection.timeout
        lines: list[Body] = []
        for body in bodies:
            lines += [self._header(body), {"timeout": f"{round(seconds * 1000)}ms", **body}]
        # the server is to give up first: it says so, and stops searching
        patient = self.client.options(request_timeout=seconds + GRACE, max_retries=1)
        for pause in STARTING:
            with telling(self.connection, "searching"):
                answers = patient.msearch(searches=lines)["responses"]
            errors = str([answer.get("error") for answer in answers])
            if not any(word in errors for word in _MISSING):
                break
            time.sleep(pause)
        return [self._whole(answer) for answer in answers]

    @contextmanager
    def standing(self, wanted: bool) -> Iterator[Body]:
        """A point in time, as part of a search: what comes in meanwhile is not seen. Empty where none can be had."""
        body: Body = {}
        if not wanted:
            yield body
            return
        self.permitted()
        with suppress(StoreError), telling(self.connection, "opening a point in time"):
            opened = self.client.open_point_in_time(
                index=self.index, keep_alive=KEEP_ALIVE, ignore_unavailable=True, preference=self._copy
            )
            body = {"pit": {"id": opened["id"], "keep_alive": KEEP_ALIVE}}
        try:
            yield body
        finally:
            if body:
                with suppress(StoreError), telling(self.connection, "closing a point in time"):
                    self.client.options(ignore_status=404).close_point_in_time(id=body["pit"]["id"])

    def _header(self, body: Body) -> Body:
        if "pit" in body:
            return {}
        return {
            "index": self.index,
            "ignore_unavailable": True,
            "allow_no_indices": True,
            "allow_partial_search_results": False,
            "preference": self._copy,
        }

    def _whole(self, answer: Body) -> Body:
        """The answer, if every part of the cluster has answered."""
        if "error" in answer:
            if any(word in str(answer["error"]).lower() for word in _TOO_SLOW):
                raise self._slow()
            if "search_context_missing" in str(answer["error"]):
                raise Lost(f"Elasticsearch at {self.connection.address}: a point in time has ended")
            raise self._refused(answer)
        if answer["timed_out"]:
            raise self._slow()
        shards = answer["_shards"]
        if shards["failed"]:
            why = str(shards.get("failures", [{}])[0].get("reason", {}).get("reason", "no reason given"))
            raise StoreError(
                f"Elasticsearch at {self.connection.address}, searching: {shards['failed']} of {shards['total']} "
                f"shards failed: {why}. `tallyman store check` asks how the cluster is"
            )
        if not shards["total"]:  # no data stream is there yet
            answer.setdefault("aggregations", {"it": _NONE})
        return answer

    def _slow(self) -> TimeoutError:
        return TimeoutError(
            f"Elasticsearch at {self.connection.address}: no answer in {self.connection.timeout:g} seconds. "
            "A shorter span of time helps (--since), or a larger store.elasticsearch.timeout"
        )

    def _refused(self, answer: Body) -> StoreError:
        """One search of several was refused: its answer as if it had come alone."""
        from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
        from elasticsearch import ApiError

        node = NodeConfig("http", "localhost", 9200)
        meta = ApiResponseMeta(int(answer.get("status", 500)), "1.1", HttpHeaders(), 0.0, node)
        causes = answer["error"].get("root_cause")  # the rest says that all shards failed
        body = {"error": causes[0]} if causes else answer
        return explain(self.connection, "searching", ApiError("", meta, body))


def within(*filters: Filter) -> Body:
    """The query of a search that needs no scores."""
    return {"query": {"bool": {"filter": list(filters)}}}
