"""What a line of a container's log, as Docker's json-file driver keeps it, becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.formats.docker_json_log import Format
from collector.reading import read_file
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record

ID = "0123456789abcdef" * 4
ORIGIN = Origin("docker", "docker_json_log", f"/var/lib/docker/containers/{ID}/{ID}-json.log")
FORMAT = Format()
TIME = "2026-11-23T18:44:05.39978278Z"


def line(log: str, stream: str = "stdout", **more: Any) -> bytes:
    return json.dumps({"log": log, "stream": stream, "time": TIME, **more}).encode()


def docker_line(log: str) -> bytes:
    """As the driver writes it, without blanks."""
    return line(log).replace(b'", "', b'","').replace(b'": "', b'":"')


def normalize(raw: bytes, origin: Origin = ORIGIN) -> Event:
    return FORMAT.normalize(Record(raw), origin)


def test_a_line_is_an_event_of_its_container() -> None:
    made = normalize(line('"quoted" \\n\tä\n', "stderr", attrs={"tag": "app", "team": "shop"}))
    assert made.message == '"quoted" \\n\tä'
    assert (made.timestamp, made.stream, made.container_id) == (TIME, "stderr", ID)
    assert (made.dataset, made.module, made.orchestrator) == ("docker.container_logs", "docker", None)
    assert made.container_labels == {"tag": "app", "team": "shop"}
    assert made.labels is None


def test_a_pod_that_runs_on_docker_is_one_of_kubernetes() -> None:
    made = normalize(
        line("x\n"), Origin("pods", "docker_json_log", "/var/log/pods/shop_web-1_0b7c/app/0.log")
    )
    assert (made.dataset, made.namespace, made.pod_name) == ("kubernetes.container_logs", "shop", "web-1")


def test_pieces_make_one_message() -> None:
    made = normalize(b"\n".join((line("one "), line("two "), line("three\n"))))
    assert (made.message, made.labels) == ("one two three", None)


def test_a_line_without_an_end_says_so() -> None:
    assert normalize(line("no newline at the end")).labels == {"partial": "true"}


def test_a_backslash_and_an_n_are_no_line_end() -> None:
    joiner = FORMAT.joiner()
    assert joiner.passes([docker_line("x\n")] * 3)
    assert not joiner.passes([docker_line("x\n"), docker_line("literal \\n")])
    assert joiner.feed(0, line("literal \\n")) == []
    assert [offset for offset, _ in joiner.feed(50, line("end\n"))] == [0]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"log":"x', b'{"stream":"stdout"}', b"text"])
def test_a_corrupted_line_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        normalize(raw)


def test_ill_typed_parts_leave_the_rest() -> None:
    made = normalize(b'{"log":"x\\n","time":5,"stream":"stdout","attrs":{"a":1}}')
    assert (made.message, made.stream, made.labels) == ("x", "stdout", {"malformed": "time, attrs"})


def test_credentials_in_line_and_attributes_are_replaced() -> None:
    made = normalize(line("password=hunter2 \u00e4\n", attrs={"API_TOKEN": "abc", "team": "shop"}))
    kept = FORMAT.redact(made.record, made)
    again = normalize(kept.raw)
    assert again.message == "password=[redacted] ä"
    assert again.container_labels == {"API_TOKEN": "[redacted]", "team": "shop"}
    assert kept.hash() == made.record.hash()
    assert FORMAT.redact(kept, again) is kept


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dockermode.log", ["Single log", "Second log", "Third log"]),
        ("dockermode_splitted_line.log", ["2020-03-24 Single line", "2020-03-24 Another single line"]),
    ],
)
def test_records_of_others_are_read(
    shared_data: Callable[[str], Path], name: str, expected: list[str]
) -> None:
    path = shared_data("container_logs") / "fluent-bit" / "log" / name
    records = [record for batch in read_file(str(path)) for record in batch.records]
    assert [normalize(record.raw).message for record in records] == expected


@given(st.binary(max_size=100))
def test_any_bytes_give_an_event_or_are_unreadable(raw: bytes) -> None:
    for each in (raw, b'{"log":' + raw):
        try:
            assert isinstance(normalize(each).message, str)
        except Unreadable as error:
            assert str(error)
