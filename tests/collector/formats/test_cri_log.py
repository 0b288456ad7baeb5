"""What a line of a container's log, as the kubelet keeps it, becomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.formats.cri_log import Format
from collector.reading import read_file
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record, identity

ORIGIN = Origin("pods", "cri_log", "/var/log/pods/shop_web-1_0b7c/app/0.log", "prod")
FORMAT = Format()


def normalize(raw: bytes, offset: int = 0) -> Event:
    return FORMAT.normalize(Record(raw, offset), ORIGIN)


def test_a_line_is_an_event_of_its_container() -> None:
    made = normalize(b"2016-10-06T02:17:09.669794202+02:00 stderr F log  content 1")
    assert made.message == "log  content 1"
    assert (made.timestamp, made.stream) == ("2016-10-06T00:17:09.669794202Z", "stderr")
    assert (made.dataset, made.module, made.orchestrator) == (
        "kubernetes.container_logs",
        "kubernetes",
        "kubernetes",
    )
    assert (made.namespace, made.pod_name, made.container_name, made.cluster) == (
        "shop",
        "web-1",
        "app",
        "prod",
    )
    assert made.labels is None


@pytest.mark.parametrize(
    "raw",
    [
        b"2016-10-06T00:17:09Z stdout F",
        b"2016-10-06T00:17:09Z stdout F ",
        b"2016-10-06T00:17:09Z stdout F:x ",
    ],
)
def test_a_line_may_be_empty(raw: bytes) -> None:
    assert normalize(raw).message == ""


def test_pieces_make_one_message_with_the_time_of_the_first() -> None:
    raw = b"2016-10-06T00:17:09.1Z stdout P one \n2016-10-06T00:17:09.2Z stdout P two \n2016-10-06T00:17:09.3Z stdout F three"
    made = normalize(raw)
    assert (made.message, made.timestamp, made.labels) == ("one two three", "2016-10-06T00:17:09.1Z", None)


def test_a_line_whose_end_never_came_says_so() -> None:
    assert normalize(b"2016-10-06T00:17:09Z stdout P one").labels == {"partial": "true"}


def test_equal_lines_in_different_places_are_different_events() -> None:
    line = b"2016-10-06T00:17:09Z stdout F x"
    assert identity(normalize(line, 0)) != identity(normalize(line, 33))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "needs a time"),
        (b"2016-10-06T00:17:09Z stdout", "needs a time"),
        (b"yesterday stdout F x", "'yesterday' is no time"),
        (b"2016-10-06T00:17:09Z stdlog F x", "'stdlog' is neither stdout nor stderr"),
        (b"2016-10-06T00:17:09Z stdout X x", "'X' is neither F nor P"),
        (b"\xff\xfe \x00 \x01 \x02", "is neither stdout nor stderr"),
    ],
)
def test_a_corrupted_line_is_unreadable_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        normalize(raw)


def test_invalid_utf_8_is_shown_as_replaced() -> None:
    assert normalize(b"2016-10-06T00:17:09Z stdout F a\xffb").message == "a\ufffdb"


def test_credentials_are_replaced() -> None:
    made = normalize(b"2016-10-06T00:17:09Z stdout F login with password=hunter2 ok")
    kept = FORMAT.redact(made.record, made)
    assert kept.raw == b"2016-10-06T00:17:09Z stdout F login with password=[redacted] ok"
    assert kept.hash() == made.record.hash()


def test_records_of_others_are_read(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("container_logs") / "plaso-cri.log"
    records = [record for batch in read_file(str(path)) for record in batch.records]
    messages = [normalize(record.raw, record.offset).message for record in records]
    assert len(messages) == 16
    assert messages[0] == "log content 2"
    assert any(message.startswith("log content 1") for message in messages)


@given(st.binary(max_size=100))
def test_any_bytes_give_an_event_or_are_unreadable(tail: bytes) -> None:
    for raw in (tail, b"2016-10-06T00:17:09Z stdout F " + tail, b"2016-10-06T00:17:09Z " + tail):
        try:
            assert isinstance(normalize(raw).message, str)
        except Unreadable as error:
            assert str(error)
