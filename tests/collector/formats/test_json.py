"""Any JSON object is an event whose fields keep their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.formats import recognise
from collector.formats.json import Format
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record

FORMAT = Format()
ORIGIN = Origin("app", "json", "app.jsonl")


def normalize(raw: bytes) -> Event:
    return FORMAT.normalize(Record(raw), ORIGIN)


def test_fields_keep_their_names() -> None:
    made = normalize(b'{"EventID":1,"user.name":"x","a":{"b":[1]}}')
    assert made.native == {"EventID": 1, "user.name": "x", "a": {"b": [1]}}
    assert (made.dataset, made.module, made.repeats) == ("json", "", True)


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b'{"@timestamp":"2026-11-23T18:44:05+01:00"}', "2026-11-23T17:44:05Z"),
        (b'{"UtcTime":"2020-10-10 10:10:10.123"}', "2020-10-10T10:10:10.123Z"),
        (b'{"ts":1795459396.5}', "2026-11-23T18:43:16.500000000Z"),
        (b'{"time":1795459396367}', "2026-11-23T18:43:16.367000000Z"),
        (b'{"time":1795459396367756781}', "2026-11-23T18:43:16.367756781Z"),
        (b'{"time":"soon"}', "1970-01-01T00:00:00Z"),
        (b'{"time":1e400}', "1970-01-01T00:00:00Z"),
    ],
)
def test_the_time_is_found_under_its_usual_names(raw: bytes, moment: str) -> None:
    assert normalize(raw).timestamp == moment


def test_the_message_is_the_records_own_or_all_of_it() -> None:
    assert normalize(b'{"msg":"hello","a":1}').message == "hello"
    assert normalize(b'{"a":1}').message == '{"a":1}'


@pytest.mark.parametrize("raw", [b"", b"text", b"[1]", b'"x"', b'{"a":'])
def test_what_is_no_object_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        normalize(raw)


def test_it_is_recognised_where_nothing_knows_better() -> None:
    assert recognise(b'{"a":1}\n{"b":2}\n') == "json"
    assert recognise(b'{"a":1}\ntext\n') is None


@given(st.binary(max_size=100))
def test_any_bytes_give_an_event_or_are_unreadable(raw: bytes) -> None:
    try:
        assert normalize(raw).message is not None
    except Unreadable as error:
        assert str(error)
