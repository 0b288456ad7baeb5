"""Send documents in bulk, and tell of each what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from event_model.errors import StoreError
from store.elastic.access import Access
from store.elastic.client import DISK_FULL, Away, Connection, explain, reason, telling
from store.elastic.document import Document
from store.elastic.rollovers import Rollovers
from store.elastic.server import ask

UNFORMED = "_na_"  # what a node says while it has no master


class Fate(Enum):
    """What became of a document."""

    TAKEN = "taken"
    KNOWN = "known"  # it was there already: delivered as well
    BUSY = "busy"  # the same will work later
    BLOCKED = "blocked"  # the same will work once someone has done something about it
    REFUSED = "refused"  # it will never work


class Verdict(NamedTuple):
    fate: Fate
    reason: str = ""


class TooLarge(StoreError):
    """A request of more bytes than the server, or what stands before it, takes."""


_TAKEN, _KNOWN = Verdict(Fate.TAKEN), Verdict(Fate.KNOWN)


def judge(status: int, error: Any = None) -> Verdict:
    """What the status and `error` of one item of a bulk answer mean.

    429 is a full queue or a full disk, which only the error tells apart; 409 is a document that is there.
    """
    if status < 300:
        return _TAKEN
    if status == 409:
        return _KNOWN
    kind, why = (error.get("type", "") if isinstance(error, dict) else ""), reason(error)
    if kind == "cluster_block_exception":
        full = any(word in why for word in DISK_FULL)
        return Verdict(Fate.BLOCKED, f"the cluster's disk is full: {why}" if full else f"no writing: {why}")
    if status in (401, 403, 404):  # permissions, or no template: someone can mend that
        return Verdict(
            Fate.BLOCKED, f"not permitted ({status}): {why}" if status != 404 else f"not there: {why}"
        )
    if status in (408, 429) or status >= 500:
        return Verdict(Fate.BUSY, f"busy ({status}): {why}")
    return Verdict(Fate.REFUSED, f"{kind}: {why}" if kind else why)


class Bulk:
    """One cluster's bulk requests. No waiting, and nothing is tried twice in here."""

    def __init__(self, client: Any, connection: Connection) -> None:
        """`client`: of `connect(connection, retries=0)`, for to repeat blindly is to write twice."""
        self._client, self._connection = client, connection
        self._rollovers = Rollovers(client, connection)
        # without one of these nothing is found, and what is there is written again
        self._access = Access(client, connection, "writer", ("read", "maintenance", "view_index_metadata"))

    def cluster(self) -> str:
        """The UUID of the cluster that answers. Raises Away where none does, or it has not found itself yet."""
        with telling(self._connection, "asking who it is"):
            found = str(ask(self._client, "GET", "/").get("cluster_uuid") or UNFORMED)
        if found == UNFORMED:
            raise Away(f"{self._connection.address}: its nodes have not made a cluster yet")
        return found

    def older(self, documents: Sequence[Document]) -> list[Document]:
        """Those that someone else may have written before the last roll-over: the index that they would go to can't know."""
        streams = {document.stream for document in documents}
        self._access.check(streams)
        began = self._rollovers.began(streams)
        if not began:
            return []
        return [document for document in documents if document.time < began.get(document.stream, 0)]

    def send(self, documents: Sequence[Document]) -> list[Verdict]:
        """Create these documents; a verdict for each, in order.

        Raises TooLarge; Away or another StoreError where it is not known what became of them.
        """
        import elastic_transport
        import elasticsearch

        try:
            answer = self._client.bulk(
                operations=body(documents),
                require_data_stream=True,  # without a template, a name would become an index of guessed types
                filter_path="items.*.status,items.*.error",
            )
        except elasticsearch.ApiError as error:
            if error.meta.status == 413:
                raise TooLarge(
                    f"{self._connection.address} takes no request of so many bytes (413)"
                ) from None
            raise explain(self._connection, "writing", error) from None
        except elastic_transport.TransportError as error:
            raise explain(self._connection, "writing", error) from None
        return self._verdicts(answer, len(documents))

    def known(self, documents: Iterable[Document]) -> set[str]:
        """The ids of those that are there, in any index behind their data streams."""
        wanted: dict[str, list[str]] = {}
        for document in documents:
            wanted.setdefault(document.stream, []).append(document.id)
        self._access.check(wanted)
        found: set[str] = set()
        with telling(self._connection, "looking for what was written"):
            for stream, ids in wanted.items():
                answer = self._client.search(
                    index=stream, query={"ids": {"values": ids}}, size=len(ids), source=False,
                    ignore_unavailable=True, filter_path="hits.hits._id", allow_partial_search_results=False,
                )  # fmt: skip
                found |= {hit["_id"] for hit in answer.get("hits", {}).get("hits", ())}
        return found

    def refresh(self, streams: Iterable[str]) -> None:
        """Make what was written so far visible to `known`."""
        with telling(self._connection, "looking for what was written"):
            self._client.indices.refresh(index=",".join(streams), ignore_unavailable=True)

    def _verdicts(self, answer: Any, number: int) -> list[Verdict]:
        try:
            items = [item["create"] for item in answer["items"]]
            found = [
                _TAKEN if item["status"] == 201 else judge(item["status"], item.get("error"))
                for item in items
            ]
        except (KeyError, TypeError, AttributeError):
            found = []
        if len(found) != number:
            raise Away(f"{self._connection.address}, writing: the answer is not that of Elasticsearch")
        return found


def body(documents: Iterable[Document]) -> bytes:
    """The documents as a bulk request has them."""
    return b"".join(
        b'{"create":{"_index":"%b","_id":"%b"}}\n%b\n'
        % (document.stream.encode(), document.id.encode(), document.source)
        for document in documents
    )
