from __future__ import annotations

import hashlib

from msgspec.structs import replace

from event_model.event import Event, Origin, Record, identity

EVENT = Event(
    Record(b"raw", 7), Origin("audit", "kubernetes_audit", "/var/log/a.log", "prod"), {},
    lambda event: f"{event.user_name} did it", "2026-11-02T10:00:00Z", "kubernetes.audit_logs", user_name="alice",
)  # fmt: skip


def test_the_sentence_is_made_of_the_event() -> None:
    assert EVENT.message == "alice did it"


def test_a_record_read_twice_is_one_event_wherever_it_was_read() -> None:
    again = replace(
        EVENT, record=Record(b"raw", 99), origin=replace(EVENT.origin, source="other", path="/tmp/copy.log")
    )
    assert identity(again) == identity(EVENT)
    assert len(identity(EVENT)) == 40


def test_the_same_record_of_another_cluster_is_another_event() -> None:
    assert identity(replace(EVENT, origin=replace(EVENT.origin, cluster="test"))) != identity(EVENT)


def test_where_equal_records_may_repeat_the_position_tells_them_apart() -> None:
    line = replace(EVENT, repeats=True)
    assert identity(line) == identity(replace(line, origin=replace(line.origin, source="other")))
    assert identity(line) != identity(replace(line, record=Record(b"raw", 8)))
    assert identity(line) != identity(replace(line, origin=replace(line.origin, path="/var/log/b.log")))


def test_an_id_that_the_caller_chose_is_no_identity() -> None:
    assert identity(replace(EVENT, id="chosen")) == identity(EVENT)
    assert identity(replace(EVENT, record=Record(b"raw2"), id="chosen")) != identity(
        replace(EVENT, id="chosen")
    )


def test_the_hash_is_of_the_bytes_as_read_also_when_a_secret_was_replaced() -> None:
    digest = hashlib.sha256(b"raw").hexdigest()
    assert EVENT.record.hash() == digest
    redacted = replace(EVENT, record=Record(b"r**", 7, digest))
    assert redacted.record.hash() == digest
    assert identity(redacted) == identity(EVENT)
