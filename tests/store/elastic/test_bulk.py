"""What a cluster says of one document is understood: taken, known, to be sent again, waited for, or never to be taken."""

from __future__ import annotations

from typing import Any

import pytest

from event_model.event import Origin, Record
from store.block import Entry
from store.elastic.bulk import Fate, body, judge
from store.elastic.document import Document


def error(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "reason": reason, **more}


@pytest.mark.parametrize(
    ("status", "said", "fate", "words"),
    [
        (201, None, Fate.TAKEN, ""),
        (409, error("version_conflict_engine_exception", "document already exists"), Fate.KNOWN, ""),
        (429, error("es_rejected_execution_exception", "queue capacity"), Fate.BUSY, "busy (429): queue capacity"),
        (429, error("circuit_breaking_exception", "Data too large"), Fate.BUSY, "busy (429): Data too large"),
        (503, error("unavailable_shards_exception", "primary shard is not active"), Fate.BUSY, "busy (503)"),
        (500, None, Fate.BUSY, "busy (500)"),
        (
            429,
            error("cluster_block_exception", "blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];"),
            Fate.BLOCKED,
            "the cluster's disk is full",
        ),
        (403, error("cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"), Fate.BLOCKED, "no writing"),
        (403, error("security_exception", "unauthorized for user"), Fate.BLOCKED, "not permitted (403)"),
        (404, error("index_not_found_exception", "no such index"), Fate.BLOCKED, "not there"),
        (
            400,
            error("document_parsing_exception", "failed to parse", caused_by=error("x", "For input string: \"a\"")),
            Fate.REFUSED,
            'document_parsing_exception: failed to parse: For input string: "a"',
        ),
    ],
)  # fmt: skip
def test_a_status_and_its_error_are_judged(status: int, said: Any, fate: Fate, words: str) -> None:
    verdict = judge(status, said)
    assert verdict.fate is fate
    assert verdict.reason.startswith(words) and bool(verdict.reason) == bool(words)


def test_a_request_has_an_action_and_a_document_a_line() -> None:
    entry = Entry("", 0, Record(b""), Origin("a", "json"), 0.0, "")
    documents = [
        Document("ab", "logs-x-default", b'{"n":1}', entry),
        Document("cd", "logs-y-default", b"{}", entry),
    ]
    assert body(documents) == (
        b'{"create":{"_index":"logs-x-default","_id":"ab"}}\n{"n":1}\n'
        b'{"create":{"_index":"logs-y-default","_id":"cd"}}\n{}\n'
    )
